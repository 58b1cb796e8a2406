import { describe, expect, it } from 'vitest';
import { EACCES, EEXIST, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ENOTEMPTY, EBUSY, EPERM, EXDEV, EROFS } from '../abi/linux/errno.ts';
import { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY } from '../abi/linux/openFlags.ts';
import { TmpFs } from '../fs/tmpfs/tmpFs.ts';
import { changeMode, changeOwner } from './attributes.ts';
import { Cred } from './cred.ts';
import type { FileDescription } from './fileDescription.ts';
import { MS_RDONLY } from '../abi/linux/fs.ts';
import { Mount } from './mount.ts';
import { makeDirectory, makeLink, makeNode, makeSymlink, removeDirectory, removeFile, renamePath, RENAME_EXCHANGE, RENAME_NOREPLACE } from './namespace.ts';
import { checkFlags, openPath } from './open.ts';
import { Path, pathName } from './path.ts';
import { callerOf, TestEnv, type TestCaller } from './testing.ts';
import { Walk, walkPath } from './walk.ts';

function world(): TestCaller {
  return callerOf(new TmpFs(new TestEnv(), { mode: 0o755 }));
}
function open(t: TestCaller, name: string, flags: number, mode = 0o644): FileDescription | number {
  const how = { flags, mode, resolve: 0 };
  const checked = checkFlags(how);
  return checked < 0 ? checked : openPath(t, null, name, how);
}
function create(t: TestCaller, name: string, text = '', mode = 0o644): void {
  const file = open(t, name, O_CREAT | O_RDWR, mode) as FileDescription;
  file.write(new TextEncoder().encode(text), t);
  file.release();
}
function at(t: TestCaller, name: string, flags: number = Walk.follow): Path | number {
  return walkPath(t, null, name, flags);
}
function nameOf(t: TestCaller, name: string): string | number {
  const place = at(t, name);
  return typeof place === 'number' ? place : pathName(place, t.fs.root);
}

