import { EACCES, EBADF, EBUSY, EFAULT, EINVAL, ENODEV, ENXIO, EPERM, ERANGE } from '../abi/linux/errno.ts';
import * as P from '../abi/linux/prctl.ts';
import { SECBIT_KEEP_CAPS, SECBIT_KEEP_CAPS_LOCKED, SECBIT_NO_CAP_AMBIENT_RAISE, SECURE_ALL_BITS, SECURE_ALL_LOCKS } from '../abi/linux/capability.ts';
import { fromLatin1 } from '../machine/guestMemory.ts';
import { GUEST_END } from '../machine/memoryLayout.ts';
import { andCaps, orCaps } from '../kernel/task/execCred.ts';
import { setTimeStampFaults } from '../kernel/arch/timeStamp.ts';
import type { Task } from '../kernel/task/task.ts';
import { setUserDispatch } from '../kernel/trace/userDispatch.ts';
import { Cap, LAST_CAP, capIn } from '../vfs/cred.ts';
import type { SyscallRow } from './row.ts';
import { prctlSetSeccomp } from './seccomp.ts';

const SUID_DUMP_USER = 1;
const PR_SET_MDWE = 65;
const PR_GET_MDWE = 66;
const PR_GET_AUXV = 0x41555856;

/** Memory-Deny-Write-Execute: 1 refuse gaining PROT_EXEC, 2 not in children. Never taken back. */
function setWriteExec(t: Task, bits: number, others: boolean): number {
  if (others || bits > 3 || bits === 2) return -EINVAL;
  const old = t.mm.writeExecPolicy;
  if (old !== 0 && old !== bits) return -EPERM;
  t.mm.writeExecPolicy = bits;
  return 0;
}

