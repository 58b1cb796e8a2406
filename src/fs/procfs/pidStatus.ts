import type { PidNamespace } from '../../kernel/task/pidNamespace.ts';
import type { Process } from '../../kernel/task/process.ts';
import type { Task } from '../../kernel/task/task.ts';
import { SIG_DFL, SIG_IGN } from '../../kernel/signal/handlers.ts';
import { SigSet } from '../../kernel/signal/sigset.ts';
import { Rlimit } from '../../kernel/fd/rlimits.ts';
import { majorOf, minorOf } from '../../vfs/stat.ts';
import { PAGE_SIZE } from '../../machine/memoryLayout.ts';
import { Cpu } from '../../machine/cpuState.ts';
import { cpuList, cpuMask, escapePath, kb, setHex, wideHex } from './format.ts';
import { sizesOf, useOf } from './memoryUse.ts';

const STATES: Readonly<Record<string, string>> = {
  R: 'R (running)', S: 'S (sleeping)', D: 'D (disk sleep)', T: 'T (stopped)', t: 't (tracing stop)', Z: 'Z (zombie)', X: 'X (dead)',
};

/** The letter of /proc/PID/stat. */
export function stateLetter(t: Task): string {
  if (t.state === 'dead') return t.process.leader === t && t.process.state === 'zombie' ? 'Z' : 'X';
  if (t.state === 'stopped') return t.trace !== null ? 't' : 'T';
  if (t.state === 'parked') return t.parked?.spec.uninterruptible ? 'D' : 'S';
  return t.kernel.guests.waitsLocally(t) ? 'S' : 'R';
}

/** A thread whose process is over has no memory any more. */
export const hasMemory = (t: Task): boolean => t.process.state === 'alive' && t.state !== 'dead';

/** Which signals are ignored and which have handlers. */
export function dispositions(t: Task): { ignored: SigSet; caught: SigSet } {
  const ignored = new SigSet();
  const caught = new SigSet();
  for (let sig = 1; sig <= 64; sig++) {
    const { handler } = t.handlers.actions[sig]!;
    if (handler === SIG_IGN) ignored.add(sig);
    else if (handler !== SIG_DFL) caught.add(sig);
  }
  return { ignored, caught };
}

const row = (name: string, value: string | number): string => `${name}:\t${value}\n`;
const kbRow = (name: string, bytes: number): string => `${name}:\t${String(kb(bytes)).padStart(8)} kB\n`;

function memoryRows(t: Task): string {
  const sizes = sizesOf(t.mm);
  const use = useOf(t.mm);
  const rss = use.rss * PAGE_SIZE;
  const peak = Math.max(rss, t.process.ownUsage.maxRssPages * PAGE_SIZE);
  return kbRow('VmPeak', sizes.total) + kbRow('VmSize', sizes.total) + kbRow('VmLck', sizes.locked) + kbRow('VmPin', 0) +
    kbRow('VmHWM', peak) + kbRow('VmRSS', rss) + kbRow('RssAnon', use.anon * PAGE_SIZE) + kbRow('RssFile', use.fileBacked * PAGE_SIZE) +
    kbRow('RssShmem', use.shmem * PAGE_SIZE) + kbRow('VmData', sizes.data) + kbRow('VmStk', sizes.stack) + kbRow('VmExe', sizes.exec) +
    kbRow('VmLib', sizes.lib) + kbRow('VmPTE', Math.ceil(sizes.total / (2 << 20)) * 4096 + 12288) + kbRow('VmSwap', 0) + kbRow('HugetlbPages', 0) +
    row('CoreDumping', 0) + row('THP_enabled', 0) + row('untag_mask', '0xffffffffffffffff');
}

