// Random operations on the host's own file system and on ours: the same results, the same errors, the same tree at the end.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../abi/linux/fileMode.ts';
import { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../abi/linux/openFlags.ts';
import { HostFs } from '../fs/hostfs/hostFs.ts';
import { OverlayFs } from '../fs/overlay/overlayFs.ts';
import { TmpFs } from '../fs/tmpfs/tmpFs.ts';
import { changeMode, truncatePath } from '../vfs/attributes.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import type { FileSystem } from '../vfs/fileSystem.ts';
import { makeDirectory, makeLink, makeSymlink, removeDirectory, removeFile, renamePath } from '../vfs/namespace.ts';
import { checkFlags, openPath } from '../vfs/open.ts';
import type { Path } from '../vfs/path.ts';
import { callerOf, TestEnv, type TestCaller } from '../vfs/testing.ts';
import { Walk, walkPath } from '../vfs/walk.ts';
import { errnoOf, NodeFiles } from './nodeFiles.ts';

class LiveEnv extends TestEnv {
  override now(): { sec: number; nsec: number } {
    const ms = Date.now();
    return { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1e6 };
  }
  override ticks(): number {
    return performance.now();
  }
}

/** Either side of the comparison. Numbers are results or -errno. */
interface Side {
  mkdir(p: string): number;
  rmdir(p: string): number;
  unlink(p: string): number;
  rename(a: string, b: string): number;
  link(a: string, b: string): number;
  symlink(target: string, p: string): number;
  readlink(p: string): string | number;
  write(p: string, flags: number, data: string): number;
  truncate(p: string, size: number): number;
  chmod(p: string, mode: number): number;
  stat(p: string, follow: boolean): string | number;
  list(p: string): string | number;
  read(p: string): string | number;
}

function describeStat(mode: number, nlink: number, size: number): string {
  const type = mode & S_IFMT;
  return `${mode.toString(8)} ${nlink} ${type === S_IFREG || type === S_IFLNK ? size : '-'}`;
}

class Native implements Side {
  readonly top: string;
  constructor(top: string) {
    this.top = top;
  }
  private at(p: string): string {
    return `${this.top}/${p}`;
  }
  private run<T>(call: () => T): T | number {
    try {
      return call();
    } catch (error) {
      return errnoOf(error);
    }
  }
  private done(call: () => void): number {
    return this.run(() => {
      call();
      return 0;
    });
  }
  mkdir(p: string): number {
    return this.done(() => fs.mkdirSync(this.at(p), 0o755));
  }
  rmdir(p: string): number {
    return this.done(() => fs.rmdirSync(this.at(p)));
  }
  unlink(p: string): number {
    return this.done(() => fs.unlinkSync(this.at(p)));
  }
  rename(a: string, b: string): number {
    return this.done(() => fs.renameSync(this.at(a), this.at(b)));
  }
  link(a: string, b: string): number {
    return this.done(() => fs.linkSync(this.at(a), this.at(b)));
  }
  symlink(target: string, p: string): number {
    return this.done(() => fs.symlinkSync(target, this.at(p)));
  }
  readlink(p: string): string | number {
    return this.run(() => fs.readlinkSync(this.at(p)));
  }
  write(p: string, flags: number, data: string): number {
    return this.run(() => {
      const fd = fs.openSync(this.at(p), flags, 0o644);
      try {
        return (flags & 3) === O_RDONLY ? 0 : fs.writeSync(fd, data);
      } finally {
        fs.closeSync(fd);
      }
    });
  }
  truncate(p: string, size: number): number {
    // truncateSync opens the file: errors as truncate(2) gives them for what exists.
    return this.done(() => fs.truncateSync(this.at(p), size));
  }
  chmod(p: string, mode: number): number {
    return this.done(() => fs.chmodSync(this.at(p), mode));
  }
  stat(p: string, follow: boolean): string | number {
    return this.run(() => {
      const s = follow ? fs.statSync(this.at(p)) : fs.lstatSync(this.at(p));
      return describeStat(s.mode, s.nlink, s.size);
    });
  }
  list(p: string): string | number {
    return this.run(() => fs.readdirSync(this.at(p)).sort().join(' '));
  }
  read(p: string): string | number {
    return this.run(() => fs.readFileSync(this.at(p), 'latin1'));
  }
}

class Ours implements Side {
  readonly t: TestCaller;
  constructor(fileSystem: FileSystem) {
    this.t = callerOf(fileSystem);
  }
  private find(p: string, follow: boolean): Path | number {
    return walkPath(this.t, null, p, follow ? Walk.follow : Walk.none);
  }
  private open(p: string, flags: number): FileDescription | number {
    const how = { flags, mode: 0o644, resolve: 0 };
    const checked = checkFlags(how);
    return checked < 0 ? checked : openPath(this.t, null, p, how);
  }
  mkdir(p: string): number {
    return makeDirectory(this.t, null, p, 0o755);
  }
  rmdir(p: string): number {
    return removeDirectory(this.t, null, p);
  }
  unlink(p: string): number {
    return removeFile(this.t, null, p);
  }
  rename(a: string, b: string): number {
    return renamePath(this.t, null, a, null, b, 0);
  }
  link(a: string, b: string): number {
    const old = this.find(a, false);
    return typeof old === 'number' ? old : makeLink(this.t, old, null, b);
  }
  symlink(target: string, p: string): number {
    return makeSymlink(this.t, target, null, p);
  }
  readlink(p: string): string | number {
    const place = this.find(p, false);
    return typeof place === 'number' ? place : place.inode.readlink();
  }
  write(p: string, flags: number, data: string): number {
    const file = this.open(p, flags);
    if (typeof file === 'number') return file;
    const n = (flags & 3) === O_RDONLY ? 0 : file.write(Buffer.from(data, 'latin1'), this.t);
    file.release();
    return n;
  }
  truncate(p: string, size: number): number {
    const place = this.find(p, true);
    return typeof place === 'number' ? place : truncatePath(this.t, place, size);
  }
  chmod(p: string, mode: number): number {
    const place = this.find(p, true);
    return typeof place === 'number' ? place : changeMode(this.t, place, mode);
  }
  stat(p: string, follow: boolean): string | number {
    const place = this.find(p, follow);
    if (typeof place === 'number') return place;
    const s = place.inode.stat();
    return describeStat(s.mode, s.nlink, s.size);
  }
  list(p: string): string | number {
    const dir = this.open(p, O_RDONLY | O_DIRECTORY);
    if (typeof dir === 'number') return dir;
    const names: string[] = [];
    const result = dir.readdir((name) => names.push(name) > 0);
    dir.release();
    return result < 0 ? result : names.filter((name) => name !== '.' && name !== '..').sort().join(' ');
  }
  read(p: string): string | number {
    const file = this.open(p, O_RDONLY);
    if (typeof file === 'number') return file;
    const buf = Buffer.alloc(10_000);
    const n = file.read(buf, this.t);
    file.release();
    return n < 0 ? n : buf.toString('latin1', 0, n);
  }
}

class Dice {
  private state: number;
  constructor(seed: number) {
    this.state = seed;
  }
  roll(n: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * n);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.roll(list.length)]!;
  }
  path(): string {
    const names = ['a', 'b', 'c', 'd'];
    let p = this.pick(names);
    while (this.roll(5) < 2) p += `/${this.pick(names)}`;
    if (this.roll(25) === 0) p += this.pick(['/', '/.', '/..', '/../c']);
    return p;
  }
}

