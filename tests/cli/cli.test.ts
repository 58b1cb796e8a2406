/** The command itself: exit statuses, messages, streams, signals. Needs dist/ (npm run build) and a Linux host. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const command = join(import.meta.dirname, '..', '..', 'dist', 'tuxlate.js');
let dir = '';

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tuxlate-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Options = { input?: string; env?: NodeJS.ProcessEnv; stdio?: (number | 'pipe' | 'ignore')[] };
function tuxlate(args: string[], options: Options = {}) {
  const run = spawnSync(process.execPath, [command, ...args], { encoding: 'latin1', timeout: 50_000, cwd: dir, input: '', ...options });
  return { status: run.status, signal: run.signal, stdout: run.stdout, stderr: run.stderr };
}
const sh = (script: string, options: Options = {}, flags: string[] = []) => tuxlate([...flags, '/bin/sh', '-c', script], options);

describe.runIf(process.platform === 'linux')('tuxlate', () => {
  test('what runs on in the background is waited for as long as it can write to our output', () => {
    expect(sh('(sleep 1; echo late) & exit 3')).toMatchObject({ status: 3, stdout: 'late\n' });
    expect(sh('(sleep 0.5; exec >/dev/null 2>&1; sleep 100) & echo now')).toMatchObject({ status: 0, stdout: 'now\n' });
    expect(sh('sleep 100 >/dev/null 2>&1 & echo now')).toMatchObject({ status: 0, stdout: 'now\n' });
    expect(sh('sleep 100 & kill -9 $$')).toMatchObject({ signal: 'SIGKILL' });
  });

  test('--version and --help are answers, not errors', () => {
    expect(tuxlate(['--version'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^tuxlate \d+\.\d+/) });
    expect(tuxlate(['--help'])).toMatchObject({ status: 0, stdout: expect.stringContaining('--root DIR'), stderr: '' });
    expect(tuxlate(['--trace=help'])).toMatchObject({ status: 0, stdout: expect.stringContaining('syscall') });
  });

  test.each<[string[], number, RegExp]>([
    [['--nope'], 125, /^tuxlate: unknown flag: --nope\nSee 'tuxlate --help'\.\n$/],
    [['--root', '/no/such', 'ls'], 125, /^tuxlate: \/no\/such: no such directory\n$/],
    [['--root', '', 'ls'], 125, /^tuxlate: --root: no directory given\n$/],
    [['-v', 'nonsense', 'ls'], 125, /^tuxlate: invalid volume/],
    [['--trace=nonsense', 'ls'], 125, /unknown trace item "nonsense"/],
    [['-w', 'relative', 'ls'], 125, /not an absolute path/],
    [['-u', 'no-such-user', 'ls'], 126, /unable to find user/],
    [['no-such-command'], 127, /^tuxlate: no-such-command: command not found\n$/],
    [['./no-such-file'], 127, /^tuxlate: \.\/no-such-file: No such file or directory\n$/],
    [['/etc'], 126, /^tuxlate: \/etc: Permission denied\n$/],
    [['/etc/passwd'], 126, /^tuxlate: \/etc\/passwd: Permission denied\n$/],
    [[''], 127, /command not found/],
  ])('%j ends with %i', (args, status, message) => {
    expect(tuxlate(args)).toMatchObject({ status, stdout: '', stderr: expect.stringMatching(message) });
  });

  test.each<[string, string | Buffer, number, RegExp]>([
    ['empty', '', 0, /^$/],
    ['truncated', readFileSync('/bin/true').subarray(0, 100), 126, /Exec format error/],
    ['cut', readFileSync('/bin/true').subarray(0, 5000), 0, /./],
    ['machine', Buffer.concat([readFileSync('/bin/true').subarray(0, 18), Buffer.from([0xb7, 0]), readFileSync('/bin/true').subarray(20)]), 126, /Exec format error/],
    ['interpreter', '#!/no/such/interpreter\n', 127, /No such file or directory/],
    ['loop', '#!./loop\n', 126, /Too many levels of symbolic links/],
    ['script', 'exit 7\n', 7, /^$/],
  ])('a bad program: %s', (name, content, status, message) => {
    writeFileSync(join(dir, name), content, { mode: 0o755 });
    const result = tuxlate([`./${name}`]);
    // What a cut-off program does is up to it; that we end in an orderly way is not.
    if (name === 'cut') return expect(result.stderr).not.toContain('internal error');
    expect(result).toMatchObject({ status, stderr: expect.stringMatching(message) });
  });

  test('exit status and signals are the program\'s', () => {
    expect(sh('exit 300')).toMatchObject({ status: 44 });
    expect(sh('kill -9 $$')).toMatchObject({ status: null, signal: 'SIGKILL' });
    expect(sh('kill -SEGV $$')).toMatchObject({ status: null, signal: 'SIGSEGV' });
    expect(sh('kill -PIPE $$')).toMatchObject({ status: null, signal: 'SIGPIPE' });
  });

  test('environment', () => {
    writeFileSync(join(dir, 'env'), '# comment\nA=1\nB=two words # kept\n\nFROM_HOST\nABSENT\n');
    const env = { PATH: process.env.PATH, FROM_HOST: 'yes', GONE: 'x' };
    const result = tuxlate(['--env-file', 'env', '-e', 'A=3', '-e=C==', '-U', 'GONE', '/usr/bin/env'], { env });
    const lines = result.stdout.trim().split('\n').sort();
    expect(lines).toEqual(['A=3', 'B=two words # kept', 'C==', 'FROM_HOST=yes', `PATH=${process.env.PATH}`].sort());
  });

  test('arguments arrive as given', () => {
    const words = ['a', 'b c', '', '"q"', "it's", '\\', '$HOME', 'ü€𝄞', '-x', '--', '*'];
    const result = sh('printf "<%s>" "$@"', {}).stdout;
    expect(result).toBe('<>');
    const printed = tuxlate(['/usr/bin/printf', '<%s>', ...words]).stdout;
    expect(Buffer.from(printed, 'latin1').toString('utf8')).toBe(words.map((word) => `<${word}>`).join(''));
  });

  test('bytes that are not UTF-8 arrive, too', () => {
    const script = `export V=$'v\\xfe' W=kept; "$0" "$1" -e $'E=\\xfd\u00fc' -e V /usr/bin/printf '%s\\n' $'a\\xff\u00e4'; cd $'d\\xfc' && "$0" "$1" -e $'E=\\xfd' /bin/sh -c 'pwd; echo $V $W $E'`;
    mkdirSync(Buffer.from(`${dir}/d\xfc`, 'latin1'));
    const run = spawnSync('bash', ['-c', script, process.execPath, command], { cwd: dir, encoding: 'latin1', timeout: 50_000 });
    expect(run.stdout).toBe(`a\xff\xc3\xa4\n${dir}/d\xfc\nv\xfe kept \xfd\n`);
  });

  test('messages name what was given as it was given', () => {
    const message = (args: string[]): string => Buffer.from(tuxlate(args).stderr, 'latin1').toString('utf8');
    expect(message(['nöne'])).toBe('tuxlate: nöne: command not found\n');
    expect(message(['./nöne'])).toBe('tuxlate: ./nöne: No such file or directory\n');
    expect(message(['--root', 'nöne', 'x'])).toBe('tuxlate: nöne: no such directory\n');
    expect(message(['--nöne'])).toMatch(/^tuxlate: unknown flag: --nöne\n/);
  });

  test('argv[0], directory, user, release', () => {
    expect(sh('echo $0; pwd; id -u; uname -r; uname -n', {}, ['-0', 'name', '-w', '/made/here', '-u', '1234:5', '-r', '9.8.7', '--hostname', 'box']).stdout)
      .toBe('name\n/made/here\n1234\n9.8.7\nbox\n');
  });

  test('the mask of permissions and the niceness are inherited', () => {
    const under = (script: string): string =>
      spawnSync('/bin/sh', ['-c', `umask 027; nice -n 5 ${script}`], { encoding: 'latin1', cwd: dir }).stdout;
    const inner = '/bin/sh -c "umask; nice; cut -d\\  -f19 /proc/self/stat; touch here; stat -c %a here"';
    expect(under(`'${process.execPath}' '${command}' ${inner}`)).toBe(under(inner));
  });

  test('streams are binary-safe, separate and end', () => {
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) >> 3));
    const file = join(dir, 'bytes');
    writeFileSync(file, bytes);
    const piped = spawnSync(process.execPath, [command, '/bin/cat'], { input: bytes, timeout: 50_000 });
    expect(piped.stdout.equals(bytes)).toBe(true);
    const [input, output] = [openSync(file, 'r'), openSync(join(dir, 'copy'), 'w')];
    tuxlate(['/bin/cat'], { stdio: [input, output, 'pipe'] });
    closeSync(input);
    closeSync(output);
    expect(readFileSync(join(dir, 'copy')).equals(bytes)).toBe(true);
    expect(sh('echo out; echo err >&2')).toMatchObject({ stdout: 'out\n', stderr: 'err\n' });
  });

  test('who reads a file after us goes on where we stopped', () => {
    const input = join(dir, 'lines');
    writeFileSync(input, 'one\ntwo\nthree\n');
    const script = `"$0" "$1" /bin/sh -c 'read x; echo got $x'; cat`;
    const result = spawnSync('sh', ['-c', script, process.execPath, command], { stdio: [openSync(input, 'r'), 'pipe', 'inherit'], encoding: 'latin1', timeout: 50_000 });
    expect(result.stdout).toBe('got one\ntwo\nthree\n');
  });

  test('a closed pipe is SIGPIPE for the program', () => {
    const result = spawnSync('bash', ['-c', '"$0" "$1" yes | head -2; echo ${PIPESTATUS[0]}', process.execPath, command], { encoding: 'latin1', timeout: 50_000 });
    expect(result.stdout).toBe('y\ny\n141\n');
  });

  test('the host is read-only under the program\'s writes, -v and --persist are not', () => {
    mkdirSync(join(dir, 'shared'));
    mkdirSync(join(dir, 'kept'));
    expect(sh(`echo x >${dir}/memory && cat ${dir}/memory && rm /bin/true && ls /bin/true`)).toMatchObject({ status: 2, stdout: 'x\n' });
    expect(() => readFileSync(join(dir, 'memory'))).toThrow();
    expect(sh('echo y >/s/file; touch /r/file', {}, ['-v', './shared:/s', '-v', `${dir}/kept:/r:ro`])).toMatchObject({ stderr: expect.stringContaining('Read-only') });
    expect(readFileSync(join(dir, 'shared', 'file'), 'latin1')).toBe('y\n');
  });

  test.each<[NodeJS.Signals, string, number | null, NodeJS.Signals | null]>([
    ['SIGTERM', 'exec sleep 30', null, 'SIGTERM'],
    ['SIGINT', 'exec sleep 30', null, 'SIGINT'],
    ['SIGTERM', 'while :; do :; done', null, 'SIGTERM'],
    ['SIGINT', 'while :; do :; done', null, 'SIGINT'],
    ['SIGTERM', '(while :; do :; done) & (while :; do :; done) & while :; do :; done', null, 'SIGTERM'],
    ['SIGTERM', 'trap "echo trapped; exit 9" TERM; echo ready; sleep 30 & wait', 9, null],
  ])('%s goes to the program: %s', async (name, script, status, signal) => {
    const child = spawn(process.execPath, [command, '/bin/sh', '-c', `echo ready; ${script}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let sent = false;
    child.stdout.on('data', () => {
      if (!sent) setTimeout(() => child.kill(name), 500);
      sent = true;
    });
    const end = await new Promise((done) => child.on('close', (code, by) => done([code, by])));
    expect(end).toEqual([status, signal]);
  });

  test('--trace=syscall alone ends the last line', () => {
    expect(tuxlate(['--trace=syscall', '/bin/true']).stderr).toMatch(/\nexit_group\(0\) {27}= \?\n$/);
  });

  test('files made within a tick of the timer have equal times', () => {
    // 64 in a row lie in fewer ticks than there are files, whatever the machine does besides.
    const script = `for k in $(seq 64); do : >/tmp/t$k; done; stat -c %y /tmp/t* | sort -u | sed 's/.*\\.//' | cut -d' ' -f1`;
    const fractions = sh(script, {}, ['--mount', 'type=tmpfs,dst=/tmp']).stdout.trim().split('\n');
    for (const fraction of fractions) expect(Number(fraction) % 4_000_000).toBe(0);
  });

  test('an empty user is who we are', () => {
    expect(sh('id -u; id -g', {}, ['-u', '']).stdout).toBe(`${process.getuid!()}\n${process.getgid!()}\n`);
  });

  test('--trace=wasm shows what is translated, and what of it is made', () => {
    const file = join(dir, 'regions');
    expect(tuxlate(['--trace=wasm', '-o', file, '/bin/sh', '-c', 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done'])).toMatchObject({ status: 0, stderr: '' });
    const text = readFileSync(file, 'latin1');
    expect(text).toMatch(/^region 0x[0-9a-f]+, 64-bit: \d+ instructions in \d+ blocks, \d+ bytes of WebAssembly\n block 0\n {2}0x[0-9a-f]+ {2}[a-z]/m);
    expect(text).toMatch(/^function \d+, \d+ bytes\n/m);
    expect(text).toMatch(/^ +i64\.store offset=\d+ align=1$/m);
  });

  test('--trace=syscall has the form of strace', () => {
    const lines = tuxlate(['--trace=syscall,signal', '/bin/echo', 'hi']).stderr.split('\n');
    expect(lines).toContain('write(1, "hi\\n", 3)                     = 3');
    expect(lines).toContain('exit_group(0)                           = ?');
    expect(lines).toContain('+++ exited with 0 +++');
    expect(lines.some((line) => /^openat\(AT_FDCWD, ".*", O_RDONLY\|O_CLOEXEC\) += \d+$/.test(line))).toBe(true);
  });
});
