import { expect, test } from 'vitest';
import { type FlagRow, flagHelp, parseFlags } from './flags.ts';

const rows: FlagRow[] = [
  { name: 'env', short: 'e', kind: 'list', metavar: 'K=V', help: 'set' },
  { name: 'tty', short: 't', kind: 'switch', help: 'tty' },
  { name: 'interactive', short: 'i', kind: 'switch', help: 'stdin' },
  { name: 'rm', kind: 'switch', help: 'remove' },
  { name: 'workdir', short: 'w', aliases: ['cwd'], kind: 'value', metavar: 'DIR', help: 'directory' },
  { name: 'trace', kind: 'value', metavar: 'ITEMS', bare: 'syscall', help: 'trace' },
];

function read(...words: string[]): unknown {
  const parsed = parseFlags(rows, words);
  return 'error' in parsed ? parsed.error : [Object.fromEntries(parsed.flags), ...parsed.rest];
}

test.each<[string[], unknown]>([
  [['-eK=V', 'ls', '-e'], [{ env: ['K=V'] }, 'ls', '-e']],
  [['-e=K=V', '-e', 'A=B', '--env=C=D', 'x'], [{ env: ['K=V', 'A=B', 'C=D'] }, 'x']],
  [['-it', 'sh', '-c', 'a b'], [{ interactive: true, tty: true }, 'sh', '-c', 'a b']],
  [['-ti=false', 'x'], [{ tty: true, interactive: false }, 'x']],
  [['--rm=true', '--rm=false'], [{ rm: false }]],
  [['-iw/tmp', 'x'], [{ interactive: true, workdir: '/tmp' }, 'x']],
  [['--cwd', '/a', '-w', '/b', 'x'], [{ workdir: '/b' }, 'x']],
  [['--', '-x'], [{}, '-x']],
  [['x', '--'], [{}, 'x', '--']],
  [['-'], [{}, '-']],
  [['--trace', 'x'], [{ trace: 'syscall' }, 'x']],
  [['--trace=fault', 'x'], [{ trace: 'fault' }, 'x']],
  [['--workdir='], [{ workdir: '' }]],
  [['', 'a'], [{}, '', 'a']],
  [['--nope'], 'unknown flag: --nope'],
  [['-iz'], "unknown shorthand flag: 'z' in -iz"],
  [['-w'], "flag needs an argument: 'w' in -w"],
  [['--workdir'], 'flag needs an argument: --workdir'],
  [['--rm=perhaps'], 'invalid argument "perhaps" for "--rm": true or false expected'],
])('%j', (words, expected) => {
  expect(read(...words)).toEqual(expected);
});

test('help aligns and hides', () => {
  const text = flagHelp([...rows, { name: 'secret', kind: 'switch', help: 'x', hidden: true }]);
  expect(text).toContain('  -w, --workdir DIR    directory');
  expect(text).not.toContain('secret');
});
