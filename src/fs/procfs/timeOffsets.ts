import { EACCES, EINVAL, EPERM, ERANGE } from '../../abi/linux/errno.ts';
import type { TimeNamespace } from '../../kernel/task/namespaces.ts';
import type { Task } from '../../kernel/task/task.ts';
import { Cap, type Cred } from '../../vfs/cred.ts';
import { InfoFile, type MakeNode } from './nodes.ts';

/** ktime_t holds so many seconds. */
const KTIME_SEC_MAX = 9223372036;
const PAGE_SIZE = 4096;
const CLOCKS: Readonly<Record<string, 'monotonicNs' | 'bootNs'>> = { monotonic: 'monotonicNs', 1: 'monotonicNs', boottime: 'bootNs', 7: 'bootNs' };

interface Offset {
  readonly clock: 'monotonicNs' | 'bootNs';
  readonly sec: number;
  readonly nsec: number;
}

function row(name: string, ns: number): string {
  const sec = Math.floor(ns / 1e9);
  return `${name.padEnd(10)} ${String(sec).padStart(10)} ${String(ns - sec * 1e9).padStart(9)}\n`;
}

/** At most two lines `clock seconds nanoseconds`; null when they are not that. */
function parse(text: string): { offsets: Offset[]; taken: number } | null {
  const offsets: Offset[] = [];
  let taken = 0;
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    const match = /^\s*(\S{1,9})\s+(-?\d+)\s+(\d+)\s*$/.exec(line), clock = match === null ? undefined : CLOCKS[match[1]!];
    if (match === null || clock === undefined || Number(match[3]) >= 1e9) return null;
    offsets.push({ clock, sec: Number(match[2]), nsec: Number(match[3]) });
    taken += line.length;
    if (offsets.length === 2) break;
  }
  return offsets.length === 0 ? null : { offsets, taken };
}

/** proc_timens_set_offset: who may, and by how much. */
function store(time: TimeNamespace, text: string, t: Task, pos: number, opener: Cred): number {
  if (pos !== 0 || text.length >= PAGE_SIZE) return -EINVAL;
  const parsed = parse(text);
  if (parsed === null) return -EINVAL;
  if (!opener.hasIn(Cap.SYS_TIME, time.userNs) || !t.cred.hasIn(Cap.SYS_TIME, time.userNs)) return -EPERM;
  const now = t.kernel.nowNs() / 1e9;
  for (const { sec } of parsed.offsets) if (Math.abs(sec) > KTIME_SEC_MAX || now + sec < 0 || now + sec > KTIME_SEC_MAX / 2) return -ERANGE;
  if (time.frozen) return -EACCES;
  for (const { clock, sec, nsec } of parsed.offsets) time[clock] = sec * 1e9 + nsec;
  return parsed.taken;
}

/** /proc/PID/timens_offsets: of the time that the task's children will live in (time_namespaces(7)). */
export function timeOffsetsFile(task: () => Task): MakeNode {
  return (fs, owner) => new InfoFile(
    fs, 0o644, owner,
    () => row('monotonic', task().ns.timeForChildren.monotonicNs) + row('boottime', task().ns.timeForChildren.bootNs),
    (text, t, pos, opener) => store(task().ns.timeForChildren, text, t, pos, opener),
  );
}
