import { describe, expect, it } from 'vitest';
import { EFBIG, ENODATA, EEXIST, EINVAL, ENOSPC, ENXIO, EPERM } from '../../abi/linux/errno.ts';
import { O_APPEND, O_CREAT, O_RDWR } from '../../abi/linux/openFlags.ts';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import { SEEK_DATA, SEEK_HOLE } from '../../vfs/inodeFile.ts';
import { makeDirectory, removeFile, renamePath } from '../../vfs/namespace.ts';
import { openPath } from '../../vfs/open.ts';
import { callerOf, TestEnv, type TestCaller } from '../../vfs/testing.ts';
import { getXattr, listXattr, setXattr } from '../../vfs/xattr.ts';
import { memfd } from './memfd.ts';
import { TmpFs, type TmpFsOptions } from './tmpFs.ts';
import { SEAL_GROW, SEAL_SHRINK, SEAL_WRITE, type TmpRegular } from './tmpRegular.ts';

function setup(options: TmpFsOptions = {}): { t: TestCaller; fs: TmpFs; env: TestEnv } {
  const env = new TestEnv();
  const fs = new TmpFs(env, options);
  return { t: callerOf(fs), fs, env };
}
function open(t: TestCaller, name: string, flags = O_CREAT | O_RDWR): FileDescription {
  const file = openPath(t, null, name, { flags, mode: 0o644, resolve: 0 });
  if (typeof file === 'number') throw new Error(`open ${name}: ${file}`);
  return file;
}
const bytes = (n: number, value = 7): Uint8Array => new Uint8Array(n).fill(value);

describe('tmpfs directories', () => {
  it('list the newest name first', () => {
    const { t, fs } = setup();
    for (const name of ['/a', '/b', '/c']) open(t, name);
    expect(renamePath(t, null, '/a', null, '/d', 0)).toBe(0);
    expect((fs.root.inode!.list() as { name: string }[]).map(({ name }) => name)).toEqual(['d', 'c', 'b']);
  });
});

