// What the tests need besides Node: compilers for both architectures and Debian's bootstrap tool. Root on Debian: installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A program (or file) and the Debian package it comes in. */
const needs = [
  ['gcc', 'gcc'],
  ['g++', 'g++'],
  ['/usr/include/x86_64-linux-gnu/sys/cdefs.h', 'libc6-dev'],
  ['/usr/lib/gcc/x86_64-linux-gnu/*/32/libgcc.a', 'gcc-multilib'],
  ['nasm', 'nasm'],
  ['musl-gcc', 'musl-tools'],
  ['busybox', 'busybox-static'],
  ['mmdebstrap', 'mmdebstrap'],
  ['arch-test', 'arch-test'],
  ['objdump', 'binutils'],
  ['unshare', 'util-linux'],
];

function present(what) {
  if (what.includes('*')) return spawnSync('sh', ['-c', `ls ${what}`], { stdio: 'ignore' }).status === 0;
  if (what.startsWith('/')) return existsSync(what);
  return spawnSync('sh', ['-c', `command -v "${what}"`], { stdio: 'ignore' }).status === 0;
}

const missing = () => needs.filter(([what]) => !present(what)).map(([, name]) => name);

/** Installs what is missing where it can; returns the names of packages still missing. */
export function prerequisites() {
  let names = missing();
  if (names.length === 0) return names;
  const debian = process.getuid?.() === 0 && present('apt-get');
  if (!debian) {
    console.log(`missing: ${names.join(', ')} (Debian package names). Install them, or run the tests as root on Debian.`);
    return names;
  }
  console.log(`installing ${names.join(', ')}`);
  try {
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const apt = (...args) => execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=200', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env: environment });
    apt('update');
    apt('install', '-y', '--no-install-recommends', ...names);
  } catch (error) {
    console.log(`apt-get failed: ${error.message}`);
  }
  names = missing();
  if (names.length > 0) console.log(`still missing: ${names.join(', ')}`);
  return names;
}
