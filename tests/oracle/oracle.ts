/**
 * Runs instructions on the real processor (oracle.c, built on demand with gcc for both modes into build/oracle).
 *
 * A case is code bytes plus the complete user-visible state; the result is the state after. Thousands of cases go
 * through one process; build a batch, call run() once. Needs an x86-64 Linux host with gcc (and gcc-multilib for 32 bits):
 * `oracleMissing()` says why it cannot be used.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The guest's areas. Everything else below `harness` is unmapped; above it live the oracle's own image, stack and vDSO,
 * so a case must not aim there. Reads and writes just outside an area fault (SIGSEGV, SEGV_MAPERR).
 */
export const Area = {
  /** Readable and executable; filled with int3. The page after it and before it are unmapped. */
  code: 0x10000000, codeSize: 0x2000,
  /** Readable, writable and executable; only restored and compared when the case says usesSelf. Filled with int3. */
  self: 0x10010000, selfSize: 0x1000,
  /** Readable and writable, not executable; contents from `seed`. */
  data: 0x20000000, dataSize: 0x4000,
  /** Readable only, directly behind data; then unmapped. Contents from `seed`. */
  readOnly: 0x20004000, readOnlySize: 0x1000,
  harness: 0x28000000,
} as const;

/** In 64-bit mode the areas are there a second time, so much higher (not executable). */
export const HEIGHT = 0x42_0000_0000;

/** Byte offsets in OracleState.bytes. gpr, xmm and ymmHigh lie where they lie in Cpu. */
export const St = {
  /** 16 x u64, encoding order. In 32-bit mode only 8 low halves count. */
  gpr: 0x000,
  rip: 0x080,
  eflags: 0x088,
  mxcsr: 0x08c,
  /** u64 each. In 32-bit mode fs and gs are loaded with selectors of descriptors with these bases. */
  fsBase: 0x090,
  gsBase: 0x098,
  /** 6 x u16: es cs ss ds fs gs; results only (64-bit mode: only cs ss). */
  selectors: 0x0a0,
  /** The first 160 bytes of an fxsave image: u16 control, u16 status, u8 abridged tag, u16 opcode at 6, u64 FIP at 8, u64 FDP at 16, st(0) at 32, 16 bytes each. */
  fx: 0x100,
  xmm: 0x200,
  ymmHigh: 0x300,
  size: 0x400,
} as const;

export class OracleState {
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;

  /** Wraps 0x400 bytes of `buffer` at `offset` (8-aligned), or makes a fresh reset state. */
  constructor(buffer?: ArrayBufferLike, offset = 0) {
    const b = buffer ?? new ArrayBuffer(St.size);
    this.bytes = new Uint8Array(b, offset, St.size);
    this.u16 = new Uint16Array(b, offset, St.size / 2);
    this.u32 = new Uint32Array(b, offset, St.size / 4);
    this.i32 = new Int32Array(b, offset, St.size / 4);
    this.u64 = new BigUint64Array(b, offset, St.size / 8);
    this.f32 = new Float32Array(b, offset, St.size / 4);
    this.f64 = new Float64Array(b, offset, St.size / 8);
    if (buffer === undefined) {
      this.eflags = 0x202;
      this.mxcsr = 0x1f80;
      this.u16[St.fx >> 1] = 0x37f;
    }
  }

  copyFrom(other: OracleState): void {
    this.bytes.set(other.bytes);
  }
  gpr(n: number): bigint {
    return this.u64[n]!;
  }
  setGpr(n: number, value: bigint | number): void {
    this.u64[n] = BigInt.asUintN(64, BigInt(value));
  }
  get rip(): number {
    return Number(this.u64[St.rip >> 3]);
  }
  set rip(value: number) {
    this.u64[St.rip >> 3] = BigInt(value);
  }
  get eflags(): number {
    return this.u32[St.eflags >> 2]!;
  }
  set eflags(value: number) {
    this.u32[St.eflags >> 2] = value;
  }
  get mxcsr(): number {
    return this.u32[St.mxcsr >> 2]!;
  }
  set mxcsr(value: number) {
    this.u32[St.mxcsr >> 2] = value;
  }
  /** Four u32 of an xmm register, lowest first. */
  xmm(n: number): Uint32Array {
    return this.u32.subarray((St.xmm >> 2) + n * 4, (St.xmm >> 2) + n * 4 + 4);
  }
  /** The significand of st(i): also MMX register n while TOP is 0 (i = n). */
  mmx(n: number): Uint32Array {
    return this.u32.subarray((St.fx + 32 + n * 16) >> 2, ((St.fx + 32 + n * 16) >> 2) + 2);
  }
}

export interface Patch {
  addr: number;
  bytes: Uint8Array;
}

export interface OracleCase {
  code: Uint8Array;
  /** Where the code lies in the code area; default 0x800. Filler int3 surrounds it. */
  codeOffset?: number;
  /** rip is set by run() to the start of the code unless startAt is given. */
  state: OracleState;
  startAt?: number;
  /** Contents of data + readOnly: seededData(seed); 0 = zeros. */
  seed?: number;
  /** Bytes that differ from that before the case runs (data, readOnly or self area). */
  patches?: Patch[];
  usesSelf?: boolean;
}

export interface OracleResult {
  /** 0 when the case ran to the filler: state.rip is then the address after it (where execution arrived). */
  signo: number;
  siCode: number;
  /** x86 vector of the exception, when a signal ended the case. */
  trapno: number;
  err: number;
  siAddr: number;
  state: OracleState;
  /** 16-byte blocks of guest memory that differ from before. */
  changes: Patch[];
  /** The oracle process died in this case (it damaged the harness): nothing else is meaningful. */
  lost: boolean;
}

