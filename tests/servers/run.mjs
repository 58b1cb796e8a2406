// Servers and clients over loopback, programs on a terminal, and what a process model must survive: each natively and under tuxlate.
// Usage: node tests/servers/run.mjs [--jobs=2] [--verbose] [NAME-PART...]
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepareRoot, rootPath } from '../programs/roots.mjs';
import { packages } from './packages.mjs';
import { checkLeak, checkRobust, compileRobust, leaks, robust } from './robust.mjs';
import { checkScreen, screens } from './screens.mjs';
import { checkServer, servers } from './servers.mjs';

const options = { jobs: 2, verbose: false };
const wanted = [];
for (const word of process.argv.slice(2)) {
  const match = /^--(\w+)(?:=(.*))?$/.exec(word);
  if (match === null) wanted.push(word);
  else options[match[1]] = match[1] === 'jobs' ? Number(match[2]) : (match[2] ?? true);
}

const totals = { passed: 0, failed: 0, skipped: 0 };
function report({ name, ok, why, skipped, expected, actual }) {
  if (skipped !== undefined) {
    totals.skipped++;
    console.log(`skip ${name}: ${skipped}`);
    return;
  }
  if (ok) totals.passed++;
  else totals.failed++;
  if (!ok || options.verbose) console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${why}`);
  if (!ok && expected !== undefined) console.log(`--- natively\n${expected}\n--- under tuxlate\n${actual}`);
}

const isWanted = (name) => wanted.length === 0 || wanted.some((part) => name.includes(part));
const work = [];

const guests = join(import.meta.dirname, '..', '..', 'build', 'servers');
mkdirSync(guests, { recursive: true });
for (const test of [...robust, ...leaks]) {
  const name = `robust/${test.name}`;
  if (isWanted(name)) work.push(async () => [{ ...(await (test.rounds === undefined ? checkRobust : checkLeak)(test, compileRobust(guests, test.bits))), name }]);
}

const hasRoot = await prepareRoot('amd64', packages), root = rootPath('amd64', packages);
const has = (program) => ['usr/bin', 'usr/sbin', 'usr/games', 'bin'].some((dir) => existsSync(join(root, dir, program)));
for (const [family, list] of [['servers', servers], ['screens', screens]]) {
  for (const test of list) {
    const name = `${family}/${test.name}`;
    if (!isWanted(name)) continue;
    if (!hasRoot) report({ name, skipped: 'there is no root file system with Debian’s programs' });
    else if (!has(test.has)) report({ name, skipped: `Debian's package ${test.package} is absent` });
    else if (family === 'screens') work.push(async () => [{ ...(await checkScreen(test, root)), name }]);
    else work.push(async () => (await checkServer(test, root)).map((result) => ({ ...result, name: `servers/${result.name}` })));
  }
}

const again = [];
async function worker() {
  for (let job = work.shift(); job !== undefined; job = work.shift()) {
    const results = await job();
    if (results.every((result) => result.ok || result.skipped !== undefined)) results.forEach(report);
    else again.push(job);
  }
}
await Promise.all(Array.from({ length: options.jobs }, worker));
// Two at a time, one may miss its time on a busy machine: what counts is how it does alone.
for (const job of again) for (const result of await job()) report(result);
console.log(`servers: ${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`);
process.exit(totals.failed > 0 ? 1 : 0);
