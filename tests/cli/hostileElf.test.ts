/**
 * Programs with spoilt ELF headers, from a fixed seed: a guest (perl) executes each, under tuxlate and natively, and what execve
 * says or how the program ends must be the same. TUXLATE_ELF_SEED and TUXLATE_ELF_COUNT try others. Needs dist/ and perl.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const command = join(import.meta.dirname, '..', '..', 'dist', 'tuxlate.js');
const seed = Number(process.env.TUXLATE_ELF_SEED ?? 3);
const count = Number(process.env.TUXLATE_ELF_COUNT ?? 600);
let dir = '';

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tuxlate-elf-'));
  chmodSync(dir, 0o755);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function generator(start: number): (n: number) => number {
  let state = start >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** Name, offset and size of the fields of a header. */
type Field = readonly [name: string, offset: number, size: number];
interface Kind {
  readonly name: string;
  readonly wide: boolean;
  readonly base: number;
  readonly header: readonly Field[];
  readonly segment: readonly Field[];
  /** exit(42). */
  readonly code: readonly number[];
}
const kinds: readonly Kind[] = [
  {
    name: 'elf64', wide: true, base: 0x400000,
    header: [['class', 4, 1], ['data', 5, 1], ['type', 16, 2], ['machine', 18, 2], ['version', 20, 4], ['entry', 24, 8], ['phoff', 32, 8], ['shoff', 40, 8], ['flags', 48, 4], ['ehsize', 52, 2], ['phentsize', 54, 2], ['phnum', 56, 2]],
    segment: [['type', 0, 4], ['flags', 4, 4], ['offset', 8, 8], ['vaddr', 16, 8], ['paddr', 24, 8], ['filesz', 32, 8], ['memsz', 40, 8], ['align', 48, 8]],
    code: [0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05],
  },
  {
    name: 'elf32', wide: false, base: 0x8048000,
    header: [['class', 4, 1], ['data', 5, 1], ['type', 16, 2], ['machine', 18, 2], ['version', 20, 4], ['entry', 24, 4], ['phoff', 28, 4], ['shoff', 32, 4], ['flags', 36, 4], ['ehsize', 40, 2], ['phentsize', 42, 2], ['phnum', 44, 2]],
    segment: [['type', 0, 4], ['offset', 4, 4], ['vaddr', 8, 4], ['paddr', 12, 4], ['filesz', 16, 4], ['memsz', 20, 4], ['flags', 24, 4], ['align', 28, 4]],
    code: [0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80],
  },
];

const FILE_SIZE = 0x3000;
const CODE_AT = 0x1000;
const INTERPRETER_AT = 0x800;
const LOAD = 1;
const INTERP = 3;

class Image {
  readonly kind: Kind;
  readonly bytes = Buffer.alloc(FILE_SIZE, 0xf4);
  readonly segments: number;

  /** Code, data with a tail of zeros, a stack; and an interpreter, when there is one. */
  constructor(kind: Kind, interpreter: string | null) {
    this.kind = kind;
    const { bytes, wide, base } = { bytes: this.bytes, ...kind };
    const headerSize = wide ? 64 : 52;
    const entrySize = wide ? 56 : 32;
    bytes.fill(0, 0, INTERPRETER_AT);
    bytes.write('\x7fELF', 'latin1');
    Buffer.from(kind.code).copy(bytes, CODE_AT);
    const rows: Record<string, number>[] = [
      { type: LOAD, flags: 5, offset: 0, vaddr: base, filesz: 0x2000, memsz: 0x2000, align: 0x1000 },
      { type: LOAD, flags: 6, offset: 0x2000, vaddr: base + 0x3000, filesz: 0x800, memsz: 0x1800, align: 0x1000 },
      { type: 0x6474e551, flags: 6, offset: 0, vaddr: 0, filesz: 0, memsz: 0, align: 16 },
    ];
    if (interpreter !== null) {
      bytes.write(`${interpreter}\0`, INTERPRETER_AT, 'latin1');
      rows.unshift({ type: INTERP, flags: 4, offset: INTERPRETER_AT, vaddr: base + INTERPRETER_AT, filesz: interpreter.length + 1, memsz: interpreter.length + 1, align: 1 });
    }
    this.segments = rows.length;
    const fields = { class: wide ? 2 : 1, data: 1, type: 2, machine: wide ? 62 : 3, version: 1, entry: base + CODE_AT, phoff: headerSize, ehsize: headerSize, phentsize: entrySize, phnum: rows.length };
    bytes[6] = 1;
    for (const [name, value] of Object.entries(fields)) this.set(kind.header, 0, name, BigInt(value));
    rows.forEach((row, at) => {
      for (const [name, value] of Object.entries(row)) this.set(kind.segment, headerSize + at * entrySize, name, BigInt(value));
    });
  }

  private field(fields: readonly Field[], name: string): Field {
    return fields.find(([known]) => known === name)!;
  }
  set(fields: readonly Field[], at: number, name: string, value: bigint): void {
    const [, offset, size] = this.field(fields, name);
    for (let k = 0; k < size; k++) this.bytes[at + offset + k] = Number((value >> BigInt(8 * k)) & 0xffn);
  }
  get(fields: readonly Field[], at: number, name: string): bigint {
    const [, offset, size] = this.field(fields, name);
    let value = 0n;
    for (let k = size - 1; k >= 0; k--) value = (value << 8n) | BigInt(this.bytes[at + offset + k]!);
    return value;
  }
}

