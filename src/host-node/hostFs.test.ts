import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ELOOP, ENOENT, EROFS } from '../abi/linux/errno.ts';
import { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../abi/linux/openFlags.ts';
import { HostFs, type HostFsOptions } from '../fs/hostfs/hostFs.ts';
import { changeMode, changeTimes } from '../vfs/attributes.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { makeDirectory, makeLink, makeNode, makeSymlink, removeDirectory, removeFile, renamePath } from '../vfs/namespace.ts';
import { openPath } from '../vfs/open.ts';
import type { Path } from '../vfs/path.ts';
import { callerOf, TestEnv, type TestCaller } from '../vfs/testing.ts';
import { Walk, walkPath } from '../vfs/walk.ts';
import { NodeFiles } from './nodeFiles.ts';
import { fromWindowsName, toWindowsName } from './windowsNames.ts';

let dir = '';
let env = new TestEnv();
beforeEach(() => {
  env = new TestEnv();
  env.sec = Math.floor(Date.now() / 1000);
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hostfs-'));
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

function world(options: HostFsOptions = {}): TestCaller {
  const host = new NodeFiles();
  return callerOf(HostFs.create(env, host, host.resolve(dir) as string, options) as HostFs);
}
function open(t: TestCaller, name: string, flags = O_RDONLY): FileDescription {
  const file = openPath(t, null, name, { flags, mode: 0o644, resolve: 0 });
  if (typeof file === 'number') throw new Error(`open ${name}: ${file}`);
  return file;
}
function read(t: TestCaller, name: string): string {
  const file = open(t, name);
  const buf = new Uint8Array(new SharedArrayBuffer(100));
  const n = file.read(buf, t);
  file.release();
  return Buffer.from(buf.slice(0, n)).toString();
}
const find = (t: TestCaller, name: string): Path | number => walkPath(t, null, name, Walk.follow);
const stat = (t: TestCaller, name: string) => ({ ...(find(t, name) as Path).inode.stat() });

it('shows what is there, with real modes, numbers and times', () => {
  fs.mkdirSync(`${dir}/sub`);
  fs.writeFileSync(`${dir}/sub/f`, 'hello');
  fs.chmodSync(`${dir}/sub/f`, 0o4710);
  const real = fs.statSync(`${dir}/sub/f`, { bigint: true });
  const t = world();
  expect(read(t, '/sub/f')).toBe('hello');
  expect(stat(t, '/sub/f')).toMatchObject({
    ino: Number(real.ino), mode: 0o104710, size: 5, uid: process.getuid!(), mtimeSec: Number(real.mtimeNs / 1000000000n), mtimeNsec: Number(real.mtimeNs % 1000000000n),
  });
});

it('never leaves its root by links', () => {
  fs.writeFileSync(`${dir}/passwd`, 'mine');
  fs.symlinkSync('/etc/passwd', `${dir}/abs`);
  fs.symlinkSync('../../../../../../etc/passwd', `${dir}/rel`);
  fs.symlinkSync('/passwd', `${dir}/inside`);
  fs.symlinkSync('/', `${dir}/top`);
  const t = world();
  expect(find(t, '/abs')).toBe(-ENOENT);
  expect(find(t, '/rel')).toBe(-ENOENT);
  expect(find(t, '/top/etc')).toBe(-ENOENT);
  expect(read(t, '/inside')).toBe('mine');
  expect(read(t, '/top/top/passwd')).toBe('mine');
  // A link put in the place of a file after we looked is not followed either.
  fs.writeFileSync(`${dir}/swapped`, 'mine');
  env.sec += 1;
  const place = find(t, '/swapped') as Path;
  fs.unlinkSync(`${dir}/swapped`);
  fs.symlinkSync('/etc/passwd', `${dir}/swapped`);
  expect(place.inode.readAt(new Uint8Array(10), 0)).toBe(-ELOOP);
});

it('writes through, and sees what others do', () => {
  const t = world({ maxAgeMs: 10 });
  const file = open(t, '/new', O_CREAT | O_RDWR);
  expect(file.write(Buffer.from('abc'), t)).toBe(3);
  expect(fs.readFileSync(`${dir}/new`, 'utf8')).toBe('abc');
  expect(stat(t, '/new').size).toBe(3);
  expect(find(t, '/other')).toBe(-ENOENT);
  fs.writeFileSync(`${dir}/other`, 'x');
  fs.appendFileSync(`${dir}/new`, 'def');
  env.sec += 1;
  expect(read(t, '/other')).toBe('x');
  expect(stat(t, '/new').size).toBe(6);
  fs.unlinkSync(`${dir}/other`);
  env.sec += 1;
  expect(find(t, '/other')).toBe(-ENOENT);
  expect(makeDirectory(t, null, '/d', 0o750)).toBe(0);
  expect(fs.statSync(`${dir}/d`).mode & 0o777).toBe(0o750);
  expect(changeMode(t, find(t, '/d') as Path, 0o2711)).toBe(0);
  expect(fs.statSync(`${dir}/d`).mode & 0o7777).toBe(0o2711);
  expect(makeSymlink(t, 'new', null, '/link')).toBe(0);
  expect(fs.readlinkSync(`${dir}/link`)).toBe('new');
  expect(makeLink(t, find(t, '/new') as Path, null, '/d/hard')).toBe(0);
  expect(stat(t, '/new').nlink).toBe(2);
  expect((find(t, '/d/hard') as Path).inode).toBe((find(t, '/new') as Path).inode);
  expect(removeFile(t, null, '/new')).toBe(0);
  expect(stat(t, '/d/hard').nlink).toBe(1);
  expect(renamePath(t, null, '/d/hard', null, '/moved', 0)).toBe(0);
  expect(read(t, '/moved')).toBe('abcdef');
  expect(removeDirectory(t, null, '/d')).toBe(0);
  expect(fs.existsSync(`${dir}/d`)).toBe(false);
  open(t, '/moved', O_TRUNC | O_WRONLY);
  expect(fs.statSync(`${dir}/moved`).size).toBe(0);
});

it('keeps removed files for those who have them open', () => {
  fs.writeFileSync(`${dir}/f`, 'kept');
  const t = world();
  const file = open(t, '/f', O_RDWR);
  expect(removeFile(t, null, '/f')).toBe(0);
  expect(fs.existsSync(`${dir}/f`)).toBe(false);
  const buf = new Uint8Array(4);
  expect(file.pread(buf, 0, t)).toBe(4);
  expect(file.pwrite(Buffer.from('more'), 4, t)).toBe(4);
  expect(file.inode.stat()).toMatchObject({ nlink: 0, size: 8 });
  fs.writeFileSync(`${dir}/a`, 'a');
  fs.writeFileSync(`${dir}/b`, 'b');
  const b = open(t, '/b');
  expect(renamePath(t, null, '/a', null, '/b', 0)).toBe(0);
  expect(b.pread(buf, 0, t)).toBe(1);
  expect(String.fromCharCode(buf[0]!)).toBe('b');
  expect(read(t, '/b')).toBe('a');
});

it('looks again when a file was replaced since it was last looked at', () => {
  fs.writeFileSync(`${dir}/f`, 'old');
  const t = world({ maxAgeMs: 100_000 });
  expect(stat(t, '/f').size).toBe(3);
  fs.writeFileSync(`${dir}/new`, 'newer');
  fs.renameSync(`${dir}/new`, `${dir}/f`);
  expect(read(t, '/f')).toBe('newer');
  expect(stat(t, '/f').size).toBe(5);
});

it('keeps nanoseconds that the guest set', () => {
  fs.writeFileSync(`${dir}/f`, '');
  const t = world();
  expect(changeTimes(t, find(t, '/f') as Path, { sec: 1_500_000_000, nsec: 123_456_789 }, { sec: 1_600_000_000, nsec: 987_654_321 })).toBe(0);
  env.sec += 5;
  expect(stat(t, '/f')).toMatchObject({ atimeSec: 1_500_000_000, atimeNsec: 123_456_789, mtimeSec: 1_600_000_000, mtimeNsec: 987_654_321 });
  expect(Math.floor(fs.statSync(`${dir}/f`).mtimeMs)).toBe(1_600_000_000_987);
});

it('refuses writes when it is read-only, and takes names of any bytes', () => {
  fs.writeFileSync(Buffer.from(`${dir}/\xff\xe4`, 'latin1'), 'odd');
  fs.writeFileSync(`${dir}/grün`, 'utf8');
  const t = world({ readOnly: true });
  expect(read(t, '/\xff\xe4')).toBe('odd');
  expect(read(t, '/gr\xc3\xbcn')).toBe('utf8');
  expect(openPath(t, null, '/x', { flags: O_CREAT, mode: 0, resolve: 0 })).toBe(-EROFS);
  expect(removeFile(t, null, '/gr\xc3\xbcn')).toBe(-EROFS);
  const names: string[] = [];
  open(t, '/').readdir((name) => names.push(name) > 0);
  expect(names.sort()).toEqual(['.', '..', 'gr\xc3\xbcn', '\xff\xe4'].sort());
});

it('asks the host about few entries of a large directory at a time, and tells none that has gone', () => {
  for (let i = 0; i < 300; i++) fs.writeFileSync(`${dir}/f${i}`, '');
  fs.mkdirSync(`${dir}/sub`);
  const host = new NodeFiles(), asked: string[] = [], lstat = host.lstat.bind(host);
  host.lstat = (at) => {
    asked.push(at);
    return lstat(at);
  };
  const t = callerOf(HostFs.create(env, host, host.resolve(dir) as string) as HostFs), list = open(t, '/');
  const told = new Map<string, readonly number[]>();
  const next = (): number => {
    const before = told.size;
    expect(list.readdir((name, ino, type) => told.set(name, [ino, type]) !== undefined)).toBe(0);
    return told.size - before;
  };
  asked.length = 0;
  const first = next();
  expect(first).toBeLessThan(200);
  expect(asked.length).toBeLessThan(first + 5);
  const rest = fs.readdirSync(dir).filter((name) => !told.has(name)), gone = rest.find((name) => name !== 'sub')!;
  fs.rmSync(`${dir}/${gone}`);
  while (next() > 0) {}
  expect(told.size).toBe(300 + 2);
  expect(told.has(gone)).toBe(false);
  expect(told.get('sub')).toEqual([fs.statSync(`${dir}/sub`).ino, 4]);
  expect(told.get('f7') ?? told.get('f8')).toEqual([fs.statSync(`${dir}/${told.has('f7') ? 'f7' : 'f8'}`).ino, 8]);
});

it('has fifos and sockets of its own', () => {
  const t = world();
  expect(makeNode(t, null, '/fifo', 0o010666, 0)).toBe(0);
  expect(stat(t, '/fifo').mode).toBe(0o010644);
  expect(renamePath(t, null, '/fifo', null, '/pipe', 0)).toBe(0);
  expect(removeFile(t, null, '/pipe')).toBe(0);
  expect(find(t, '/pipe')).toBe(-ENOENT);
  expect(fs.readdirSync(dir)).toEqual([]);
});

it('maps names to Windows and back', () => {
  const names = ['plain', 'a:b', 'q?*<>|"', 'back\\slash', 'dot.', 'space ', 'nul', 'NUL.txt', 'com1', 'gr\xc3\xbcn', '\xff\xfe', '\x01', '\xef\x80\xa0', 'con', '...', '\xf0\x9f\x98\x80'];
  const mapped = names.map(toWindowsName);
  expect(mapped.map(fromWindowsName)).toEqual(names);
  expect(new Set(mapped).size).toBe(names.length);
  for (const name of mapped) {
    expect(name).not.toMatch(/[\x00-\x1f<>:"|?*\\/]/);
    expect(name).not.toMatch(/[. ]$/);
    expect(name).not.toMatch(/^(con|nul|com1)(\.|$)/i);
  }
});