function sysPrctl(t: Task, option: number, arg2: number, arg3: number, arg4: number, arg5: number): number {
  const put = (value: number): number => (t.memory.setU32(arg2, value) ? 0 : -EFAULT);
  const others = arg3 !== 0 || arg4 !== 0 || arg5 !== 0;
  switch (option) {
    case P.PR_SET_PDEATHSIG:
      if (!(arg2 >= 0 && arg2 <= 64)) return -EINVAL;
      t.parentDeathSignal = arg2;
      return 0;
    case P.PR_GET_PDEATHSIG: return put(t.parentDeathSignal);
    case P.PR_GET_DUMPABLE: return t.mm.dumpable;
    case P.PR_SET_DUMPABLE:
      if (arg2 !== 0 && arg2 !== SUID_DUMP_USER) return -EINVAL;
      t.mm.dumpable = arg2;
      return 0;
    case P.PR_SET_NAME: {
      const length = t.memory.cstringLength(arg2, 15);
      if (length < 0) return length;
      t.comm = String.fromCharCode(...(t.memory.readable(arg2, length) ?? []));
      return 0;
    }
    case P.PR_GET_NAME: {
      const buf = t.memory.writable(arg2, 16);
      if (buf === null) return -EFAULT;
      buf.fill(0);
      buf.set(fromLatin1(t.comm));
      return 0;
    }
    case P.PR_GET_KEEPCAPS: return (t.cred.secureBits & SECBIT_KEEP_CAPS) !== 0 ? 1 : 0;
    case P.PR_SET_KEEPCAPS:
      if (arg2 > 1) return -EINVAL;
      if ((t.cred.secureBits & SECBIT_KEEP_CAPS_LOCKED) !== 0) return -EPERM;
      t.cred = t.cred.with({ secureBits: (t.cred.secureBits & ~SECBIT_KEEP_CAPS) | (arg2 === 1 ? SECBIT_KEEP_CAPS : 0) });
      return 0;
    // There are none.
    case P.PR_TASK_PERF_EVENTS_DISABLE: case P.PR_TASK_PERF_EVENTS_ENABLE: return 0;
    case P.PR_GET_TIMING: return 0;
    case P.PR_SET_TIMING: return arg2 === 0 ? 0 : -EINVAL;
    case P.PR_GET_ENDIAN: case P.PR_SET_ENDIAN: case P.PR_GET_FPEMU: case P.PR_SET_FPEMU: case P.PR_GET_FPEXC: case P.PR_SET_FPEXC:
    case P.PR_GET_UNALIGN: case P.PR_SET_UNALIGN:
      return -EINVAL;
    case P.PR_GET_TSC: return put(t.timeStampFaults ? P.PR_TSC_SIGSEGV : P.PR_TSC_ENABLE);
    case P.PR_SET_TSC:
      if (arg2 !== P.PR_TSC_ENABLE && arg2 !== P.PR_TSC_SIGSEGV) return -EINVAL;
      setTimeStampFaults(t, arg2 === P.PR_TSC_SIGSEGV);
      return 0;
    case P.PR_SET_SYSCALL_USER_DISPATCH: return setUserDispatch(t, arg2, arg3, arg4, arg5);
    case P.PR_GET_SECCOMP: return t.seccomp?.mode ?? 0;
    case P.PR_SET_SECCOMP: return prctlSetSeccomp(t, arg2, arg3);
    case P.PR_CAPBSET_READ: return arg2 > LAST_CAP ? -EINVAL : capIn(t.cred.capBounding, arg2) ? 1 : 0;
    case P.PR_CAPBSET_DROP:
      if (!t.cred.hasOwn(Cap.SETPCAP)) return -EPERM;
      if (arg2 > LAST_CAP) return -EINVAL;
      if (capIn(t.cred.capBounding, arg2)) t.cred = t.cred.with({ capBounding: t.cred.capBounding - 2 ** arg2 });
      return 0;
    case P.PR_GET_SECUREBITS: return t.cred.secureBits;
    case P.PR_SET_SECUREBITS: return setSecureBits(t, arg2);
    // A value that fills the register comes out as the error it looks like.
    case P.PR_GET_TIMERSLACK: return t.timerSlackNs >= 2 ** (8 * t.arch.wordSize) - 4096 ? t.timerSlackNs - 2 ** (8 * t.arch.wordSize) || -1 : t.timerSlackNs;
    case P.PR_SET_TIMERSLACK:
      t.timerSlackNs = arg2 > 0 ? arg2 : t.defaultTimerSlackNs;
      return 0;
    case P.PR_MCE_KILL:
      if (arg4 !== 0 || arg5 !== 0 || arg2 > 1 || (arg2 === 0 && arg3 !== 0) || arg3 > 2) return -EINVAL;
      t.machineCheckPolicy = arg2 === P.PR_MCE_KILL_SET ? arg3 : P.PR_MCE_KILL_DEFAULT;
      return 0;
    case P.PR_MCE_KILL_GET: return arg2 !== 0 || others ? -EINVAL : t.machineCheckPolicy;
    case P.PR_SET_MM: return setMm(t, arg2, arg3, arg4, arg5);
    case P.PR_SET_CHILD_SUBREAPER:
      t.process.subreaper = arg2 !== 0;
      return 0;
    case P.PR_GET_CHILD_SUBREAPER: return put(t.process.subreaper ? 1 : 0);
    case P.PR_SET_NO_NEW_PRIVS:
      if (arg2 !== 1 || others) return -EINVAL;
      t.noNewPrivs = true;
      return 0;
    case P.PR_GET_NO_NEW_PRIVS: return arg2 !== 0 || others ? -EINVAL : t.noNewPrivs ? 1 : 0;
    case P.PR_GET_TID_ADDRESS: return t.memory.setWord(arg2, t.arch.wordSize, t.clearChildTid) ? 0 : -EFAULT;
    case P.PR_GET_THP_DISABLE: return arg2 !== 0 || others ? -EINVAL : t.mm.thpDisabled ? 1 : 0;
    case P.PR_SET_THP_DISABLE:
      if (others) return -EINVAL;
      t.mm.thpDisabled = arg2 !== 0;
      return 0;
    case P.PR_CAP_AMBIENT: return ambient(t, arg2, arg3, arg4, arg5);
    case P.PR_GET_SPECULATION_CTRL: return others ? -EINVAL : arg2 > 2 ? -ENODEV : P.PR_SPEC_NOT_AFFECTED;
    case P.PR_SET_SPECULATION_CTRL: return arg4 !== 0 || arg5 !== 0 ? -EINVAL : arg2 > 2 ? -ENODEV : SPECULATION_CHOICES.includes(arg3) ? -ENXIO : -ERANGE;
    case P.PR_SET_IO_FLUSHER:
      if (!t.cred.has(Cap.SYS_RESOURCE)) return -EPERM;
      if (others || arg2 > 1) return -EINVAL;
      t.ioFlusher = arg2 === 1;
      return 0;
    case P.PR_GET_IO_FLUSHER: return !t.cred.has(Cap.SYS_RESOURCE) ? -EPERM : arg2 !== 0 || others ? -EINVAL : t.ioFlusher ? 1 : 0;
    case PR_SET_MDWE: return setWriteExec(t, arg2, others);
    case PR_GET_MDWE: return arg2 !== 0 || others ? -EINVAL : t.mm.writeExecPolicy;
    case PR_GET_AUXV: {
      if (arg4 !== 0 || arg5 !== 0) return -EINVAL;
      const { auxv } = t.mm.layout;
      return t.memory.copyOut(arg2, auxv.subarray(0, Math.min(arg3, auxv.length))) ? auxv.length : -EFAULT;
    }
    case P.PR_SET_VMA: return setVmaName(t, arg2, arg3, arg4, arg5);
    default: return -EINVAL;
  }
}