const OPENS = [
  O_RDONLY, O_WRONLY, O_RDWR, O_CREAT | O_WRONLY, O_CREAT | O_EXCL | O_WRONLY, O_CREAT | O_TRUNC | O_RDWR, O_WRONLY | O_APPEND, O_NOFOLLOW, O_DIRECTORY,
  O_CREAT | O_NOFOLLOW | O_WRONLY, O_WRONLY | O_TRUNC,
];

/** One random operation, as a function of a side. */
function operation(dice: Dice, step: number): { text: string; run: (side: Side) => string | number } {
  const p = dice.path();
  const q = dice.path();
  switch (dice.roll(18)) {
    case 0: case 1: return { text: `mkdir ${p}`, run: (s) => s.mkdir(p) };
    case 2: return { text: `rmdir ${p}`, run: (s) => s.rmdir(p) };
    case 3: return { text: `unlink ${p}`, run: (s) => s.unlink(p) };
    case 4: case 5: case 6: return { text: `rename ${p} ${q}`, run: (s) => s.rename(p, q) };
    case 7: return { text: `link ${p} ${q}`, run: (s) => s.link(p, q) };
    case 8: {
      // Nothing may lead out of the tree: on the host that would be somebody's file.
      const target = dice.pick(['a', 'b/c', 'c/d', './c', 'd//a', q.includes('..') ? 'b' : q]);
      return { text: `symlink ${target} ${p}`, run: (s) => s.symlink(target, p) };
    }
    case 9: return { text: `readlink ${p}`, run: (s) => s.readlink(p) };
    case 10: case 11: case 12: {
      const flags = dice.pick(OPENS);
      return { text: `open ${p} ${flags.toString(8)}`, run: (s) => s.write(p, flags, `step ${step}`) };
    }
    case 13: {
      const size = dice.roll(3000);
      return { text: `truncate ${p} ${size}`, run: (s) => s.truncate(p, size) };
    }
    case 14: {
      const mode = dice.pick([0o755, 0o644, 0o600, 0o4711, 0o2755]);
      return { text: `chmod ${p} ${mode.toString(8)}`, run: (s) => s.chmod(p, mode) };
    }
    case 15: return { text: `stat ${p}`, run: (s) => s.stat(p, true) };
    case 16: return { text: `lstat ${p}`, run: (s) => s.stat(p, false) };
    default: return dice.roll(2) === 0 ? { text: `list ${p}`, run: (s) => s.list(p) } : { text: `read ${p}`, run: (s) => s.read(p) };
  }
}

