import { ECHILD } from '../../abi/linux/errno.ts';
import { CLD_CONTINUED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, CLD_TRAPPED, SIGCHLD } from '../../abi/linux/signal.ts';
import { __WALL, __WCLONE, WCONTINUED, WEXITED, WNOHANG, WNOWAIT, WSTOPPED } from '../../abi/linux/wait.ts';
import type { Siginfo } from '../signal/siginfo.ts';
import { siginfo } from '../signal/siginfo.ts';
import { releaseDead } from '../trace/attach.ts';
import { PARKED } from './block.ts';
import { childInfo, reap } from './exit.ts';
import { ChildNews, type Process, type Usage } from './process.ts';
import type { Task } from './task.ts';

/** What a wait has found. Numbers are the waiting thread's. */
export interface WaitResult {
  pid: number;
  /** As wait4 stores it. */
  status: number;
  /** As waitid stores it. */
  info: Siginfo;
  usage: Usage;
}

/** Which children: any, one process, a group, or the process of a pidfd. */
export type WaitTarget =
  | { readonly kind: 'all' }
  | { readonly kind: 'pid'; readonly pid: number }
  | { readonly kind: 'group'; readonly id: number };

function matches(t: Task, child: Process, target: WaitTarget, options: number): boolean {
  if (target.kind === 'pid' && child.pid !== target.pid) return false;
  if (target.kind === 'group' && child.pgid !== target.id) return false;
  // A "clone child" tells its parent by another signal than SIGCHLD.
  const isClone = child.exitSignal !== SIGCHLD;
  return (options & __WALL) !== 0 || isClone === ((options & __WCLONE) !== 0) || t.process.exiting;
}

/** Looks once. null: nothing yet but there are children; -ECHILD. */
function look(t: Task, target: WaitTarget, options: number): WaitResult | null | number {
  let any = false;
  for (const child of t.process.children) {
    if (!matches(t, child, target, options)) continue;
    any = true;
    const result = report(t, child, options);
    if (result !== null) return result;
  }
  const traced = lookAtTracees(t, target, options);
  return traced === null && !any ? -ECHILD : traced === waiting ? null : traced;
}

/** There are tracees, without news. */
const waiting = 'waiting';

/** Threads this process traces: their stops, and their ends. null: there are none. */
function lookAtTracees(t: Task, target: WaitTarget, options: number): WaitResult | typeof waiting | null {
  const { tracees, deadTracees } = t.process;
  const keep = (options & WNOWAIT) !== 0;
  let any = false;
  for (let i = 0; i < deadTracees.length; i++) {
    const dead = deadTracees[i]!;
    if (!isTarget(target, dead.tid, dead.process?.pgid ?? -1)) continue;
    any = true;
    if ((options & WEXITED) === 0) continue;
    const signal = dead.status & 0x7f;
    const info = siginfo(SIGCHLD, signal === 0 ? CLD_EXITED : CLD_KILLED, { pid: dead.number, uid: dead.uid, status: signal === 0 ? (dead.status >>> 8) & 0xff : signal });
    if (!keep) {
      deadTracees.splice(i, 1);
      releaseDead(dead);
    }
    return { pid: dead.number, status: dead.status, info, usage: dead.usage };
  }
  for (const tracee of tracees) {
    if (!isTarget(target, tracee.tid, tracee.process.pgid)) continue;
    any = true;
    const { stop, listening } = tracee.trace!;
    if (stop === null || stop.reported || listening) continue;
    if (!keep) stop.reported = true;
    const info = siginfo(SIGCHLD, CLD_TRAPPED, { pid: t.pidNs.out(tracee.tid), uid: tracee.cred.uid, status: stop.code });
    return { pid: t.pidNs.out(tracee.tid), status: (stop.code << 8) | 0x7f, info, usage: tracee.usage };
  }
  return any ? waiting : null;
}

function isTarget(target: WaitTarget, pid: number, pgid: number): boolean {
  return target.kind === 'all' || (target.kind === 'pid' ? target.pid === pid : target.id === pgid);
}

function report(t: Task, child: Process, options: number): WaitResult | null {
  const pid = t.pidNs.out(child.pid);
  const keep = (options & WNOWAIT) !== 0;
  if (child.state === 'zombie') {
    if ((options & WEXITED) === 0 || child.tracer !== null) return null;
    const result = { pid, status: child.exitStatus, info: { ...childInfo(child, SIGCHLD), pid }, usage: totalUsage(child) };
    if (!keep) reap(child);
    return result;
  }
  // A parent that traces hears of stops from the threads themselves.
  if (child.leader.trace !== null && child.parent === child.leader.trace.tracer.process) return null;
  if (child.news === ChildNews.stopped && (options & WSTOPPED) !== 0) {
    const status = child.newsStatus;
    if (!keep) child.news = ChildNews.none;
    return { pid, status: (status << 8) | 0x7f, info: jobInfo(pid, child, CLD_STOPPED, status), usage: totalUsage(child) };
  }
  if (child.news === ChildNews.continued && (options & WCONTINUED) !== 0) {
    if (!keep) child.news = ChildNews.none;
    return { pid, status: 0xffff, info: jobInfo(pid, child, CLD_CONTINUED, child.newsStatus), usage: totalUsage(child) };
  }
  return null;
}

function jobInfo(pid: number, child: Process, code: number, status: number): Siginfo {
  return siginfo(SIGCHLD, code, { pid, uid: child.leader.cred.uid, status });
}

function totalUsage(child: Process): Usage {
  const own = child.ownUsage;
  const children = child.childUsage;
  return {
    userNs: own.userNs + children.userNs, systemNs: own.systemNs + children.systemNs,
    minorFaults: own.minorFaults + children.minorFaults, majorFaults: own.majorFaults + children.majorFaults,
    maxRssPages: Math.max(own.maxRssPages, children.maxRssPages),
    voluntarySwitches: own.voluntarySwitches + children.voluntarySwitches,
    involuntarySwitches: own.involuntarySwitches + children.involuntarySwitches,
    inBlocks: own.inBlocks + children.inBlocks, outBlocks: own.outBlocks + children.outBlocks,
  };
}

/** The common part of wait4 and waitid: `store` puts what was found into guest memory and gives the call's result. */
export function waitForChild(t: Task, target: WaitTarget, options: number, store: (found: WaitResult | null) => number): number {
  const once = (): number => {
    const found = look(t, target, options);
    if (typeof found === 'number') return found;
    if (found !== null) return store(found);
    return (options & WNOHANG) !== 0 ? store(null) : PARKED;
  };
  const now = once();
  return now !== PARKED ? now : t.block({ queues: [t.process.childQueue], retry: once });
}
