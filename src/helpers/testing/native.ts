// Runs single instructions on the processor under the tests (src/helpers/native/instructionOracle.c).

import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Offsets in struct record of instructionOracle.c. */
export const Rec = { code: 0, fpu: 16, mxcsr: 124, rax: 128, rdx: 136, eflags: 144, trap: 148, xmm: 160, mem: 192, size: 704 } as const;

const source = fileURLToPath(new URL('../native/instructionOracle.c', import.meta.url));

export function buildNative(path: string, flags: string[] = []): string {
  const dir = join(tmpdir(), 'tuxlate-native');
  mkdirSync(dir, { recursive: true });
  const out = join(dir, path.replace(/^.*\//, '').replace(/\.c$/, ''));
  if (existsSync(out) && statSync(out).mtimeMs > statSync(path).mtimeMs) return out;
  const partial = `${out}.${randomUUID()}`;
  execFileSync('gcc', ['-O1', '-o', partial, path, ...flags]);
  renameSync(partial, out);
  return out;
}

/** The records as the processor leaves them. */
export function runNative(records: Uint8Array): Uint8Array {
  const result = spawnSync(buildNative(source), [], { input: records, maxBuffer: records.length + 1 });
  if (result.status !== 0 || result.stdout.length !== records.length) {
    throw new Error(`oracle: status ${result.status} signal ${result.signal} ${result.stdout?.length} of ${records.length} bytes`);
  }
  return new Uint8Array(result.stdout.buffer, result.stdout.byteOffset, result.stdout.length);
}

/** Whether this machine can run the oracle. */
export const canRunNative = process.platform === 'linux' && process.arch === 'x64';

/**
 * Whether its x87 is one whose every detail the helpers follow. Where the manuals are silent (C1, condition codes after
 * invalid operands, what an unmasked exception leaves behind, the last unit of fsin) the makers differ.
 */
export const hasReferenceX87 = canRunNative && /vendor_id\s*: AuthenticAMD/.test(readFileSync('/proc/cpuinfo', 'latin1'));
