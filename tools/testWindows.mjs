// npm run test:windows: the static busybox of both architectures under the Windows build of Node (by Wine on Linux; directly on
// Windows): a shell, pipes, files of a mounted directory, exit statuses. Says clearly when it cannot run here.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';
const cache = process.env.TUXLATE_WINDOWS ?? join(homedir(), '.cache', 'tuxlate-windows');

function skip(why) {
  console.log(`windows: skipped, ${why}`);
  process.exit(0);
}

if (!windows && !existsSync(join(cache, 'run'))) {
  console.log('windows: installing Wine and node.exe (once)');
  const setup = spawnSync('bash', [join(top, 'tools', 'windows', 'setup.sh'), cache], { stdio: 'inherit' });
  if (setup.status === 77) skip('Wine is not installed and cannot be installed without root on Debian');
  if (setup.status !== 0) skip('Wine or node.exe could not be installed');
}

/** Static busybox binaries by architecture; taken from the program tests' roots or the host. */
async function busyboxes() {
  const found = {};
  if (windows) {
    for (const arch of ['x86_64', 'i386']) if (process.env[`BUSYBOX_${arch}`]) found[arch] = process.env[`BUSYBOX_${arch}`];
    return found;
  }
  const { prepareRoot, rootPath } = await import('../tests/programs/roots.mjs');
  for (const [arch, debian] of Object.entries({ x86_64: 'amd64', i386: 'i386' })) {
    if (await prepareRoot(debian)) found[arch] = join(rootPath(debian), 'bin', 'busybox');
  }
  return found;
}

const work = mkdtempSync(join(windows ? tmpdir() : '/tmp', 'tuxlate-windows-'));
const hostPath = (path) => (windows ? path : `Z:${path.replaceAll('/', '\\')}`);

function tuxlate(args, input = '') {
  const script = join(top, 'dist', 'tuxlate.js');
  const [command, first] = windows ? [process.execPath, [script]] : [join(cache, 'run'), [script]];
  const result = spawnSync(command, [...first, ...args], { input, encoding: 'latin1', timeout: 120_000 });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

let passed = 0;
let failed = 0;
function check(name, actual, expected) {
  const differs = Object.keys(expected).filter((key) => actual[key] !== expected[key]);
  if (differs.length === 0) passed++;
  else {
    failed++;
    for (const key of differs) console.log(`FAIL ${name}: ${key} ${JSON.stringify(actual[key])}, expected ${JSON.stringify(expected[key])}`);
    if (actual.stderr) console.log(actual.stderr.slice(0, 1000));
  }
}

const boxes = await busyboxes();
if (Object.keys(boxes).length === 0) skip('there is no static busybox (program-test roots on Linux, BUSYBOX_x86_64 and BUSYBOX_i386 on Windows)');
for (const [arch, busybox] of Object.entries(boxes)) {
  const root = join(work, arch);
  const shared = join(work, `shared-${arch}`);
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(shared);
  copyFileSync(busybox, join(root, 'bin', 'busybox'));
  writeFileSync(join(shared, 'in.txt'), 'three\none\ntwo\n');
  const run = (script, input) => tuxlate(['--root', hostPath(root), '-v', `${hostPath(shared)}:/shared`, '/bin/busybox', 'sh', '-c', script], input);
  check(`${arch} echo`, tuxlate(['--root', hostPath(root), '/bin/busybox', 'echo', 'a b', 'c']), { status: 0, stdout: 'a b c\n' });
  check(`${arch} exit status`, run('exit 7'), { status: 7 });
  check(`${arch} pipe`, run('busybox seq 5 | busybox sort -r | busybox head -2; (echo sub)'), { status: 0, stdout: '5\n4\nsub\n' });
  check(`${arch} read a mounted file`, run('busybox sort /shared/in.txt'), { status: 0, stdout: 'one\nthree\ntwo\n' });
  check(`${arch} write a mounted file`, run('busybox tr a-z A-Z </shared/in.txt >/shared/out.txt; busybox ls /shared'), { status: 0, stdout: 'in.txt\nout.txt\n' });
  check(`${arch} the host sees it`, { text: existsSync(join(shared, 'out.txt')) ? readFileSync(join(shared, 'out.txt'), 'latin1') : null }, { text: 'THREE\nONE\nTWO\n' });
  check(`${arch} rename and remove`, run('cd /shared; busybox mv out.txt new.txt; busybox rm in.txt; busybox mkdir d; busybox ls'), { status: 0, stdout: 'd\nnew.txt\n' });
  check(`${arch} standard input`, run('busybox wc -c', 'x'.repeat(100_000)), { status: 0, stdout: '100000\n' });
  check(`${arch} signal`, run('busybox kill -9 $$'), { status: 137 });
  check(`${arch} not found`, tuxlate(['--root', hostPath(root), 'nosuch']), { status: 127 });
}
rmSync(work, { recursive: true, force: true });
console.log(`windows: ${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