/** What can be seen of a tree. */
function tree(side: Side, p = '.', depth = 0): string[] {
  const names = side.list(p);
  if (typeof names === 'number' || depth > 8) return [`${p}: ${names}`];
  const out: string[] = [];
  for (const name of names.split(' ').filter((n) => n !== '')) {
    const child = `${p}/${name}`;
    const stat = side.stat(child, false);
    out.push(`${child} ${stat}`);
    const type = Number.parseInt(String(stat), 8) & S_IFMT;
    if (type === S_IFDIR) out.push(...tree(side, child, depth + 1));
    else if (type === S_IFREG) out.push(JSON.stringify(side.read(child)));
    else if (type === S_IFLNK) out.push(String(side.readlink(child)));
  }
  return out;
}

function compare(seed: number, steps: number, native: Side, ours: Side): void {
  const dice = new Dice(seed);
  const history: string[] = [];
  for (let step = 0; step < steps; step++) {
    const { text, run } = operation(dice, step);
    const wanted = run(native);
    const got = run(ours);
    history.push(`${text} = ${wanted}`);
    if (got !== wanted) throw new Error(`seed ${seed}, step ${step}: ${text} gives ${got}, the host ${wanted}\n${history.slice(-12).join('\n')}`);
  }
  expect(tree(ours)).toEqual(tree(native));
}

let top = '';
beforeEach(() => {
  top = fs.mkdtempSync(path.join(os.tmpdir(), 'fs-model-'));
  for (const name of ['native', 'ours']) fs.mkdirSync(`${top}/${name}`);
  process.umask(0o022);
});
afterEach(() => fs.rmSync(top, { recursive: true, force: true }));

// The host's own file system is the oracle: Linux only, and as root (permissions are the subject of other tests).
/** FS_MODEL_SEEDS=100: that many more of each. */
const more = Number(process.env.FS_MODEL_SEEDS ?? 0);
const seeds = (first: number, count: number): number[] => Array.from({ length: count + more }, (_, i) => (i < count ? first + i : first * 1000 + i));

describe.skipIf(process.platform !== 'linux')('like the host', () => {
  const env = new LiveEnv();
  const host = new NodeFiles();
  const hostFs = (name: string, options = {}): HostFs => HostFs.create(env, host, `${top}/${name}`, options) as HostFs;

  it.each(seeds(1, 4))('tmpfs, seed %i', (seed) => {
    compare(seed, 1500, new Native(`${top}/native`), new Ours(new TmpFs(env, { mode: 0o755 })));
  });

  it.each(seeds(5, 3))('a host directory, seed %i', (seed) => {
    compare(seed, 1500, new Native(`${top}/native`), new Ours(hostFs('ours')));
    expect(tree(new Native(`${top}/ours`))).toEqual(tree(new Native(`${top}/native`)));
  });

  it.each(seeds(8, 6))('an overlay, seed %i', (seed) => {
    const dice = new Dice(seed * 7919);
    const sides = [new Native(`${top}/native`), new Native(`${top}/ours`)];
    for (let step = 0; step < 300; step++) {
      const { run } = operation(dice, step);
      for (const side of sides) run(side);
    }
    const before = tree(sides[1]!);
    const lower = hostFs('ours', { readOnly: true, dev: 77, maxAgeMs: 1000 });
    const upper = new TmpFs(env, { dev: 77, mode: 0o755, likeDisk: true, firstIno: 0x40000000 });
    compare(seed, 1500, sides[0]!, new Ours(new OverlayFs(env, upper, [lower])));
    expect(tree(sides[1]!)).toEqual(before);
  });
});
