import { EFAULT, EINVAL, EIO, ENODEV, ESRCH } from '../abi/linux/errno.ts';
import { NT_PRFPREG, NT_PRSTATUS } from '../abi/linux/elf.ts';
import { putU32 } from '../abi/layout.ts';
import * as P from '../abi/linux/ptrace.ts';
import { SIGKILL } from '../abi/linux/signal.ts';
import { getThreadAreaOf, setThreadAreaOf } from '../kernel/arch/i386/threadArea.ts';
import { callData } from '../kernel/seccomp/filters.ts';
import { readSiginfo, writeSiginfo } from '../kernel/signal/siginfoLayout.ts';
import { sendToTask } from '../kernel/signal/send.ts';
import { siginfo } from '../kernel/signal/siginfo.ts';
import { SigSet } from '../kernel/signal/sigset.ts';
import type { Task } from '../kernel/task/task.ts';
import { attach, detach, stoppedTracee, traceMe } from '../kernel/trace/attach.ts';
import { DebugRegisters } from '../kernel/trace/debugRegisters.ts';
import { FXSAVE_BYTES, XSAVE_BYTES, restoreFx, restoreLegacyFpu, saveFrameFpu, saveFx, saveLegacyFpu } from '../kernel/arch/fpuState.ts';
import { forcedBytes } from '../kernel/trace/memory.ts';
import { Mode, StopKind, resumeTracee, type ModeCode } from '../kernel/trace/trace.ts';
import { stopForTrap, trapAgain } from '../kernel/trace/signalStops.ts';
import { USER_REGS_BYTES, loadUserRegs, loadUserWord, saveUserRegs, type RegsAbi } from '../kernel/trace/userRegs.ts';
import { Access } from '../machine/exit.ts';
import type { SyscallRow } from './row.ts';
import { getFilter, getFilterMetadata } from './seccomp.ts';
import { archPrctl } from './system.ts';

const NT_X86_XSTATE = 0x202;
/** Where struct user has the debug registers, and its size. */
const USER = { x86_64: { debug: 848, size: 912 }, i386: { debug: 252, size: 284 } } as const;
const LEGACY_FPU_BYTES = 108;

type Request = (tracer: Task, target: Task, addr: number, data: number) => number;

/** The fourth argument as it is, both halves: a word to be stored. */
function dataHalves(t: Task): readonly [number, number] {
  const n = t.arch.argumentRegisters[3]!;
  return [t.regs.lo(n), t.arch.wordSize === 8 ? t.regs.hi(n) : 0];
}

// ---- memory and registers ----

const peek: Request = (tracer, target, addr, data) => {
  const size = tracer.arch.wordSize;
  const word = new Uint8Array(size);
  const from = forcedBytes(target, addr, size, Access.read);
  if (from === null || from.length < size) return -EIO;
  word.set(from);
  return tracer.memory.copyOut(data, word) ? 0 : -EFAULT;
};

const poke: Request = (tracer, target, addr) => {
  const size = tracer.arch.wordSize;
  const [lo, hi] = dataHalves(tracer);
  const to = forcedBytes(target, addr, size, Access.write);
  if (to === null || to.length < size) return -EIO;
  putU32(to, 0, lo);
  if (size === 8) putU32(to, 4, hi);
  return 0;
};

const abiOf = (t: Task): RegsAbi => (t.regs.long ? 'x86_64' : 'i386');

const peekUser: Request = (tracer, target, addr, data) => {
  const { name, wordSize } = tracer.arch;
  const user = USER[name];
  if (addr % wordSize !== 0 || addr < 0 || addr >= user.size) return -EIO;
  const word = new Uint8Array(wordSize);
  if (addr < USER_REGS_BYTES[name]) word.set(saveUserRegs(target, name).subarray(addr, addr + wordSize));
  else if (addr >= user.debug && addr < user.debug + 8 * wordSize) {
    const value = target.debug?.get((addr - user.debug) / wordSize) ?? 0;
    putU32(word, 0, value);
    if (wordSize === 8) putU32(word, 4, Math.floor(value / 0x100000000));
  }
  return tracer.memory.copyOut(data, word) ? 0 : -EFAULT;
};

