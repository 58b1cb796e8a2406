import { LocalField, LocalFlag } from '../../machine/localState.ts';
import type { Task } from './task.ts';
import type { Process } from './process.ts';

/** What workers answer calls by (src/local) lies in the CPU states of their threads: whoever changes one of these facts tells it here. */

/** A thread has got its CPU state. */
export function tellFacts(t: Task): void {
  const { regs, kernel } = t;
  regs.setU32(LocalField.tid, t.ownTid);
  regs.setU32(LocalField.tgid, t.pidNs.out(t.tgid));
  regs.setU32(LocalField.ppid, seenParent(t.process));
  regs.setU32(LocalField.sysenterReturn, t.mm.layout.sysenterReturn);
  regs.setU32(LocalField.memoryId, t.mm.memoryId);
  regs.setU32(LocalField.fdMap, t.fds.map);
  tellIds(t);
  const watched = kernel.hooks.syscallEnter !== null || t.trace !== null || t.seccomp !== null;
  regs.setU32(LocalField.flags, (watched ? LocalFlag.off : 0) | (kernel.realtimeOffsetNs !== 0 ? LocalFlag.wallClockSet : 0) | (t.ns.time.shifted ? LocalFlag.timeShifted : 0) | (t.timeStampFaults ? LocalFlag.timeStampFaults : 0));
}

/** The process has another parent. */
export function tellParent(process: Process): void {
  for (const t of process.tasks) if (t.slot >= 0) t.regs.setU32(LocalField.ppid, seenParent(process));
}

/** getppid(2) */
export const seenParent = (process: Process): number => process.pidNs.out(process.ppid);

/** The thread has other credentials. What ids are in other user namespaces than the first is up to their maps, which others write. */
export function tellIds(t: Task): void {
  const { regs, cred } = t, known = cred.userNs.parent === null;
  regs.setU32(LocalField.uid, known ? cred.uid : -1);
  regs.setU32(LocalField.euid, known ? cred.euid : -1);
  regs.setU32(LocalField.gid, known ? cred.gid : -1);
  regs.setU32(LocalField.egid, known ? cred.egid : -1);
}
