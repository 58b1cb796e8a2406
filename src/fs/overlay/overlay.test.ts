import { describe, expect, it } from 'vitest';
import { ENOENT, ENOTEMPTY } from '../../abi/linux/errno.ts';
import { S_IFDIR, S_IFREG } from '../../abi/linux/fileMode.ts';
import { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../abi/linux/openFlags.ts';
import { changeMode } from '../../vfs/attributes.ts';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import { makeDirectory, makeLink, makeSymlink, removeDirectory, removeFile, RENAME_EXCHANGE, renamePath } from '../../vfs/namespace.ts';
import { openPath } from '../../vfs/open.ts';
import { type Path, pathName } from '../../vfs/path.ts';
import { callerOf, TestEnv, type TestCaller } from '../../vfs/testing.ts';
import { Walk, walkPath } from '../../vfs/walk.ts';
import { TmpFs } from '../tmpfs/tmpFs.ts';
import { OverlayFs } from './overlayFs.ts';

/** lower: /etc/{passwd,group}, /usr/bin/{a,b}, /usr/lib -> bin, /big (3 MiB), /hard1 = /hard2, /empty */
function world(): { t: TestCaller; low: TestCaller; env: TestEnv; upper: TmpFs } {
  const env = new TestEnv();
  const lower = new TmpFs(env, { mode: 0o755, likeDisk: true, dev: 99 });
  const low = callerOf(lower);
  for (const name of ['/etc', '/usr', '/usr/bin', '/empty']) makeDirectory(low, null, name, 0o755);
  for (const name of ['/etc/passwd', '/etc/group', '/usr/bin/a', '/usr/bin/b', '/hard1']) write(low, name, `lower ${name}`);
  makeSymlink(low, 'bin', null, '/usr/lib');
  makeLink(low, find(low, '/hard1') as Path, null, '/hard2');
  const big = open(low, '/big', O_CREAT | O_WRONLY);
  for (let i = 0; i < 3; i++) big.write(new Uint8Array(1 << 20).fill(i + 1), low);
  const upper = new TmpFs(env, { mode: 0o755, likeDisk: true, dev: 99, firstIno: 0x40000000 });
  lower.readOnly = true;
  return { t: callerOf(new OverlayFs(env, upper, [lower])), low, env, upper };
}
function open(t: TestCaller, name: string, flags: number): FileDescription {
  const file = openPath(t, null, name, { flags, mode: 0o644, resolve: 0 });
  if (typeof file === 'number') throw new Error(`open ${name}: ${file}`);
  return file;
}
function write(t: TestCaller, name: string, text: string, flags = O_CREAT | O_WRONLY | O_TRUNC): void {
  const file = open(t, name, flags);
  file.write(new TextEncoder().encode(text), t);
  file.release();
}
function read(t: TestCaller, name: string): string {
  const file = open(t, name, O_RDONLY);
  const buf = new Uint8Array(200);
  return new TextDecoder().decode(buf.subarray(0, file.read(buf, t)));
}
function find(t: TestCaller, name: string): Path | number {
  return walkPath(t, null, name, Walk.follow);
}
const stat = (t: TestCaller, name: string) => ({ ...(find(t, name) as Path).inode.stat() });
function list(t: TestCaller, name: string): string {
  const dir = open(t, name, O_RDONLY);
  const out: string[] = [];
  dir.readdir((entry) => out.push(entry) > 0);
  return out.filter((n) => n !== '.' && n !== '..').join(' ');
}

describe('overlay', () => {
  it('shows the lower layer until it is changed, and never changes it', () => {
    const { t, low } = world();
    expect(read(t, '/etc/passwd')).toBe('lower /etc/passwd');
    const before = stat(t, '/etc/passwd');
    const reader = open(t, '/etc/passwd', O_RDONLY);
    write(t, '/etc/passwd', 'upper', O_RDWR);
    expect(read(t, '/etc/passwd')).toBe('upper /etc/passwd');
    expect(stat(t, '/etc/passwd').ino).toBe(before.ino);
    expect(stat(t, '/etc/passwd').dev).toBe(99);
    const buf = new Uint8Array(5);
    reader.read(buf, t);
    expect(new TextDecoder().decode(buf)).toBe('upper');
    expect(read(low, '/etc/passwd')).toBe('lower /etc/passwd');
    expect(list(t, '/etc')).toBe('passwd group');
    write(t, '/etc/new', 'n');
    expect(list(t, '/etc')).toBe('passwd group new');
    expect(read(t, '/usr/lib/a')).toBe('lower /usr/bin/a');
  });

  it('copies metadata up without touching times of the directory', () => {
    const { t, env } = world();
    const dir = stat(t, '/etc');
    const file = stat(t, '/etc/group');
    env.sec += 100;
    expect(changeMode(t, find(t, '/etc/group') as Path, 0o600)).toBe(0);
    expect(stat(t, '/etc/group')).toMatchObject({ mode: S_IFREG | 0o600, mtimeSec: file.mtimeSec, ctimeSec: env.sec, size: file.size, ino: file.ino, nlink: 1 });
    expect(stat(t, '/etc')).toMatchObject({ mtimeSec: dir.mtimeSec, nlink: dir.nlink, ino: dir.ino });
    expect(read(t, '/etc/group')).toBe('lower /etc/group');
  });

  it('copies big files page by page', () => {
    const { t, upper } = world();
    const file = open(t, '/big', O_RDWR);
    expect(file.pwrite(Uint8Array.of(9, 9), (1 << 20) - 1, t)).toBe(2);
    expect(upper.usedPages).toBe(2);
    const buf = new Uint8Array(4);
    file.pread(buf, (1 << 20) - 2, t);
    expect([...buf]).toEqual([1, 9, 9, 2]);
    expect(file.truncate((2 << 20) + 100)).toBe(0);
    expect(file.truncate(3 << 20)).toBe(0);
    file.pread(buf, (2 << 20) + 98, t);
    expect([...buf]).toEqual([3, 3, 0, 0]);
    expect(file.allocate(3, 0, 8192)).toBe(0);
    file.pread(buf, 8190, t);
    expect([...buf]).toEqual([0, 0, 1, 1]);
  });

  it('removes and makes anew', () => {
    const { t, low } = world();
    expect(removeFile(t, null, '/etc/passwd')).toBe(0);
    expect(find(t, '/etc/passwd')).toBe(-ENOENT);
    expect(list(t, '/etc')).toBe('group');
    write(t, '/etc/passwd', 'fresh');
    expect(read(t, '/etc/passwd')).toBe('fresh');
    expect(list(t, '/etc')).toBe('passwd group');
    expect(removeDirectory(t, null, '/usr/bin')).toBe(-ENOTEMPTY);
    removeFile(t, null, '/usr/bin/a');
    removeFile(t, null, '/usr/bin/b');
    const nlink = stat(t, '/usr').nlink;
    expect(removeDirectory(t, null, '/usr/bin')).toBe(0);
    expect(stat(t, '/usr').nlink).toBe(nlink - 1);
    expect(makeDirectory(t, null, '/usr/bin', 0o755)).toBe(0);
    expect(list(t, '/usr/bin')).toBe('');
    expect(find(t, '/usr/bin/a')).toBe(-ENOENT);
    expect(stat(t, '/usr').nlink).toBe(nlink);
    expect(list(low, '/usr/bin')).toBe('a b');
    const open1 = open(t, '/etc/group', O_RDONLY);
    removeFile(t, null, '/etc/group');
    expect(open1.inode.stat().nlink).toBe(0);
    expect(open1.read(new Uint8Array(5), t)).toBe(5);
  });

  it('renames files and directories of the lower layer', () => {
    const { t } = world();
    const ino = stat(t, '/usr').ino;
    expect(renamePath(t, null, '/usr', null, '/opt', 0)).toBe(0);
    expect(find(t, '/usr')).toBe(-ENOENT);
    expect(stat(t, '/opt').ino).toBe(ino);
    expect(list(t, '/opt')).toBe('bin lib');
    expect(read(t, '/opt/bin/a')).toBe('lower /usr/bin/a');
    write(t, '/opt/bin/a', 'changed');
    expect(read(t, '/opt/lib/a')).toBe('changed');
    expect(list(t, '/opt/bin')).toBe('a b');
    expect(makeDirectory(t, null, '/usr', 0o755)).toBe(0);
    expect(list(t, '/usr')).toBe('');
    expect(renamePath(t, null, '/opt', null, '/empty', 0)).toBe(0);
    expect(read(t, '/empty/bin/b')).toBe('lower /usr/bin/b');
    expect(list(t, '/').split(' ').sort().join(' ')).toBe('big empty etc hard1 hard2 usr');
    expect(renamePath(t, null, '/etc/passwd', null, '/etc/group', 0)).toBe(0);
    expect(read(t, '/etc/group')).toBe('lower /etc/passwd');
    expect(list(t, '/etc')).toBe('group');
    expect(renamePath(t, null, '/etc', null, '/empty', RENAME_EXCHANGE)).toBe(0);
    expect(list(t, '/empty')).toBe('group');
    expect(read(t, '/etc/bin/b')).toBe('lower /usr/bin/b');
    expect(stat(t, '/etc').mode & S_IFDIR).toBe(S_IFDIR);
  });

  it('keeps hard links together', () => {
    const { t } = world();
    expect(stat(t, '/hard1')).toMatchObject({ ino: stat(t, '/hard2').ino, nlink: 2 });
    write(t, '/hard1', 'both', O_WRONLY | O_TRUNC);
    expect(read(t, '/hard2')).toBe('both');
    expect(removeFile(t, null, '/hard2')).toBe(0);
    expect(stat(t, '/hard1').nlink).toBe(1);
    expect(find(t, '/hard2')).toBe(-ENOENT);
    makeLink(t, find(t, '/etc/group') as Path, null, '/g');
    expect(stat(t, '/etc/group').nlink).toBe(2);
    removeFile(t, null, '/etc/group');
    expect(read(t, '/g')).toBe('lower /etc/group');
    expect(stat(t, '/g').nlink).toBe(1);
  });

  it('forgets names that nobody needs, and no others', () => {
    const { t } = world();
    const fs = (find(t, '/') as Path).mount.fs;
    fs.pruneAt = 1;
    const file = open(t, '/usr/bin/a', O_RDWR);
    const cwd = find(t, '/etc') as Path;
    write(t, '/hard1', 'both', O_WRONLY | O_TRUNC);
    for (let i = 0; i < 50; i++) expect(find(t, `/none${i}`)).toBe(-ENOENT);
    fs.pruneAt = 1;
    fs.dentries = 0;
    find(t, '/none');
    expect(fs.root.children!.size).toBeLessThan(6);
    file.write(new TextEncoder().encode('open!'), t);
    expect(read(t, '/usr/bin/a')).toBe('open! /usr/bin/a');
    expect(read(t, '/hard2')).toBe('both');
    expect((find(t, '/etc') as Path).dentry).toBe(cwd.dentry);
    renamePath(t, null, '/usr/bin/a', null, '/etc/z', 0);
    expect(pathName(file.path, t.fs.root)).toBe('/etc/z');
  });

  it('removes one of two lower links that was never opened', () => {
    const { t } = world();
    expect(removeFile(t, null, '/hard1')).toBe(0);
    expect(stat(t, '/hard2').nlink).toBe(1);
    expect(read(t, '/hard2')).toBe('lower /hard1');
    expect(renamePath(t, null, '/hard2', null, '/etc/h', 0)).toBe(0);
    expect(read(t, '/etc/h')).toBe('lower /hard1');
  });
});
