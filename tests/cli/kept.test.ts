/** What runs keep for later ones (src/host-node/keptFiles.ts). Needs dist/ (npm run build) and a Linux host. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const built = join(import.meta.dirname, '..', '..', 'dist');
let dir = '';
/** An installation whose own directory has nothing kept. */
let dist = '';

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tuxlate-kept-'));
  dist = join(dir, 'dist');
  cpSync(built, dist, { recursive: true, filter: (path) => !path.endsWith('.cache') });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const environment = (cache: string): NodeJS.ProcessEnv => {
  const { TUXLATE_CACHE_DIR: _, ...env } = process.env;
  return { ...env, XDG_CACHE_HOME: join(dir, cache) };
};
const script = ['/bin/sh', '-c', 'for k in 1 2 3; do /bin/echo $k; done; exit 5'];
function run(cache: string, flags: string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(dist, 'tuxlate.js'), ...flags, ...script], { encoding: 'latin1', env: environment(cache), timeout: 60_000 });
  return { status, stdout, stderr };
}
const right = { status: 5, stdout: '1\n2\n3\n', stderr: '' };
const filesOf = (cache: string): string[] => {
  const path = join(dir, cache, 'tuxlate');
  return existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];
};
const kindsOf = (cache: string): Set<string> => new Set(filesOf(cache).map((path) => /([a-zA-Z]+)-[^/]*$/.exec(path)![1]!));

describe.runIf(process.platform === 'linux')('what runs keep', () => {
  test('goes to the user\'s cache directory, and serves the next run', () => {
    expect(run('a')).toEqual(right);
    expect(kindsOf('a')).toEqual(new Set(['main', 'guestWorker', 'interpreter', 'runs']));
    expect(readdirSync(dist).filter((name) => name.endsWith('.cache'))).toEqual([]);
    const before = new Map(filesOf('a').map((path) => [path, readFileSync(path)]));
    expect(run('a')).toEqual(right);
    for (const [path, bytes] of before) expect(readFileSync(path).equals(bytes), path).toBe(true);
  });

  test('--no-cache neither uses nor keeps decoded or compiled guest code', () => {
    expect(run('b', ['--no-cache'])).toEqual(right);
    expect([...kindsOf('b')].filter((kind) => kind === 'runs' || kind === 'interpreter')).toEqual([]);
  });

  test('files that are cut short, empty or nonsense are as if they were not there', () => {
    for (const spoil of [(path: string) => truncateSync(path, readFileSync(path).length >> 1), (path: string) => truncateSync(path, 0), (path: string) => writeFileSync(path, 'nonsense'.repeat(999))]) {
      expect(run('c')).toEqual(right);
      for (const path of filesOf('c')) spoil(path);
      expect(run('c')).toEqual(right);
    }
  });

  test('files that others could have written are not used', () => {
    expect(run('d')).toEqual(right);
    for (const path of filesOf('d')) {
      chmodSync(path, 0o666);
      writeFileSync(path, 'nonsense');
    }
    expect(run('d')).toEqual(right);
  });

  test('several at once', async () => {
    const all = await Promise.all(Array.from({ length: 3 }, () => new Promise<string>((resolve) => {
      const child = spawn(process.execPath, [join(dist, 'tuxlate.js'), ...script], { env: environment('e'), stdio: ['ignore', 'pipe', 'inherit'] });
      let out = '';
      child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString('latin1'); });
      child.on('close', (code) => resolve(`${out}${code}`));
    })));
    expect(all).toEqual(Array.from({ length: 3 }, () => '1\n2\n3\n5'));
    expect(run('e')).toEqual(right);
  });

  describe('translations', () => {
    const loop = ['/bin/sh', '-c', 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); s="$s."; s=${s#.......}; done; echo $i ${#s}'];
    const expected = { status: 0, stdout: '30000 5\n', stderr: '' };
    const hot = (cache: string) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(dist, 'tuxlate.js'), ...loop], { encoding: 'latin1', env: environment(cache), timeout: 60_000 });
      return { status, stdout, stderr };
    };
    const regions = (cache: string): string[] => filesOf(cache).filter((path) => path.includes('regions-'));

    test('are kept and used, and joined into few files', () => {
      expect(hot('g')).toEqual(expected);
      expect(regions('g').length).toBe(1);
      const path = regions('g')[0]!, copies = Array.from({ length: 9 }, (_, k) => path.replace(/(..)\.cache$/, `${k}$1.cache`));
      for (const copy of copies) cpSync(path, copy);
      expect(hot('g')).toEqual(expected);
      // Without those it had, so that it makes some and writes them. (It may have made more and joined all before.)
      for (const kept of regions('g')) rmSync(kept);
      for (const copy of copies) writeFileSync(copy, Buffer.alloc(8), { mode: 0o600 });
      expect(hot('g')).toEqual(expected);
      expect(regions('g').length).toBeLessThan(3);
      expect(hot('g')).toEqual(expected);
    });

    test('are not used when damaged', () => {
      expect(hot('h')).toEqual(expected);
      const [path] = regions('h');
      const bytes = readFileSync(path!);
      for (let at = 3; at < bytes.length; at += 997) bytes[at]! ^= 0x55;
      writeFileSync(path!, bytes);
      expect(hot('h')).toEqual(expected);
    });
  });

  test('a directory that cannot be made does no harm', () => {
    writeFileSync(join(dir, 'f'), '');
    expect(run('f')).toEqual(right);
  });
});