const pokeUser: Request = (tracer, target, addr) => {
  const { name, wordSize } = tracer.arch;
  const user = USER[name];
  if (addr % wordSize !== 0 || addr < 0 || addr >= user.size) return -EIO;
  const [lo, hi] = dataHalves(tracer);
  if (addr < USER_REGS_BYTES[name]) {
    loadUserWord(target, name, addr / wordSize, lo, hi);
    return 0;
  }
  if (addr < user.debug || addr >= user.debug + 8 * wordSize) return -EIO;
  const n = (addr - user.debug) / wordSize;
  if (n === 4 || n === 5) return -EIO;
  target.debug ??= new DebugRegisters();
  return target.debug.set(n, (hi >>> 0) * 0x100000000 + (lo >>> 0)) ? 0 : -EIO;
};

/** The register set `type` of the tracee as it is now; null: there is none of that kind. */
function saveSet(target: Task, type: number, abi: RegsAbi): Uint8Array | null {
  const long = abi === 'x86_64';
  switch (type) {
    case NT_PRSTATUS: return saveUserRegs(target, abi);
    case NT_PRFPREG: {
      const buf = new Uint8Array(long ? FXSAVE_BYTES : 112);
      if (long) saveFx(target.regs, buf, true);
      else saveLegacyFpu(target.regs, buf);
      return long ? buf : buf.subarray(0, LEGACY_FPU_BYTES);
    }
    case NT_X86_XSTATE: {
      const buf = new Uint8Array(XSAVE_BYTES + 4);
      saveFrameFpu(target.regs, buf, long, XSAVE_BYTES);
      // Instead of a frame's software bytes: XCR0.
      buf.fill(0, 464, FXSAVE_BYTES);
      putU32(buf, 464, 3);
      return buf.subarray(0, XSAVE_BYTES);
    }
    default: return null;
  }
}

function loadSet(target: Task, type: number, abi: RegsAbi, given: Uint8Array): void {
  const long = abi === 'x86_64';
  if (type === NT_PRSTATUS) return loadUserRegs(target, abi, given);
  const whole = saveSet(target, type, abi)!;
  whole.set(given.subarray(0, whole.length));
  if (type === NT_PRFPREG && !long) return restoreLegacyFpu(target.regs, whole);
  restoreFx(target.regs, whole, long);
}

const getSet = (type: number): Request => (tracer, target, _addr, data) => {
  const buf = saveSet(target, type, tracer.arch.name)!;
  return tracer.memory.copyOut(data, buf) ? 0 : -EFAULT;
};

const setSet = (type: number): Request => (tracer, target, _addr, data) => {
  const size = saveSet(target, type, tracer.arch.name)!.length;
  const given = tracer.memory.copyIn(data, size);
  if (given === null) return -EFAULT;
  loadSet(target, type, tracer.arch.name, given);
  return 0;
};

/** PTRACE_GETREGSET and PTRACE_SETREGSET: the layout is that of the tracee's mode, whoever asks. */
const regset = (store: boolean): Request => (tracer, target, type, iovPtr) => {
  const { iovec } = tracer.abi;
  const iov = tracer.memory.copyIn(iovPtr, iovec.size);
  if (iov === null) return -EFAULT;
  const { iov_base, iov_len } = iovec.read(iov);
  const abi = abiOf(target);
  const now = saveSet(target, type, abi);
  if (now === null) return -EINVAL;
  const word = abi === 'x86_64' ? 8 : 4;
  if (type === NT_X86_XSTATE && store && iov_len !== now.length) return -EFAULT;
  if (type === NT_PRFPREG && abi === 'x86_64' && store && iov_len < now.length) return -EINVAL;
  if (iov_len % (type === NT_X86_XSTATE ? 8 : word) !== 0) return -EINVAL;
  const length = Math.min(iov_len, now.length);
  if (store) {
    const given = tracer.memory.copyIn(iov_base, length);
    if (given === null) return -EFAULT;
    loadSet(target, type, abi, given);
  } else if (!tracer.memory.copyOut(iov_base, now.subarray(0, length))) return -EFAULT;
  iovec.put(iov, 'iov_len', length);
  return tracer.memory.copyOut(iovPtr, iov) ? 0 : -EFAULT;
};

