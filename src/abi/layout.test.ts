import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { i386, x86_64 } from './abi.ts';
import { getI64, putU64 } from './layout.ts';

describe('Layout', () => {
  test('writes and reads every kind of field', () => {
    const buf = new Uint8Array(200).fill(0xff);
    x86_64.stat.write(buf, { st_ino: 2 ** 40 + 5, st_mode: 0o100644, st_size: -1 }, 3);
    expect(x86_64.stat.read(buf, 3)).toMatchObject({ st_ino: 2 ** 40 + 5, st_mode: 0o100644, st_size: -1, st_nlink: 0 });
    expect(buf[2]).toBe(0xff);
    expect(buf[3 + x86_64.stat.size]).toBe(0xff);
    expect(i386.stat64.offset.st_size).toBe(44);
    expect(x86_64.stat.hi(buf, 'st_ino', 3)).toBe(256);
    i386.timespec.putHalves(buf, 'tv_sec', 7, 9);
    expect(i386.timespec.read(buf)).toMatchObject({ tv_sec: 7 });
    expect(x86_64.utsname.bytes(buf.subarray(0, 0), 'sysname').length).toBe(0);
  });

  test('64-bit numbers keep sign and size', () => {
    const buf = new Uint8Array(8);
    for (const v of [0, -1, 1, -(2 ** 33), 2 ** 52 + 1, -(2 ** 31), 2 ** 32]) {
      putU64(buf, 0, v);
      expect(getI64(buf, 0)).toBe(v);
      expect(BigInt.asIntN(64, new DataView(buf.buffer).getBigUint64(0, true))).toBe(BigInt(v));
    }
  });
});

const gcc = spawnSync('gcc', ['-m32', '-x', 'c', '-fsyntax-only', '-'], { input: '#include <linux/stat.h>\n#include <sys/socket.h>\n' });
test.skipIf(gcc.status !== 0)('the committed layouts are what the compiler says', () => {
  execFileSync('node', ['tools/gen-abi.mjs', '--check'], { stdio: 'pipe' });
}, 60000);