const MAGIC = 0x6c637278;
const REQUEST_HEAD = 32;
const RESULT_HEAD = 48;
export const DEFAULT_CODE_OFFSET = 0x800;
const here = dirname(fileURLToPath(import.meta.url));
const cacheDir = join(here, '../../build/oracle');

/** What the data and readOnly areas hold before a case with this seed (without its patches). */
export function seededData(seed: number): Uint8Array {
  const size = Area.dataSize + Area.readOnlySize;
  const words = new Uint32Array(size / 4);
  if (seed !== 0) {
    let x = (Math.imul(seed, 0x9e3779b1) + 0x9e3779b9) | 0;
    if (x === 0) x = 1;
    for (let i = 0; i < words.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      words[i] = x;
    }
  }
  return new Uint8Array(words.buffer);
}

/** Builds the oracle of one mode if its source changed; the path of the program, or why there is none. */
function build(bits: 32 | 64): { path: string } | { missing: string } {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { missing: 'the native oracle needs an x86-64 Linux host' };
  const source = join(here, 'oracle.c');
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12);
  const path = join(cacheDir, `oracle${bits}-${hash}`);
  if (existsSync(path)) return { path };
  mkdirSync(cacheDir, { recursive: true });
  const temporary = `${path}.${process.pid}`;
  const flags = ['-O2', '-static', '-no-pie', '-fno-stack-protector', '-fcf-protection=none', '-Wl,-Ttext-segment=0x30000000'];
  const gcc = spawnSync('gcc', [`-m${bits}`, ...flags, source, '-o', temporary], { encoding: 'utf8' });
  if (gcc.status !== 0) return { missing: `gcc -m${bits} cannot build the oracle (gcc and gcc-multilib are needed): ${gcc.error?.message ?? gcc.stderr}` };
  renameSync(temporary, path);
  return { path };
}

/** undefined when the oracle works here for this mode, else the reason in one sentence. */
export function oracleMissing(bits: 32 | 64): string | undefined {
  const built = build(bits);
  return 'missing' in built ? built.missing : undefined;
}

function padded(length: number): number {
  return (length + 7) & ~7;
}

function requestSize(c: OracleCase): number {
  let size = REQUEST_HEAD + St.size + padded(c.code.length);
  for (const p of c.patches ?? []) size += 8 + padded(p.bytes.length);
  return size;
}

function encode(cases: readonly OracleCase[]): Uint8Array {
  let total = 0;
  for (const c of cases) total += requestSize(c);
  const out = new Uint8Array(total);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const c of cases) {
    const codeOffset = c.codeOffset ?? DEFAULT_CODE_OFFSET;
    const patches = c.patches ?? [];
    const head = [MAGIC, c.code.length, codeOffset, c.seed ?? 0, patches.length, c.usesSelf === true ? 1 : 0];
    for (let i = 0; i < head.length; i++) view.setUint32(at + i * 4, head[i]!, true);
    at += REQUEST_HEAD;
    out.set(c.state.bytes, at);
    view.setBigUint64(at + St.rip, BigInt(c.startAt ?? Area.code + codeOffset), true);
    at += St.size;
    out.set(c.code, at);
    at += padded(c.code.length);
    for (const p of patches) {
      view.setUint32(at, p.addr, true);
      view.setUint32(at + 4, p.bytes.length, true);
      out.set(p.bytes, at + 8);
      at += 8 + padded(p.bytes.length);
    }
  }
  return out;
}

function decode(buffer: ArrayBuffer, length: number, into: OracleResult[]): void {
  const view = new DataView(buffer);
  let at = 0;
  while (at + RESULT_HEAD + St.size <= length) {
    const size = view.getUint32(at, true);
    if (at + size > length) break;
    const changes: Patch[] = [];
    const first = at + RESULT_HEAD + St.size;
    for (let i = first; i < at + size; i += 24) changes.push({ addr: view.getUint32(i, true), bytes: new Uint8Array(buffer, i + 8, 16) });
    into.push({
      signo: view.getInt32(at + 4, true), siCode: view.getInt32(at + 8, true), trapno: view.getInt32(at + 12, true),
      err: view.getUint32(at + 16, true), siAddr: Number(view.getBigUint64(at + 24, true)),
      state: new OracleState(buffer, at + RESULT_HEAD), changes, lost: false,
    });
    at += size;
  }
}

export class Oracle {
  readonly bits: 32 | 64;
  private readonly path: string;

  constructor(bits: 32 | 64) {
    const built = build(bits);
    if ('missing' in built) throw new Error(built.missing);
    this.bits = bits;
    this.path = built.path;
  }

  /** The results in the order of the cases. A case that kills the oracle's own process is marked `lost`. */
  run(cases: readonly OracleCase[]): OracleResult[] {
    const results: OracleResult[] = [];
    while (results.length < cases.length) {
      const rest = results.length === 0 ? cases : cases.slice(results.length);
      const ran = spawnSync(this.path, { input: encode(rest), maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'pipe'] });
      if (ran.error && ran.signal === null && ran.status === null) throw ran.error;
      if (ran.status === 2) throw new Error(`oracle: ${ran.stderr.toString()}`);
      // A copy, so that the records are 8-aligned; in 32-bit mode every record length is a multiple of 8 too.
      const buffer = new Uint8Array(ran.stdout).buffer;
      decode(buffer, ran.stdout.length, results);
      if (results.length < cases.length) {
        if (ran.status === 0) throw new Error('oracle: fewer results than cases');
        const lost = cases[results.length]!.state;
        results.push({ signo: -1, siCode: 0, trapno: 0, err: 0, siAddr: 0, state: lost, changes: [], lost: true });
      }
    }
    return results;
  }
}