const onI386 = (request: Request): Request => (tracer, target, addr, data) => (tracer.arch.name === 'i386' ? request(tracer, target, addr, data) : -EIO);

// ---- signals and events ----

const getSiginfo: Request = (tracer, target, _addr, data) => {
  const { info } = target.trace!.stop!;
  if (info === null) return -EINVAL;
  const { siginfo: layout } = tracer.abi;
  const buf = new Uint8Array(layout.size);
  writeSiginfo(tracer.abi, buf, info);
  return tracer.memory.copyOut(data, buf) ? 0 : -EFAULT;
};

const setSiginfo: Request = (tracer, target, _addr, data) => {
  const stop = target.trace!.stop!;
  if (stop.info === null) return -EINVAL;
  const buf = tracer.memory.copyIn(data, tracer.abi.siginfo.size);
  if (buf === null) return -EFAULT;
  stop.info = readSiginfo(tracer.abi, buf);
  return 0;
};

const peekSiginfo: Request = (tracer, target, addr, data) => {
  const args = tracer.memory.copyIn(addr, 16);
  if (args === null) return -EFAULT;
  const view = new DataView(args.buffer);
  const offset = view.getUint32(0, true), flags = view.getUint32(8, true), wanted = view.getInt32(12, true);
  if (wanted < 0 || (flags & ~P.PTRACE_PEEKSIGINFO_SHARED) !== 0) return -EINVAL;
  const queue = ((flags & P.PTRACE_PEEKSIGINFO_SHARED) !== 0 ? target.process.pending : target.pending).list();
  const { siginfo: layout } = tracer.abi;
  let done = 0;
  for (const info of queue.slice(offset, offset + wanted)) {
    const buf = new Uint8Array(layout.size);
    writeSiginfo(tracer.abi, buf, info);
    if (!tracer.memory.copyOut(data + done * layout.size, buf)) return done > 0 ? done : -EFAULT;
    done++;
  }
  return done;
};

const getSigmask: Request = (tracer, target, addr, data) => {
  if (addr !== 8) return -EINVAL;
  const mask = target.savedMask ?? target.blocked;
  return tracer.memory.setU32(data, mask.lo) && tracer.memory.setU32(data + 4, mask.hi) ? 0 : -EFAULT;
};

const setSigmask: Request = (tracer, target, addr, data) => {
  if (addr !== 8) return -EINVAL;
  const lo = tracer.memory.u32(data), hi = tracer.memory.u32(data + 4);
  if (lo === null || hi === null) return -EFAULT;
  target.setBlocked(new SigSet(lo, hi));
  return 0;
};

const getEventMessage: Request = (tracer, target, _addr, data) => (tracer.memory.setWord(data, tracer.arch.wordSize, target.trace!.message) ? 0 : -EFAULT);

function setOptions(target: Task, data: number): number {
  if ((data & ~P.PTRACE_O_MASK) !== 0 || data > 0xffffffff) return -EINVAL;
  target.trace!.options = data;
  return 0;
}