export function statusText(t: Task, reader: Task, pidNs: PidNamespace): string {
  const { process, cred, kernel } = t;
  const { cpus } = kernel.parts;
  const { ignored, caught } = dispositions(t);
  const { userNs } = reader.cred;
  const uids = (...n: number[]): string => n.map((id) => userNs.uidOut(id)).join('\t');
  const gids = (...n: number[]): string => n.map((id) => userNs.gidOut(id)).join('\t');
  const numbers = (id: number): string => process.pidNs.numbersFrom(pidNs, id).join('\t');
  const queued = process.pending.length + [...process.tasks].reduce((sum, task) => sum + task.pending.length, 0);
  return row('Name', escapePath(t.comm, '\n\\')) +
    (hasMemory(t) ? row('Umask', `0${t.fs.umask.toString(8).padStart(3, '0')}`) : '') +
    row('State', STATES[stateLetter(t)]!) + row('Tgid', pidNs.out(process.pid)) + row('Ngid', 0) + row('Pid', pidNs.out(t.tid)) + row('PPid', pidNs.out(process.ppid)) + row('TracerPid', pidNs.out(t.trace?.tracer.tid ?? 0)) +
    row('Uid', uids(cred.uid, cred.euid, cred.suid, cred.fsuid)) + row('Gid', gids(cred.gid, cred.egid, cred.sgid, cred.fsgid)) +
    row('FDSize', t.fds.capacity) + row('Groups', `${cred.groups.map((g) => `${userNs.gidOut(g)} `).join('')}${cred.groups.length === 0 ? ' ' : ''}`) +
    row('NStgid', numbers(process.pid)) + row('NSpid', numbers(t.tid)) + row('NSpgid', numbers(process.pgid)) + row('NSsid', numbers(process.sid)) + row('Kthread', 0) +
    (hasMemory(t) ? memoryRows(t) : '') +
    row('Threads', Math.max(1, process.tasks.size)) + row('SigQ', `${queued}/${process.rlimits.cur[Rlimit.SIGPENDING]}`) +
    row('SigPnd', setHex(t.pending.set)) + row('ShdPnd', setHex(process.pending.set)) + row('SigBlk', setHex(t.blocked)) +
    row('SigIgn', setHex(ignored)) + row('SigCgt', setHex(caught)) +
    row('CapInh', wideHex(cred.capInheritable)) + row('CapPrm', wideHex(cred.capPermitted)) + row('CapEff', wideHex(cred.capEffective)) +
    row('CapBnd', wideHex(cred.capBounding)) + row('CapAmb', wideHex(cred.capAmbient)) +
    row('NoNewPrivs', t.noNewPrivs ? 1 : 0) + row('Seccomp', t.seccomp?.mode ?? 0) + row('Seccomp_filters', t.seccomp?.mode === 2 ? t.seccomp.filters.count : 0) +
    row('Speculation_Store_Bypass', 'not vulnerable') + row('SpeculationIndirectBranch', 'not affected') +
    row('Cpus_allowed', cpuMask(cpus)) + row('Cpus_allowed_list', cpuList(cpus)) + row('Mems_allowed', '1') + row('Mems_allowed_list', 0) +
    row('voluntary_ctxt_switches', t.usage.voluntarySwitches) + row('nonvoluntary_ctxt_switches', t.usage.involuntarySwitches);
}

const ticks = (ns: number): number => Math.floor(ns / 1e7);

