import { EACCES, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, ESRCH } from '../abi/linux/errno.ts';
import * as S from '../abi/linux/seccomp.ts';
import { checkFilter, type BpfProgram } from '../kernel/seccomp/bpf.ts';
import { setSeccomp, type FilterChain } from '../kernel/seccomp/filters.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import type { SyscallRow } from './row.ts';

const INSTRUCTION_BYTES = 8;
/** Instructions on the way through all filters, each filter counting four more. */
const MAX_PATH = 32768;
const FILTER_OVERHEAD = 4;
const ACTIONS: readonly number[] = [
  S.SECCOMP_RET_KILL_PROCESS, S.SECCOMP_RET_KILL_THREAD, S.SECCOMP_RET_TRAP, S.SECCOMP_RET_ERRNO, S.SECCOMP_RET_TRACE, S.SECCOMP_RET_LOG, S.SECCOMP_RET_ALLOW,
];
const KNOWN_FLAGS = S.SECCOMP_FILTER_FLAG_TSYNC | S.SECCOMP_FILTER_FLAG_LOG | S.SECCOMP_FILTER_FLAG_SPEC_ALLOW | S.SECCOMP_FILTER_FLAG_NEW_LISTENER |
  S.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | S.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

function setStrict(t: Task): number {
  if (t.seccomp !== null && t.seccomp.mode !== S.SECCOMP_MODE_STRICT) return -EINVAL;
  setSeccomp(t, { mode: S.SECCOMP_MODE_STRICT });
  return 0;
}

/** The struct sock_fprog at `ptr`, checked. */
function readProgram(t: Task, ptr: number): BpfProgram | number {
  const { wordSize } = t.arch;
  const length = t.memory.u16(ptr);
  const at = t.memory.word(ptr + wordSize, wordSize);
  if (length === null || at === null) return -EFAULT;
  if (length === 0 || length > S.BPF_MAXINSNS) return -EINVAL;
  if (!t.noNewPrivs && !t.cred.has(Cap.SYS_ADMIN)) return -EACCES;
  const bytes = t.memory.copyIn(at, length * INSTRUCTION_BYTES);
  return bytes === null ? -EFAULT : checkFilter(bytes) ?? -EINVAL;
}

const filtersOf = (t: Task): FilterChain | null => (t.seccomp !== null && t.seccomp.mode === S.SECCOMP_MODE_FILTER ? t.seccomp.filters : null);

/** Whether `chain` goes on to `older`: a thread may only be given a longer one. */
function descends(chain: FilterChain | null, older: FilterChain | null): boolean {
  for (let f = chain; ; f = f.older) {
    if (f === older) return true;
    if (f === null) return false;
  }
}

function setFilter(t: Task, flags: number, ptr: number): number {
  if ((flags & ~KNOWN_FLAGS) !== 0) return -EINVAL;
  const synchronous = (flags & S.SECCOMP_FILTER_FLAG_TSYNC) !== 0, listens = (flags & S.SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0;
  if (synchronous && listens && (flags & S.SECCOMP_FILTER_FLAG_TSYNC_ESRCH) === 0) return -EINVAL;
  if ((flags & S.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) !== 0 && !listens) return -EINVAL;
  const program = readProgram(t, ptr);
  if (typeof program === 'number') return program;
  if (t.seccomp !== null && t.seccomp.mode !== S.SECCOMP_MODE_FILTER) return -EINVAL;
  // Nobody here can answer for a listener.
  if (listens) return -EOPNOTSUPP;
  const older = filtersOf(t);
  const others = synchronous ? [...t.process.tasks].filter((o) => o !== t && !o.exiting) : [];
  const stranger = others.find((o) => (o.seccomp !== null && o.seccomp.mode !== S.SECCOMP_MODE_FILTER) || !descends(older, filtersOf(o)));
  if (stranger !== undefined) return (flags & S.SECCOMP_FILTER_FLAG_TSYNC_ESRCH) !== 0 ? -ESRCH : stranger.tid;
  const cost = (older?.cost ?? 0) + program.code.length + FILTER_OVERHEAD;
  if (cost > MAX_PATH) return -ENOMEM;
  const seccomp = { mode: S.SECCOMP_MODE_FILTER, filters: { program, older, count: (older?.count ?? 0) + 1, cost } } as const;
  setSeccomp(t, seccomp);
  for (const other of others) {
    if (t.noNewPrivs) other.noNewPrivs = true;
    setSeccomp(other, seccomp);
  }
  return 0;
}

function sysSeccomp(t: Task, operation: number, flags: number, ptr: number): number {
  switch (operation) {
    case S.SECCOMP_SET_MODE_STRICT: return flags !== 0 || ptr !== 0 ? -EINVAL : setStrict(t);
    case S.SECCOMP_SET_MODE_FILTER: return setFilter(t, flags, ptr);
    case S.SECCOMP_GET_ACTION_AVAIL: {
      if (flags !== 0) return -EINVAL;
      const action = t.memory.u32(ptr);
      return action === null ? -EFAULT : ACTIONS.includes(action) ? 0 : -EOPNOTSUPP;
    }
    case S.SECCOMP_GET_NOTIF_SIZES: {
      if (flags !== 0) return -EINVAL;
      // struct seccomp_notif, seccomp_notif_resp, seccomp_data
      return [80, 24, 64].every((size, i) => t.memory.setU16(ptr + 2 * i, size)) ? 0 : -EFAULT;
    }
    default: return -EINVAL;
  }
}

/** prctl(PR_SET_SECCOMP). */
export function prctlSetSeccomp(t: Task, mode: number, ptr: number): number {
  if (mode === S.SECCOMP_MODE_STRICT) return setStrict(t);
  return mode === S.SECCOMP_MODE_FILTER ? setFilter(t, 0, ptr) : -EINVAL;
}

export const seccompRows: readonly SyscallRow[] = [
  { name: 'seccomp', x86_64: 317, i386: 354, args: ['uint', 'hex', 'ptr'], ret: 'int', handler: sysSeccomp, note: 'no SECCOMP_FILTER_FLAG_NEW_LISTENER' },
];