describe('walk', () => {
  it('goes through directories, dots and slashes', () => {
    const t = world();
    makeDirectory(t, null, '/a', 0o755);
    makeDirectory(t, null, '/a/b/', 0o755);
    create(t, '/a/b/f');
    expect(nameOf(t, '/a//b/./f')).toBe('/a/b/f');
    expect(nameOf(t, '/a/b/../b/f')).toBe('/a/b/f');
    expect(nameOf(t, '/../../a')).toBe('/a');
    expect(nameOf(t, '/')).toBe('/');
    expect(nameOf(t, 'a/b')).toBe('/a/b');
    expect(nameOf(t, '')).toBe(-ENOENT);
    expect(nameOf(t, '/a/x')).toBe(-ENOENT);
    expect(nameOf(t, '/a/b/f/')).toBe(-ENOTDIR);
    expect(nameOf(t, '/a/b/f/x')).toBe(-ENOTDIR);
    expect(nameOf(t, '/a/b/f/..')).toBe(-ENOTDIR);
    expect(nameOf(t, `/a/${'n'.repeat(256)}`)).toBe(-ENAMETOOLONG);
    expect(nameOf(t, `/a/${'n'.repeat(255)}`)).toBe(-ENOENT);
  });

  it('follows links, relative, absolute, nested, with slashes, up to 40', () => {
    const t = world();
    makeDirectory(t, null, '/a', 0o755);
    makeDirectory(t, null, '/a/b', 0o755);
    create(t, '/a/b/f');
    makeSymlink(t, 'b/f', null, '/a/rel');
    makeSymlink(t, '/a/b', null, '/abs');
    makeSymlink(t, '../abs/', null, '/a/two');
    makeSymlink(t, '/', null, '/top');
    expect(nameOf(t, '/a/rel')).toBe('/a/b/f');
    expect(nameOf(t, '/abs/f')).toBe('/a/b/f');
    expect(nameOf(t, '/a/two/f')).toBe('/a/b/f');
    expect(nameOf(t, '/a/two')).toBe('/a/b');
    expect(nameOf(t, '/top/top/a/two/../two/f')).toBe('/a/b/f');
    expect(nameOf(t, '/a/rel/')).toBe(-ENOTDIR);
    const link = at(t, '/abs', Walk.none) as Path;
    expect(pathName(link, t.fs.root)).toBe('/abs');
    expect(pathName(at(t, '/abs/', Walk.none) as Path, t.fs.root)).toBe('/a/b');
    makeSymlink(t, 'loop', null, '/loop');
    expect(nameOf(t, '/loop')).toBe(-ELOOP);
    expect(nameOf(t, '/loop/x')).toBe(-ELOOP);
    create(t, '/l0');
    for (let i = 1; i <= 41; i++) makeSymlink(t, `l${i - 1}`, null, `/l${i}`);
    expect(nameOf(t, '/l40')).toBe('/l0');
    expect(nameOf(t, '/l41')).toBe(-ELOOP);
    makeSymlink(t, 'nowhere', null, '/dangling');
    expect(nameOf(t, '/dangling')).toBe(-ENOENT);
  });

  it('keeps RESOLVE_ rules', () => {
    const t = world();
    makeDirectory(t, null, '/a', 0o755);
    makeDirectory(t, null, '/a/b', 0o755);
    create(t, '/out');
    create(t, '/a/out');
    makeSymlink(t, '/out', null, '/a/abs');
    makeSymlink(t, '../../out', null, '/a/b/up');
    const a = at(t, '/a') as Path;
    expect(walkPath(t, a, 'abs', Walk.follow | Walk.beneath)).toBe(-EXDEV);
    expect(walkPath(t, a, 'b/../../out', Walk.beneath)).toBe(-EXDEV);
    expect(walkPath(t, a, 'b/../out', Walk.beneath)).toBeInstanceOf(Path);
    expect(walkPath(t, a, 'abs', Walk.follow | Walk.noSymlinks)).toBe(-ELOOP);
    const inRoot = walkPath(t, a, 'b/up', Walk.follow | Walk.inRoot) as Path;
    expect(pathName(inRoot, t.fs.root)).toBe('/a/out');
    expect(pathName(walkPath(t, a, 'abs', Walk.follow | Walk.inRoot) as Path, t.fs.root)).toBe('/a/out');
  });

  it('stays in a chroot and crosses mounts both ways', () => {
    const t = world();
    makeDirectory(t, null, '/m', 0o755);
    create(t, '/m/hidden');
    const other = new TmpFs(new TestEnv());
    const place = at(t, '/m') as Path;
    const mount = new Mount(other, other.root, 'tmpfs', 0);
    mount.attach(place.mount, place.dentry);
    create(t, '/m/inside');
    expect(nameOf(t, '/m/hidden')).toBe(-ENOENT);
    expect(nameOf(t, '/m/inside')).toBe('/m/inside');
    expect(nameOf(t, '/m/../m/inside')).toBe('/m/inside');
    expect(renamePath(t, null, '/m/inside', null, '/inside', 0)).toBe(-EXDEV);
    expect(removeDirectory(t, null, '/m')).toBe(-EBUSY);
    const m = at(t, '/m') as Path;
    expect(walkPath(t, null, '/m', Walk.noXdev)).toBe(-EXDEV);
    t.fs.root = m;
    t.fs.cwd = m;
    expect(nameOf(t, '/../../inside')).toBe('/inside');
    mount.flags |= MS_RDONLY;
    expect(open(t, '/new', O_CREAT | O_WRONLY)).toBe(-EROFS);
    expect(open(t, '/inside', O_WRONLY)).toBe(-EROFS);
    expect(makeDirectory(t, null, '/inside', 0o755)).toBe(-EEXIST);
  });
});