describe('tmpfs files', () => {
  it('reads back what was written, across chunks', () => {
    const { t } = setup();
    const file = open(t, '/f');
    const data = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 0xff);
    expect(file.write(data, t)).toBe(data.length);
    const back = new Uint8Array(400_000);
    expect(file.pread(back, 0, t)).toBe(data.length);
    expect(Buffer.compare(back.subarray(0, data.length), data)).toBe(0);
    expect(file.pread(back.subarray(0, 10), 65_531, t)).toBe(10);
    expect([...back.subarray(0, 10)]).toEqual([...data.subarray(65_531, 65_541)]);
    expect(file.pread(back, 300_000, t)).toBe(0);
  });

  it('agrees with a plain array under random operations', () => {
    const { t } = setup();
    const file = open(t, '/f');
    let model = new Uint8Array(0);
    let seed = 12345;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return seed % n;
    };
    for (let step = 0; step < 600; step++) {
      const offset = random(200_000);
      const length = 1 + random(90_000);
      switch (random(4)) {
        case 0: {
          if (offset + length > model.length) {
            const grown = new Uint8Array(offset + length);
            grown.set(model);
            model = grown;
          }
          const data = bytes(length, 1 + random(255));
          model.set(data, offset);
          expect(file.pwrite(data, offset, t)).toBe(length);
          break;
        }
        case 1: {
          const grown = new Uint8Array(offset);
          grown.set(model.subarray(0, offset));
          model = grown;
          expect(file.truncate(offset)).toBe(0);
          break;
        }
        case 2:
          model.fill(0, offset, offset + length);
          expect(file.allocate(3, offset, length)).toBe(0);
          break;
        default: {
          const got = new Uint8Array(length);
          const n = file.pread(got, offset, t);
          expect(n).toBe(Math.max(0, Math.min(length, model.length - offset)));
          expect(Buffer.compare(got.subarray(0, n), model.subarray(offset, offset + n))).toBe(0);
        }
      }
      expect(file.inode.stat().size).toBe(model.length);
    }
  });

  it('keeps holes cheap and tells them', () => {
    const { t, fs } = setup();
    const file = open(t, '/sparse');
    expect(file.pwrite(bytes(10), 10_000_000_000, t)).toBe(10);
    expect(file.inode.stat().size).toBe(10_000_000_010);
    expect(file.inode.stat().blocks).toBe(8);
    expect(fs.usedPages).toBe(1);
    expect(file.seek(0, SEEK_DATA)).toBe(9_999_998_976);
    expect(file.seek(0, SEEK_HOLE)).toBe(0);
    expect(file.seek(9_999_999_000, SEEK_HOLE)).toBe(10_000_000_010);
    expect(file.seek(10_000_000_010, SEEK_DATA)).toBe(-ENXIO);
    expect(file.truncate(0)).toBe(0);
    expect(fs.usedPages).toBe(0);
    expect(file.pwrite(bytes(5), 2 ** 52, t)).toBe(5);
    expect(file.seek(0, SEEK_DATA)).toBe(2 ** 52);
    expect(file.allocate(3, 4096, 2 ** 52)).toBe(0);
    expect(file.pread(bytes(5), 2 ** 52, t)).toBe(5);
    expect(fs.usedPages).toBe(1);
    expect(file.allocate(0, 0, 2 ** 50)).toBe(-ENOSPC);
    expect(file.truncate(0)).toBe(0);
    expect(fs.usedPages).toBe(0);
    expect(file.pwrite(bytes(1), Number.MAX_SAFE_INTEGER, t)).toBe(-EFBIG);
  });

  it('collapses and inserts ranges as disk file systems do', () => {
    const { t } = setup({ likeDisk: true });
    const file = open(t, '/f');
    for (let page = 0; page < 40; page++) file.pwrite(bytes(4096, page + 1), page * 4096, t);
    expect(file.allocate(8, 4096, 8192)).toBe(0);
    expect(file.inode.stat().size).toBe(38 * 4096);
    const at = (page: number): number => {
      const one = new Uint8Array(1);
      file.pread(one, page * 4096, t);
      return one[0]!;
    };
    expect([0, 1, 2, 20, 37].map(at)).toEqual([1, 4, 5, 23, 40]);
    expect(file.allocate(32, 8192, 4096 * 20)).toBe(0);
    expect([0, 1, 2, 21, 22, 57].map(at)).toEqual([1, 4, 0, 0, 5, 40]);
    expect(file.inode.stat().blocks).toBe(38 * 8);
    expect(file.allocate(32, 100, 4096)).toBe(-EINVAL);
    expect(file.allocate(0, 58 * 4096, 1 << 20)).toBe(0);
    expect(at(60)).toBe(0);
    expect(file.pwrite(bytes(1, 9), 60 * 4096 + 5, t)).toBe(1);
    expect(at(60)).toBe(0);
  });

  it('is full when it is full, and gives space back when the last user goes', () => {
    const { t, fs } = setup({ size: 65536 + 4096 });
    const file = open(t, '/f');
    expect(file.write(bytes(100_000), t)).toBe(65536);
    expect(file.write(bytes(100_000), t)).toBe(-ENOSPC);
    expect(removeFile(t, null, '/f')).toBe(0);
    expect(fs.usedPages).toBe(16);
    expect(file.pread(bytes(4), 0, t)).toBe(4);
    file.release();
    expect(fs.usedPages).toBe(0);
  });

  it('appends, and cuts', () => {
    const { t } = setup();
    const file = open(t, '/f', O_CREAT | O_RDWR | O_APPEND);
    file.write(bytes(3), t);
    file.seek(0, 0);
    expect(file.write(bytes(2), t)).toBe(2);
    expect(file.pos).toBe(5);
    expect(file.pwrite(bytes(2), 0, t)).toBe(2);
    expect(file.inode.stat().size).toBe(7);
  });

  it('lists stably while entries come and go', () => {
    const { t } = setup();
    makeDirectory(t, null, '/d', 0o755);
    for (let i = 0; i < 10; i++) open(t, `/d/${i}`).release();
    const dir = open(t, '/d', 0);
    const seen: string[] = [];
    let left = 5;
    const some = (name: string): boolean => left-- > 0 && seen.push(name) > 0;
    dir.readdir(some);
    expect(seen).toEqual(['.', '..', '9', '8', '7']);
    removeFile(t, null, '/d/9');
    removeFile(t, null, '/d/5');
    open(t, '/d/new').release();
    left = 100;
    dir.readdir(some);
    expect(seen.slice(5)).toEqual(['6', '4', '3', '2', '1', '0']);
    expect(dir.seek(0, 0)).toBe(0);
    seen.length = 0;
    left = 100;
    dir.readdir(some);
    expect(seen[2]).toBe('new');
    expect(dir.inode.stat().size).toBe(20 * 11);
  });

  it('stamps times as Linux does', () => {
    const { t, env } = setup();
    const file = open(t, '/f');
    env.sec += 10;
    file.write(bytes(1), t);
    expect(file.inode.stat()).toMatchObject({ mtimeSec: env.sec, ctimeSec: env.sec, atimeSec: env.sec - 10 });
    env.sec += 10;
    file.pread(bytes(1), 0, t);
    expect(file.inode.stat().atimeSec).toBe(env.sec);
    env.sec += 10;
    file.pread(bytes(1), 0, t);
    expect(file.inode.stat().atimeSec).toBe(env.sec - 10);
    expect(file.inode.stat().btimeSec).toBe(env.sec - 30);
  });

  it('keeps extended attributes', () => {
    const { t } = setup();
    const { path } = open(t, '/f');
    expect(getXattr(t, path, 'user.a')).toBe(-ENODATA);
    expect(setXattr(t, path, 'user.a', bytes(2), 1)).toBe(0);
    expect(setXattr(t, path, 'user.a', bytes(2), 1)).toBe(-EEXIST);
    expect(setXattr(t, path, 'user.b', bytes(2), 2)).toBe(-ENODATA);
    expect(getXattr(t, path, 'user.a')).toEqual(bytes(2));
    setXattr(t, path, 'trusted.t', bytes(1), 0);
    expect(listXattr(t, path)).toEqual(['user.a', 'trusted.t']);
    t.cred = t.cred.with({ capEffective: 0 });
    expect(listXattr(t, path)).toEqual(['user.a']);
  });

  it('seals memfds', () => {
    const { t } = setup();
    const file = memfd(t, 'x', true);
    const inode = file.inode as TmpRegular;
    file.write(bytes(10), t);
    expect(inode.addSeals(SEAL_SHRINK | SEAL_GROW)).toBe(0);
    expect(file.truncate(5)).toBe(-EPERM);
    expect(file.truncate(15)).toBe(-EPERM);
    expect(file.pwrite(bytes(1), 3, t)).toBe(1);
    expect(file.pwrite(bytes(1), 10, t)).toBe(-EPERM);
    expect(inode.addSeals(SEAL_WRITE | 1)).toBe(0);
    expect(file.pwrite(bytes(1), 3, t)).toBe(-EPERM);
    expect(inode.addSeals(SEAL_WRITE)).toBe(-EPERM);
    expect((memfd(t, 'y', false).inode as TmpRegular).addSeals(SEAL_WRITE)).toBe(-EPERM);
  });
});