/** PR_SPEC_ENABLE, DISABLE, FORCE_DISABLE, DISABLE_NOEXEC: the processor is not affected, so there is nothing to choose. */
const SPECULATION_CHOICES: readonly number[] = [2, 4, 8, 16];
/** SECBIT_EXEC_RESTRICT_FILE and SECBIT_EXEC_DENY_INTERACTIVE with their locks: notes for programs, which everybody may make. */
const SECURE_UNPRIVILEGED = 0xf00;

function setSecureBits(t: Task, bits: number): number {
  const old = t.cred.secureBits;
  if (!(bits <= (SECURE_ALL_BITS | SECURE_ALL_LOCKS | SECURE_UNPRIVILEGED))) return -EPERM;
  if (!t.cred.hasOwn(Cap.SETPCAP) && (bits === old || ((bits ^ old) & ~SECURE_UNPRIVILEGED) !== 0)) return -EPERM;
  // Locks are never opened, and what is locked does not change.
  const locks = SECURE_ALL_LOCKS | 0xa00;
  if ((old & locks & ~bits) !== 0 || (((old & locks) >> 1) & (old ^ bits)) !== 0) return -EPERM;
  t.cred = t.cred.with({ secureBits: bits });
  return 0;
}

function ambient(t: Task, action: number, cap: number, arg4: number, arg5: number): number {
  if (arg4 !== 0 || arg5 !== 0) return -EINVAL;
  const { cred } = t;
  if (action === P.PR_CAP_AMBIENT_CLEAR_ALL) {
    if (cap !== 0) return -EINVAL;
    t.cred = cred.with({ capAmbient: 0 });
    return 0;
  }
  if (!(cap <= LAST_CAP)) return -EINVAL;
  const bit = 2 ** cap;
  switch (action) {
    case P.PR_CAP_AMBIENT_IS_SET: return capIn(cred.capAmbient, cap) ? 1 : 0;
    case P.PR_CAP_AMBIENT_RAISE:
      if (!capIn(cred.capPermitted, cap) || !capIn(cred.capInheritable, cap) || (cred.secureBits & SECBIT_NO_CAP_AMBIENT_RAISE) !== 0) return -EPERM;
      t.cred = cred.with({ capAmbient: orCaps(cred.capAmbient, bit) });
      return 0;
    case P.PR_CAP_AMBIENT_LOWER:
      if (andCaps(cred.capAmbient, bit) !== 0) t.cred = cred.with({ capAmbient: cred.capAmbient - bit });
      return 0;
    default: return -EINVAL;
  }
}

