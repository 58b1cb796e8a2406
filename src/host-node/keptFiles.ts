/**
 * Files that spare later runs work an earlier one has done: compiled code of our own scripts, decoded and translated guest code.
 * Some come with the installation, in dist/; new ones go to the user's cache directory. Their names change with all that
 * they depend on. A file is written whole and then renamed, so other runs see all of it or nothing; it ends in its length and a sum that
 * shows blocks a host's crash has lost, for V8 believes what it is given. Several runs may write the same one. Everything works without them, a little later.
 */
import { closeSync, fstatSync, futimesSync, mkdirSync, openSync, readdirSync, readSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** All files together; beyond it the oldest go. */
const MOST_BYTES = 768 << 20;
/** A file that is used is not among the oldest: so often its time is set. */
const USED_EVERY_MS = 3_600_000;
/** What a run that was ended left behind. */
const DRAFT_LIFE_MS = 3_600_000;

function userDirectory(): string {
  const { env } = process;
  if (env['TUXLATE_CACHE_DIR']) return env['TUXLATE_CACHE_DIR'];
  if (process.platform === 'win32') return env['LOCALAPPDATA'] ? join(env['LOCALAPPDATA'], 'tuxlate', 'cache') : '';
  const base = env['XDG_CACHE_HOME'] || (env['HOME'] ? `${env['HOME']}/.cache` : '');
  return base.startsWith('/') ? `${base}/tuxlate` : '';
}

/** The last words of a file: what it is, its length without them, a sum. */
const TRAILER_BYTES = 12;
const MAGIC = 0x6b787574;
/** One word of so many goes into a file's sum: a lost block shows. */
const SUM_STRIDE = 61;

/** Of one word of every `stride`. `bytes` begins at a multiple of four in its buffer. */
export function sumOf(bytes: Uint8Array, stride: number): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let sum = bytes.length;
  for (let k = 0; k < words.length; k += stride) sum = (Math.imul(sum, 31) + words[k]!) | 0;
  return sum;
}

function trailerOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(Int32Array.of(MAGIC, bytes.length, sumOf(bytes, SUM_STRIDE)).buffer);
}

/** What was kept: `file` without its trailer; null if it is damaged. */
function contents(file: Uint8Array): Uint8Array | null {
  const length = file.length - TRAILER_BYTES;
  if (length < 0) return null;
  const bytes = file.subarray(0, length), trailer = trailerOf(bytes);
  return trailer.every((byte, k) => byte === file[length + k]) ? bytes : null;
}

/** Empty: there is none. */
const directory = userDirectory();

function touch(fd: number): void {
  const now = new Date();
  try {
    futimesSync(fd, now, now);
  } catch {
    // A directory that cannot be written.
  }
}

/** Throws when there is no such file. Code of somebody else is not run. */
function openOwn(path: string): number {
  const fd = openSync(path, 'r'), { uid, mode, mtimeMs } = fstatSync(fd);
  const own = process.getuid?.();
  if (own === undefined || (uid === own && (mode & 0o022) === 0)) {
    if (Date.now() - mtimeMs > USED_EVERY_MS) touch(fd);
    return fd;
  }
  closeSync(fd);
  throw new Error(`${path} is not ours`);
}

function readAt(path: string, open: (path: string) => number): Uint8Array | null {
  let fd = -1;
  try {
    fd = open(path);
    const { size } = fstatSync(fd), bytes = new Uint8Array(size);
    return readSync(fd, bytes) === size ? contents(bytes) : null;
  } catch {
    return null;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

/** The user's own, else the one in `installed` (dist/). The buffer of the result may be longer than the result. */
export function readKept(name: string, installed: string): Uint8Array | null {
  return (directory === '' ? null : readAt(join(directory, name), openOwn)) ?? readAt(join(installed, name), (path) => openSync(path, 'r'));
}

export function writeKept(name: string, bytes: Uint8Array): void {
  if (directory === '') return;
  // Workers of one process may write the same file.
  const path = join(directory, name), draft = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.draft`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const fd = openSync(draft, 'wx', 0o644);
    try {
      for (const part of [bytes, trailerOf(bytes)]) for (let at = 0; at < part.length;) at += writeSync(fd, part, at);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, path);
    bound();
  } catch {
    // A directory that cannot be written.
  }
}

/** Names of the user's files that begin so, in order. */
export function keptNames(prefix: string): string[] {
  try {
    return directory === '' ? [] : readdirSync(directory).filter((name) => name.startsWith(prefix) && name.endsWith('.cache')).sort();
  } catch {
    return [];
  }
}

/** A descriptor of one of the user's files, -1 without one. */
export function openKept(name: string): number {
  try {
    return openOwn(join(directory, name));
  } catch {
    return -1;
  }
}

/** Fills `bytes` from byte `at` of an open file: false when there are not so many, or they cannot be read. */
export function readKeptAt(fd: number, bytes: Uint8Array, at: number): boolean {
  try {
    return readSync(fd, bytes, 0, bytes.length, at) === bytes.length;
  } catch {
    return false;
  }
}

export function removeKept(name: string): void {
  try {
    unlinkSync(join(directory, name));
  } catch {
    // Another run has.
  }
}

/** Keeps the directory to its size. Another run may remove the same files. */
function bound(): void {
  if (process.env['TUXLATE_CACHE_DIR']) return;
  const files: { path: string; size: number; time: number }[] = [];
  let total = 0;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name), { size, mtimeMs } = statSync(path);
    if (name.endsWith('.draft') && Date.now() - mtimeMs > DRAFT_LIFE_MS) unlinkSync(path);
    else if (name.endsWith('.cache')) {
      files.push({ path, size, time: mtimeMs });
      total += size;
    }
  }
  files.sort((a, b) => a.time - b.time);
  for (const { path, size } of files) {
    if (total <= MOST_BYTES) return;
    unlinkSync(path);
    total -= size;
  }
}