describe('open', () => {
  it('gives the errors of open(2)', () => {
    const t = world();
    makeDirectory(t, null, '/d', 0o755);
    create(t, '/f', 'text');
    makeSymlink(t, 'f', null, '/l');
    makeSymlink(t, 'new', null, '/dangling');
    expect(open(t, '/d', O_WRONLY)).toBe(-EISDIR);
    expect(open(t, '/d', O_CREAT | O_RDONLY)).toBe(-EISDIR);
    expect(open(t, '/d/', O_CREAT | O_RDONLY)).toBe(-EISDIR);
    expect(open(t, '/nope/', O_CREAT | O_WRONLY)).toBe(-EISDIR);
    expect(open(t, '/f/', O_RDONLY)).toBe(-ENOTDIR);
    expect(open(t, '/f', O_DIRECTORY)).toBe(-ENOTDIR);
    expect(open(t, '/l', O_NOFOLLOW)).toBe(-ELOOP);
    expect(open(t, '/l', O_NOFOLLOW | O_DIRECTORY)).toBe(-ENOTDIR);
    expect(open(t, '/l', O_CREAT | O_EXCL)).toBe(-EEXIST);
    expect(open(t, '/dangling', O_CREAT | O_EXCL)).toBe(-EEXIST);
    expect(open(t, '/d', O_CREAT | O_DIRECTORY)).toBe(-EINVAL);
    expect(open(t, '/d', O_TMPFILE)).toBe(-EINVAL);
    expect(open(t, '/x/y', O_CREAT | O_WRONLY)).toBe(-ENOENT);
    const made = open(t, '/dangling', O_CREAT | O_WRONLY) as FileDescription;
    expect(pathName(made.path, t.fs.root)).toBe('/new');
    const link = open(t, '/l', O_PATH | O_NOFOLLOW) as FileDescription;
    expect(link.inode.readlink()).toBe('f');
    const anonymous = open(t, '/d', O_TMPFILE | O_RDWR) as FileDescription;
    expect(anonymous.write(new Uint8Array(3), t)).toBe(3);
    expect(anonymous.inode.stat().nlink).toBe(0);
    const cut = open(t, '/f', O_TRUNC | O_RDONLY) as FileDescription;
    expect(cut.inode.stat().size).toBe(0);
  });

  it('asks permission of owner, group and others, and of sticky directories', () => {
    const t = world();
    makeDirectory(t, null, '/tmp', 0o777);
    changeMode(t, at(t, '/tmp') as Path, 0o1777);
    create(t, '/tmp/root', '', 0o640);
    changeOwner(t, at(t, '/tmp/root') as Path, -1, 50);
    makeDirectory(t, null, '/closed', 0o700);
    create(t, '/closed/f');
    t.cred = Cred.user(1000, 1000, [50]);
    expect(open(t, '/tmp/root', O_WRONLY)).toBe(-EACCES);
    expect(typeof open(t, '/tmp/root', O_RDONLY)).toBe('object');
    expect(open(t, '/closed/f', O_RDONLY)).toBe(-EACCES);
    expect(removeFile(t, null, '/tmp/root')).toBe(-EPERM);
    expect(renamePath(t, null, '/tmp/root', null, '/tmp/mine', 0)).toBe(-EPERM);
    expect(makeDirectory(t, null, '/new', 0o755)).toBe(-EACCES);
    create(t, '/tmp/mine', 'x', 0o000);
    expect(open(t, '/tmp/mine', O_RDONLY)).toBe(-EACCES);
    expect(changeMode(t, at(t, '/tmp/root') as Path, 0o777)).toBe(-EPERM);
    expect(changeOwner(t, at(t, '/tmp/mine') as Path, 0, -1)).toBe(-EPERM);
    expect(changeOwner(t, at(t, '/tmp/mine') as Path, -1, 50)).toBe(0);
    t.cred = Cred.user(1000, 1000);
    expect(open(t, '/tmp/root', O_RDONLY)).toBe(-EACCES);
    expect(removeFile(t, null, '/tmp/mine')).toBe(0);
    t.cred = Cred.user(1000, 1000).with({ capEffective: 2 });
    expect(typeof open(t, '/tmp/root', O_WRONLY)).toBe('object');
  });
});