const odd = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 0xfffn, 0x1000n, 0x1001n, 0x2000n, 0x10000n, 0x7fffffffn, 0x80000000n, 0xfffff000n, 0xffffffffn, 0x7fffffffffffffffn, 0xffffffffffffffffn];

/** A program of which some fields are not what they should be, and what was done to it. */
function mutant(random: (n: number) => number, interpreters: readonly string[]): { bytes: Buffer; what: string } {
  const kind = kinds[random(2)]!;
  const interpreter = random(4) === 0 ? interpreters[random(interpreters.length)]! : null;
  const image = new Image(kind, interpreter);
  const what: string[] = [`${kind.name}${interpreter === null ? '' : ` interp ${JSON.stringify(interpreter)}`}`];
  for (let left = random(3); left >= 0; left--) {
    const inHeader = random(3) === 0;
    const fields = inHeader ? kind.header : kind.segment;
    const which = random(image.segments);
    const at = inHeader ? 0 : (kind.wide ? 64 : 52) + which * (kind.wide ? 56 : 32);
    const [name, , size] = fields[random(fields.length)]!;
    const before = image.get(fields, at, name);
    const near = [before + 1n, before - 1n, before + 0x1000n, before - 0x1000n, before * 2n, before ^ 0x800n];
    const value = BigInt.asUintN(8 * size, random(2) === 0 ? near[random(near.length)]! : odd[random(odd.length)]!);
    // What would fit into Linux's address space but not into ours is another matter, and so is vm.mmap_min_addr.
    if (['vaddr', 'memsz', 'entry'].includes(name) && value > 0x40000000n && value < (kind.wide ? 0x800000000000n : 0xffffe000n)) continue;
    if (name === 'vaddr' && value < 0x10000n) continue;
    image.set(fields, at, name, value);
    what.push(`${inHeader ? 'header' : `segment ${which}`}.${name}=0x${value.toString(16)}`);
  }
  const cut = random(8) === 0 ? random(random(2) === 0 ? 200 : FILE_SIZE) : FILE_SIZE;
  if (cut < FILE_SIZE) what.push(`cut to ${cut}`);
  return { bytes: image.bytes.subarray(0, cut), what: what.join(' ') };
}

/** Executes every file named (the call itself: exec would try a shell); a line each: the errno of execve, or the wait status. */
const driver = `
for my $file (@ARGV) {
  pipe(my $in, my $out);
  my $pid = fork();
  if ($pid == 0) {
    close($in); open(STDIN, "<", "/dev/null"); open(STDOUT, ">", "/dev/null"); open(STDERR, ">", "/dev/null");
    alarm(5);
    syscall(59, $file, my $argv = pack("pQ", $file, 0), my $env = pack("Q", 0));
    syswrite($out, $! + 0); exit(0);
  }
  close($out); my $errno = ""; sysread($in, $errno, 9);
  waitpid($pid, 0);
  printf("%s %s\\n", $file, $errno ne "" ? "errno $errno" : ($? & 127) ? "signal " . ($? & 127) : "exit " . ($? >> 8));
}`;

describe.runIf(process.platform === 'linux' && process.arch === 'x64' && existsSync('/usr/bin/perl'))('spoilt programs', () => {
  test(`${count} of seed ${seed} end as natively`, { timeout: 300_000 }, () => {
    const random = generator(seed);
    mkdirSync(join(dir, 'a'));
    writeFileSync(join(dir, 'a', 'script'), '#!/bin/true\n', { mode: 0o755 });
    const interpreters = ['/lib64/ld-linux-x86-64.so.2', '', '/no/such', '/', '/etc/passwd', join(dir, 'a', 'script'), join(dir, 'a', 'm0'), join(dir, 'a', 'm1'), 'relative', 'x'.repeat(300)];
    const what = new Map<string, string>();
    for (let k = 0; k < count; k++) {
      const made = mutant(random, interpreters);
      const path = join(dir, 'a', `m${k}`);
      writeFileSync(path, made.bytes, { mode: 0o755 });
      what.set(path, made.what);
    }
    const perl = ['/usr/bin/perl', '-e', driver, ...what.keys()];
    const spawn = (words: string[]): { status: number | null; stdout: string; stderr: string } => spawnSync(words[0]!, words.slice(1), { encoding: 'latin1', cwd: dir, input: '', timeout: 250_000 });
    const drop = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    const expected = spawn([...drop, ...perl]);
    const actual = spawn([process.execPath, command, ...(drop.length > 0 ? ['-u', '65534:65534'] : []), ...perl]);
    expect(actual.stderr).toBe('');
    expect(actual.status).toBe(0);
    const lines = (text: string): string[] => text.split('\n').slice(0, -1).map((line) => line.replace(/^(\S+)/, (path) => `${path.slice(dir.length)} ${what.get(path)}:`));
    expect(lines(actual.stdout)).toEqual(lines(expected.stdout));
  });
});