/** struct ptrace_syscall_info. */
const getSyscallInfo: Request = (tracer, target, size, data) => {
  const { kind } = target.trace!.stop!;
  const { regs } = target;
  const buf = new Uint8Array(88);
  const words = callData(target, target.syscallNumber);
  const put = (at: number, word: number): void => putU32(buf, at, words[word]!);
  put(4, 1);
  put(8, 2);
  put(12, 3);
  putU32(buf, 16, regs.lo(4));
  putU32(buf, 20, regs.hi(4));
  let length = 24;
  if (kind === StopKind.syscallEntry || kind === StopKind.seccomp) {
    buf[0] = kind === StopKind.seccomp ? P.PTRACE_SYSCALL_INFO_SECCOMP : P.PTRACE_SYSCALL_INFO_ENTRY;
    put(24, 0);
    putU32(buf, 28, target.syscallNumber >> 31);
    for (let i = 0; i < 12; i++) put(32 + 4 * i, 4 + i);
    length = 80;
    if (kind === StopKind.seccomp) {
      putU32(buf, 80, target.trace!.message);
      length = 84;
    }
  } else if (kind === StopKind.syscallExit) {
    const result = target.arch.result(regs);
    buf[0] = P.PTRACE_SYSCALL_INFO_EXIT;
    putU32(buf, 24, regs.lo(0));
    putU32(buf, 28, target.arch.wordSize === 8 ? regs.hi(0) : regs.lo(0) >> 31);
    buf[32] = result < 0 && result >= -4095 ? 1 : 0;
    length = 33;
  }
  return tracer.memory.copyOut(data, buf.subarray(0, Math.min(size, length))) ? length : -EFAULT;
};

// ---- going on ----

const resume = (mode: ModeCode): Request => (_tracer, target, _addr, data) => {
  if (!(data >= 0 && data <= 64)) return -EIO;
  resumeTracee(target, mode, data);
  return 0;
};

const detachRequest: Request = (_tracer, target, _addr, data) => {
  if (!(data >= 0 && data <= 64)) return -EIO;
  detach(target, data);
  return 0;
};

const listen: Request = (_tracer, target) => {
  const trace = target.trace!;
  if (!trace.seized || (trace.stop!.code >>> 8) !== P.PTRACE_EVENT_STOP) return -EIO;
  trace.listening = true;
  if (trace.trapWanted) trapAgain(target);
  return 0;
};