describe('names', () => {
  it('makes, links, removes', () => {
    const t = world();
    expect(makeDirectory(t, null, '/d', 0o777)).toBe(0);
    expect((at(t, '/d') as Path).inode.stat().mode & 0o7777).toBe(0o755);
    expect(makeDirectory(t, null, '/d', 0o777)).toBe(-EEXIST);
    expect(makeDirectory(t, null, '/.', 0o777)).toBe(-EEXIST);
    create(t, '/d/f');
    expect(makeSymlink(t, 'x', null, '/n/')).toBe(-ENOENT);
    expect(makeNode(t, null, '/dir', 0o040755, 0)).toBe(-EPERM);
    expect(makeLink(t, at(t, '/d/f') as Path, null, '/hard')).toBe(0);
    expect((at(t, '/hard') as Path).inode).toBe((at(t, '/d/f') as Path).inode);
    expect((at(t, '/hard') as Path).inode.stat().nlink).toBe(2);
    expect(makeLink(t, at(t, '/d') as Path, null, '/harddir')).toBe(-EPERM);
    expect(removeFile(t, null, '/d')).toBe(-EISDIR);
    expect(removeFile(t, null, '/hard/')).toBe(-ENOTDIR);
    expect(removeDirectory(t, null, '/d')).toBe(-ENOTEMPTY);
    expect(removeDirectory(t, null, '/hard')).toBe(-ENOTDIR);
    expect(removeDirectory(t, null, '/d/.')).toBe(-EINVAL);
    expect(removeDirectory(t, null, '/d/..')).toBe(-ENOTEMPTY);
    expect(removeDirectory(t, null, '/')).toBe(-EBUSY);
    expect(removeFile(t, null, '/d/f')).toBe(0);
    const d = at(t, '/d') as Path;
    t.fs.cwd = d;
    expect(removeDirectory(t, null, '/d')).toBe(0);
    expect(makeDirectory(t, null, 'x', 0o755)).toBe(-ENOENT);
    expect(pathName(d, t.fs.root)).toBe('/d (deleted)');
    expect((at(t, '/hard') as Path).inode.stat().nlink).toBe(1);
    expect((at(t, '/') as Path).inode.stat().nlink).toBe(2); // no directory is left
  });

  it('renames as rename(2) and renameat2(2)', () => {
    const t = world();
    for (const name of ['/a', '/a/sub', '/b', '/full', '/full/x']) makeDirectory(t, null, name, 0o755);
    create(t, '/f', 'f');
    create(t, '/g', 'g');
    expect(renamePath(t, null, '/a', null, '/a/sub/x', 0)).toBe(-EINVAL);
    expect(renamePath(t, null, '/a/sub', null, '/a', 0)).toBe(-ENOTEMPTY);
    expect(renamePath(t, null, '/f', null, '/a', 0)).toBe(-EISDIR);
    expect(renamePath(t, null, '/a', null, '/f', 0)).toBe(-ENOTDIR);
    expect(renamePath(t, null, '/a', null, '/full', 0)).toBe(-ENOTEMPTY);
    expect(renamePath(t, null, '/f/', null, '/h', 0)).toBe(-ENOTDIR);
    expect(renamePath(t, null, '/a/.', null, '/h', 0)).toBe(-EBUSY);
    expect(renamePath(t, null, '/f', null, '/g', RENAME_NOREPLACE)).toBe(-EEXIST);
    expect(renamePath(t, null, '/f', null, '/none', RENAME_EXCHANGE)).toBe(-ENOENT);
    const before = (at(t, '/f') as Path).inode;
    expect(renamePath(t, null, '/f', null, '/a', RENAME_EXCHANGE)).toBe(0);
    expect((at(t, '/a') as Path).inode).toBe(before);
    expect(nameOf(t, '/f/sub')).toBe('/f/sub');
    expect(renamePath(t, null, '/f', null, '/b', 0)).toBe(0);
    expect(nameOf(t, '/b/sub')).toBe('/b/sub');
    expect(nameOf(t, '/f')).toBe(-ENOENT);
    expect(renamePath(t, null, '/a', null, '/g', 0)).toBe(0);
    expect((at(t, '/g') as Path).inode).toBe(before);
    makeLink(t, at(t, '/g') as Path, null, '/g2');
    expect(renamePath(t, null, '/g', null, '/g2', 0)).toBe(0);
    expect(nameOf(t, '/g')).toBe('/g');
  });
});