/** `whole`: the file of the process, whose times are those of all threads. */
export function statText(t: Task, reader: Task, whole: boolean, pidNs: PidNamespace): string {
  const { process, kernel } = t;
  const alive = hasMemory(t);
  const l = t.mm.layout;
  const times = whole ? kernel.cpuClock.ofProcess(process) : { userNs: kernel.cpuClock.userNs(t), systemNs: t.usage.systemNs };
  const { ignored, caught } = dispositions(t);
  const { tty } = process.session;
  const sizes = alive ? sizesOf(t.mm) : null;
  const policyPriority = t.schedPolicy === 1 || t.schedPolicy === 2;
  const child = process.childUsage;
  const instruction = 0;
  const low = (s: SigSet): number => s.lo & 0x7fffffff;
  return [
    pidNs.out(t.tid), `(${t.comm})`, stateLetter(t), pidNs.out(process.ppid), pidNs.out(process.pgid), pidNs.out(process.sid),
    tty === null ? 0 : ttyNumber(tty.dev), tty === null ? -1 : pidNs.out(tty.foregroundGroup) || -1,
    0x400000, t.mm.minorFaults, child.minorFaults, t.mm.majorFaults, child.majorFaults,
    ticks(times.userNs), ticks(times.systemNs), ticks(child.userNs), ticks(child.systemNs),
    policyPriority ? -1 - t.schedPriority : 20 + t.nice, t.nice, Math.max(1, process.tasks.size), 0, ticks(process.startNs + reader.ns.time.bootNs),
    sizes?.total ?? 0, alive ? useOf(t.mm).rss : 0, limitText(process.rlimits.cur[Rlimit.RSS]!),
    ...(alive ? [l.codeStart, l.codeEnd, l.stackStart] : [0, 0, 0]), 0, instruction,
    low(t.pending.set), low(t.blocked), low(ignored), low(caught), stateLetter(t) === 'S' ? 1 : 0, 0, 0, process.exitSignal,
    alive ? t.regs.u32(Cpu.cpuNumber) : 0, policyPriority ? t.schedPriority : 0, t.schedPolicy, 0, 0, 0,
    ...(alive ? [l.dataStart, l.dataEnd, l.brkStart, l.argStart, l.argEnd, l.envStart, l.envEnd] : [0, 0, 0, 0, 0, 0, 0]), alive ? 0 : process.exitStatus,
  ].join(' ') + '\n';
}

/** new_encode_dev, as stat shows the controlling terminal. */
function ttyNumber(dev: number): number {
  return (minorOf(dev) & 0xff) | (majorOf(dev) << 8) | ((minorOf(dev) & ~0xff) << 12);
}

export const limitText = (n: number): string => (n === Infinity ? '18446744073709551615' : String(n));

export function statmText(t: Task): string {
  if (!hasMemory(t)) return '0 0 0 0 0 0 0\n';
  const sizes = sizesOf(t.mm);
  const use = useOf(t.mm);
  const pages = (bytes: number): number => Math.floor(bytes / PAGE_SIZE);
  return `${pages(sizes.total)} ${use.rss} ${use.fileBacked + use.shmem} ${pages(sizes.exec)} 0 ${pages(sizes.data + sizes.stack)} 0\n`;
}

const LIMITS: readonly (readonly [name: string, limit: number, unit: string])[] = [
  ['Max cpu time', Rlimit.CPU, 'seconds'], ['Max file size', Rlimit.FSIZE, 'bytes'], ['Max data size', Rlimit.DATA, 'bytes'],
  ['Max stack size', Rlimit.STACK, 'bytes'], ['Max core file size', Rlimit.CORE, 'bytes'], ['Max resident set', Rlimit.RSS, 'bytes'],
  ['Max processes', Rlimit.NPROC, 'processes'], ['Max open files', Rlimit.NOFILE, 'files'], ['Max locked memory', Rlimit.MEMLOCK, 'bytes'],
  ['Max address space', Rlimit.AS, 'bytes'], ['Max file locks', Rlimit.LOCKS, 'locks'], ['Max pending signals', Rlimit.SIGPENDING, 'signals'],
  ['Max msgqueue size', Rlimit.MSGQUEUE, 'bytes'], ['Max nice priority', Rlimit.NICE, ''], ['Max realtime priority', Rlimit.RTPRIO, ''],
  ['Max realtime timeout', Rlimit.RTTIME, 'us'],
];

export function limitsText(process: Process): string {
  const cell = (n: number): string => (n === Infinity ? 'unlimited' : String(n)).padEnd(20);
  let out = 'Limit                     Soft Limit           Hard Limit           Units     \n';
  for (const [name, limit, unit] of LIMITS) {
    out += `${name.padEnd(25)} ${cell(process.rlimits.cur[limit]!)} ${cell(process.rlimits.max[limit]!)} ${unit === '' ? '' : unit.padEnd(10)}\n`;
  }
  return out;
}
