import { EACCES, EBUSY, EFAULT, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP, ESRCH } from '../abi/linux/errno.ts';
import * as S from '../abi/linux/seccomp.ts';
import { putU64 } from '../abi/layout.ts';
import { anonPath } from '../fs/anon/anonFs.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import { INSTRUCTION_BYTES, type BpfProgram } from '../kernel/bpf.ts';
import { checkFilter } from '../kernel/seccomp/dialect.ts';
import { Filter } from '../kernel/seccomp/filter.ts';
import { filtersOf, setSeccomp } from '../kernel/seccomp/filters.ts';
import { Listener } from '../kernel/seccomp/listener.ts';
import { setTimeStampFaults } from '../kernel/arch/timeStamp.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import type { SyscallRow } from './row.ts';

/** Instructions on the way through all filters (Filter.cost). */
const MAX_PATH = 32768;
const METADATA_BYTES = 16;
const ACTIONS: readonly number[] = [
  S.SECCOMP_RET_KILL_PROCESS, S.SECCOMP_RET_KILL_THREAD, S.SECCOMP_RET_TRAP, S.SECCOMP_RET_ERRNO, S.SECCOMP_RET_USER_NOTIF, S.SECCOMP_RET_TRACE, S.SECCOMP_RET_LOG, S.SECCOMP_RET_ALLOW,
];
const KNOWN_FLAGS = S.SECCOMP_FILTER_FLAG_TSYNC | S.SECCOMP_FILTER_FLAG_LOG | S.SECCOMP_FILTER_FLAG_SPEC_ALLOW | S.SECCOMP_FILTER_FLAG_NEW_LISTENER |
  S.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | S.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

function setStrict(t: Task): number {
  if (t.seccomp !== null && t.seccomp.mode !== S.SECCOMP_MODE_STRICT) return -EINVAL;
  setSeccomp(t, { mode: S.SECCOMP_MODE_STRICT });
  setTimeStampFaults(t, true);
  return 0;
}

/** The struct sock_fprog at `ptr`, checked. */
function readProgram(t: Task, ptr: number): BpfProgram | number {
  const { wordSize } = t.arch;
  const length = t.memory.u16(ptr);
  const at = t.memory.word(ptr + wordSize, wordSize);
  if (length === null || at === null) return -EFAULT;
  if (length === 0 || length > S.BPF_MAXINSNS) return -EINVAL;
  if (!t.noNewPrivs && !t.cred.hasOwn(Cap.SYS_ADMIN)) return -EACCES;
  const bytes = t.memory.copyIn(at, length * INSTRUCTION_BYTES);
  return bytes === null ? -EFAULT : checkFilter(bytes) ?? -EINVAL;
}

/** Whether `chain` goes on to `older`: a thread may only be given a longer one. */
function descends(chain: Filter | null, older: Filter | null): boolean {
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
  const older = filtersOf(t);
  if (listens) for (let f = older; f !== null; f = f.older) if (f.listener !== null) return -EBUSY;
  const others = synchronous ? [...t.process.tasks].filter((o) => o !== t && !o.exiting) : [];
  const stranger = others.find((o) => (o.seccomp !== null && o.seccomp.mode !== S.SECCOMP_MODE_FILTER) || !descends(older, filtersOf(o)));
  if (stranger !== undefined) return (flags & S.SECCOMP_FILTER_FLAG_TSYNC_ESRCH) !== 0 ? -ESRCH : stranger.ownTid;
  const filter = new Filter(program, older, (flags & S.SECCOMP_FILTER_FLAG_LOG) !== 0);
  if (filter.cost > MAX_PATH) return -ENOMEM;
  let result = 0;
  if (listens) {
    const file = new Listener(t, anonPath(t, 'seccomp notify'), filter, (flags & S.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) !== 0);
    result = t.fds.install(file, true, t.rlimits.cur[Rlimit.NOFILE]!);
    if (result < 0) {
      file.release();
      return result;
    }
  }
  const seccomp = { mode: S.SECCOMP_MODE_FILTER, filters: filter } as const;
  setSeccomp(t, seccomp);
  for (const other of others) {
    if (t.noNewPrivs) other.noNewPrivs = true;
    const before = filtersOf(other);
    filter.hold();
    setSeccomp(other, seccomp);
    before?.drop();
  }
  return result;
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
      return [t.abi.seccompNotif, t.abi.seccompNotifResp, t.abi.seccompData].every(({ size }, i) => t.memory.setU16(ptr + 2 * i, size)) ? 0 : -EFAULT;
    }
    default: return -EINVAL;
  }
}

/** The filter at `index` of `target`; the first installed is 0. */
function filterAt(target: Task, index: number): Filter | number {
  const filters = filtersOf(target);
  return filters === null ? -EINVAL : filters.nth(index) ?? -ENOENT;
}

/** Who may look at other threads' filters. */
const mayLook = (t: Task): boolean => t.cred.has(Cap.SYS_ADMIN) && t.seccomp === null;

/** PTRACE_SECCOMP_GET_FILTER: the instructions of a filter, and how many they are. */
export function getFilter(t: Task, target: Task, index: number, ptr: number): number {
  if (!mayLook(t)) return -EACCES;
  const filter = filterAt(target, index);
  if (typeof filter === 'number') return filter;
  return ptr !== 0 && !t.memory.copyOut(ptr, filter.bytes) ? -EFAULT : filter.program.code.length;
}

/** PTRACE_SECCOMP_GET_METADATA: struct seccomp_metadata: a filter's number, and its flags. */
export function getFilterMetadata(t: Task, target: Task, size: number, ptr: number): number {
  if (!mayLook(t)) return -EACCES;
  const known = Math.min(size, METADATA_BYTES);
  if (known < 8) return -EINVAL;
  const index = t.memory.u64(ptr);
  if (index === null) return -EFAULT;
  const filter = filterAt(target, index);
  if (typeof filter === 'number') return filter;
  const out = new Uint8Array(METADATA_BYTES);
  putU64(out, 0, index);
  putU64(out, 8, filter.logs ? S.SECCOMP_FILTER_FLAG_LOG : 0);
  return t.memory.copyOut(ptr, out.subarray(0, known)) ? known : -EFAULT;
}

/** prctl(PR_SET_SECCOMP). */
export function prctlSetSeccomp(t: Task, mode: number, ptr: number): number {
  if (mode === S.SECCOMP_MODE_STRICT) return setStrict(t);
  return mode === S.SECCOMP_MODE_FILTER ? setFilter(t, 0, ptr) : -EINVAL;
}

export const seccompRows: readonly SyscallRow[] = [
  { name: 'seccomp', x86_64: 317, i386: 354, args: ['uint', 'hex', 'ptr'], ret: 'int', handler: sysSeccomp },
];