/** The fields that /proc/PID/stat shows and brk starts from. */
const MM_FIELDS = {
  [P.PR_SET_MM_START_CODE]: 'codeStart', [P.PR_SET_MM_END_CODE]: 'codeEnd', [P.PR_SET_MM_START_DATA]: 'dataStart', [P.PR_SET_MM_END_DATA]: 'dataEnd',
  [P.PR_SET_MM_START_STACK]: 'stackStart', [P.PR_SET_MM_START_BRK]: 'brkStart', [P.PR_SET_MM_BRK]: 'brk', [P.PR_SET_MM_ARG_START]: 'argStart',
  [P.PR_SET_MM_ARG_END]: 'argEnd', [P.PR_SET_MM_ENV_START]: 'envStart', [P.PR_SET_MM_ENV_END]: 'envEnd',
} as const;

const PRCTL_MM_MAP_BYTES = 104;

function setAuxv(t: Task, ptr: number, length: number): number {
  if (ptr === 0 || length > t.mm.layout.auxv.length) return -EINVAL;
  const bytes = t.memory.copyIn(ptr, length);
  if (bytes === null) return -EFAULT;
  t.mm.layout.auxv = bytes;
  return 0;
}

/** What /proc/PID/exe shows; not while something of the old program is mapped. */
function setExe(t: Task, fd: number): number {
  const file = t.fds.get(fd | 0);
  if (file === null) return -EBADF;
  if ((file.inode.stat().mode & 0o170111) <= 0o100000) return -EACCES;
  const { mm } = t;
  if (mm.exe !== null && mm.areas.items.some((vma) => vma.inode === mm.exe!.inode)) return -EBUSY;
  mm.exe?.release();
  mm.exe = file.acquire();
  return 0;
}

function setMm(t: Task, which: number, value: number, length: number, arg5: number): number {
  if (arg5 !== 0 || (length !== 0 && which !== P.PR_SET_MM_AUXV && which !== P.PR_SET_MM_MAP && which !== P.PR_SET_MM_MAP_SIZE)) return -EINVAL;
  if (which === P.PR_SET_MM_MAP_SIZE) return t.memory.setU32(value, PRCTL_MM_MAP_BYTES) ? 0 : -EFAULT;
  if (!t.cred.has(Cap.SYS_RESOURCE)) return -EPERM;
  if (which === P.PR_SET_MM_AUXV) return setAuxv(t, value, length);
  if (which === P.PR_SET_MM_EXE_FILE) return setExe(t, value);
  const field = (MM_FIELDS as Record<number, (typeof MM_FIELDS)[keyof typeof MM_FIELDS] | undefined>)[which];
  if (field === undefined) return -EINVAL;
  if (!(value >= 0x10000 && value < GUEST_END)) return -EINVAL;
  if (t.mm.areas.find(value) === null && which !== P.PR_SET_MM_BRK && which !== P.PR_SET_MM_START_BRK) return -EINVAL;
  t.mm.layout[field] = value;
  return 0;
}

/** PR_SET_VMA_ANON_NAME. */
function setVmaName(t: Task, option: number, start: number, length: number, namePtr: number): number {
  if (option !== P.PR_SET_VMA_ANON_NAME || start % 4096 !== 0) return -EINVAL;
  let name = '';
  if (namePtr !== 0) {
    const text = t.memory.cstring(namePtr, 80);
    if (typeof text === 'number') return text === -EFAULT ? -EFAULT : -EINVAL;
    if (/[^\x20-\x7e]|[\\`$[\]]/.test(text)) return -EINVAL;
    name = text;
  }
  const end = start + Math.ceil(length / 4096) * 4096;
  if (!(end <= t.mm.limit)) return -EINVAL;
  if (end === start) return 0;
  const { areas } = t.mm;
  const covered = areas.covered(start, end);
  for (const vma of areas.items) if (vma.end > start && vma.start < end && vma.file !== null) return -9;
  for (const vma of areas.carve(start, end)) if (!vma.growsDown && vma.name !== '[heap]') vma.name = name === '' ? '' : `[anon${vma.shared ? '_shmem' : ''}:${name}]`;
  areas.mergeAround(start, end);
  return covered ? 0 : -12;
}


export const prctlRows: readonly SyscallRow[] = [
  { name: 'prctl', x86_64: 157, i386: 172, args: ['int', 'ulong', 'ulong', 'ulong', 'ulong'], ret: 'int', handler: sysPrctl },
];
