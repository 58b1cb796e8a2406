import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { i386 } from '../../src/abi/abi.ts';
import { allRows } from '../../src/syscalls/table.ts';

test('every number is the one Linux gives the call, and docs/syscalls.md is made from the table', () => {
  execFileSync('node', ['tools/gen-syscalls.mjs', '--check'], { stdio: 'pipe' });
});

test('no number is given twice', () => {
  for (const abi of ['x86_64', 'i386'] as const) {
    const numbers = allRows.map((row) => row[abi]).filter((n) => n >= 0);
    expect(numbers.length).toBe(new Set(numbers).size);
  }
  expect(i386.longBytes).toBe(4);
});

/** By which function of libc programs make a call of another name. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  _newselect: 'select', clock_getres_time64: 'clock_getres', clock_gettime64: 'clock_gettime', clock_nanosleep_time64: 'clock_nanosleep', clock_settime64: 'clock_settime',
  exit_group: '_exit', futex_time64: 'futex', io_pgetevents_time64: 'io_pgetevents', lstat64: 'lstat', mmap2: 'mmap', newfstatat: 'fstatat', ppoll_time64: 'ppoll', recvmmsg_time64: 'recvmmsg',
  rt_sigreturn: 'sigaction', sched_rr_get_interval_time64: 'sched_rr_get_interval', semtimedop_time64: 'semtimedop', sigreturn: 'sigaction', timer_gettime64: 'timer_gettime',
  timer_settime64: 'timer_settime', timerfd_gettime64: 'timerfd_gettime', timerfd_settime64: 'timerfd_settime', ugetrlimit: 'getrlimit',
};

test('every call is made by a program that is compared with the kernel', () => {
  const places = ['programs', '../instructions/programs'].map((place) => join(import.meta.dirname, place));
  const sources = places.flatMap((place) => readdirSync(place).filter((name) => /\.[ch]$/.test(name)).map((name) => readFileSync(join(place, name), 'utf8'))).join('\n');
  const words = new Set(sources.match(/\w+/g));
  // Macros that say `syscall(N, ...)`, or pass the number on.
  const numbers = new Set([...sources.matchAll(/\b\w*\((\d+)\s*[,)]/g)].map((match) => Number(match[1])));
  const isMade = ({ name, x86_64, i386: number }: (typeof allRows)[number]): boolean => [name, `SYS_${name}`, `__NR_${name}`, FUNCTIONS[name] ?? ''].some((word) => words.has(word)) || numbers.has(x86_64) || numbers.has(number);
  expect(allRows.filter((row) => !isMade(row)).map((row) => row.name)).toEqual([]);
});