const requests: Readonly<Record<number, Request>> = {
  [P.PTRACE_PEEKTEXT]: peek, [P.PTRACE_PEEKDATA]: peek, [P.PTRACE_POKETEXT]: poke, [P.PTRACE_POKEDATA]: poke,
  [P.PTRACE_PEEKUSR]: peekUser, [P.PTRACE_POKEUSR]: pokeUser,
  [P.PTRACE_GETREGS]: getSet(NT_PRSTATUS), [P.PTRACE_SETREGS]: setSet(NT_PRSTATUS),
  [P.PTRACE_GETFPREGS]: getSet(NT_PRFPREG), [P.PTRACE_SETFPREGS]: setSet(NT_PRFPREG),
  [P.PTRACE_GETFPXREGS]: onI386((tracer, target, _addr, data) => {
    const buf = new Uint8Array(FXSAVE_BYTES);
    saveFx(target.regs, buf, false);
    return tracer.memory.copyOut(data, buf) ? 0 : -EFAULT;
  }),
  [P.PTRACE_SETFPXREGS]: onI386((tracer, target, _addr, data) => {
    const buf = tracer.memory.copyIn(data, FXSAVE_BYTES);
    if (buf === null) return -EFAULT;
    restoreFx(target.regs, buf, false);
    return 0;
  }),
  [P.PTRACE_GETREGSET]: regset(false), [P.PTRACE_SETREGSET]: regset(true),
  [P.PTRACE_GET_THREAD_AREA]: (tracer, target, addr, data) => getThreadAreaOf(target, addr, tracer.memory, data),
  [P.PTRACE_SET_THREAD_AREA]: (tracer, target, addr, data) => setThreadAreaOf(target, addr, tracer.memory, data),
  [P.PTRACE_GETSIGINFO]: getSiginfo, [P.PTRACE_SETSIGINFO]: setSiginfo, [P.PTRACE_PEEKSIGINFO]: peekSiginfo,
  [P.PTRACE_GETSIGMASK]: getSigmask, [P.PTRACE_SETSIGMASK]: setSigmask, [P.PTRACE_GETEVENTMSG]: getEventMessage,
  [P.PTRACE_SETOPTIONS]: (_tracer, target, _addr, data) => setOptions(target, data),
  [P.PTRACE_OLDSETOPTIONS]: (_tracer, target, _addr, data) => setOptions(target, data),
  [P.PTRACE_GET_SYSCALL_INFO]: getSyscallInfo, [P.PTRACE_LISTEN]: listen, [P.PTRACE_DETACH]: detachRequest,
  [P.PTRACE_CONT]: resume(Mode.cont), [P.PTRACE_SYSCALL]: resume(Mode.syscall), [P.PTRACE_SINGLESTEP]: resume(Mode.step),
  [P.PTRACE_SYSEMU]: resume(Mode.sysemu), [P.PTRACE_SYSEMU_SINGLESTEP]: resume(Mode.sysemuStep),
  // The pointer and the code change places: arch_prctl(code, address).
  [P.PTRACE_ARCH_PRCTL]: (tracer, target, addr, data) => (tracer.arch.wordSize === 8 ? archPrctl(target, data, addr, tracer.memory) : -EIO),
  [P.PTRACE_SINGLEBLOCK]: resume(Mode.step),
  [P.PTRACE_SECCOMP_GET_FILTER]: getFilter, [P.PTRACE_SECCOMP_GET_METADATA]: getFilterMetadata,
  [P.PTRACE_GET_RSEQ_CONFIGURATION]: () => -ENODEV,
};

/** PTRACE_INTERRUPT: a seized tracee stops wherever it is. */
function interrupt(target: Task): number {
  const trace = target.trace!;
  if (!trace.seized) return -EIO;
  if (trace.stop !== null && trace.listening) {
    trapAgain(target);
    return 0;
  }
  if (trace.stop !== null) return 0;
  trace.trapWanted = true;
  if (target.state === 'running') target.kernel.guests.interrupt(target);
  else if (target.state === 'parked') target.parked!.queue();
  else if (target.state === 'stopped') {
    target.state = 'served';
    stopForTrap(target);
  }
  return 0;
}

function sysPtrace(t: Task, request: number, pid: number, addr: number, data: number): number {
  if (request === P.PTRACE_TRACEME) return traceMe(t);
  const target = t.kernel.pids.tasks.get(pid);
  if (target === undefined || target.state === 'dead') return -ESRCH;
  if (request === P.PTRACE_ATTACH) return attach(t, target, 0, false);
  if (request === P.PTRACE_SEIZE) return addr !== 0 || (data & ~P.PTRACE_O_MASK) !== 0 || data > 0xffffffff ? -EIO : attach(t, target, data, true);
  if (request === P.PTRACE_KILL) {
    if (target.trace === null || target.trace.tracer.process !== t.process) return -ESRCH;
    sendToTask(target, siginfo(SIGKILL, 0));
    return 0;
  }
  if (request === P.PTRACE_INTERRUPT) return target.trace === null || target.trace.tracer.process !== t.process ? -ESRCH : interrupt(target);
  const stopped = stoppedTracee(t, pid);
  if (typeof stopped === 'number') return stopped;
  return requests[request]?.(t, stopped, addr, data) ?? -EIO;
}

export const ptraceRows: readonly SyscallRow[] = [
  {
    name: 'ptrace', x86_64: 101, i386: 26, args: ['long', 'pid', 'ptr', 'ptr'], ret: 'int', handler: sysPtrace,
    note: 'watchpoints see changes, not reads',
  },
];
