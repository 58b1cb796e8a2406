import { EBADF, EEXIST, EFAULT, EINVAL, EPERM, ESRCH, ENOSYS } from '../abi/linux/errno.ts';
import { PER_LINUX32, PER_MASK, UNAME26 } from '../abi/linux/personality.ts';
import {
  ARCH_GET_CPUID, ARCH_GET_FS, ARCH_GET_GS, ARCH_GET_XCOMP_PERM, ARCH_GET_XCOMP_SUPP, ARCH_MAP_VDSO_32, ARCH_MAP_VDSO_64, ARCH_SET_CPUID,
  ARCH_SET_FS, ARCH_SET_GS,
} from '../abi/linux/prctl.ts';
import { fromLatin1 } from '../machine/guestMemory.ts';
import { Cpu, Seg } from '../machine/cpuState.ts';
import { getThreadArea, readDescriptor, setThreadArea } from '../kernel/arch/i386/threadArea.ts';
import { publishLdtEntry, refreshSegments } from '../kernel/arch/segments.ts';
import { PidFile } from '../kernel/ipc/pidfd.ts';
import type { Task } from '../kernel/task/task.ts';
import { mayTrace } from '../kernel/trace/attach.ts';
import { Cap } from '../vfs/cred.ts';
import { i386 } from '../abi/abi.ts';
import { getU32, putU32 } from '../abi/layout.ts';
import type { GuestMemory } from '../machine/guestMemory.ts';
import { LDT_ENTRIES } from '../machine/descriptors.ts';
import type { SyscallRow } from './row.ts';

const NEW_UTS_LEN = 64;
/** Bits 0 and 1 of XCR0: all the state that is shown here. */
const X87_AND_SSE = 3;

// ---- names ----

function utsNames(t: Task): Record<string, string> {
  const { kernel } = t;
  const machine = (t.personality & PER_MASK) === PER_LINUX32 ? 'i686' : 'x86_64';
  const release = (t.personality & UNAME26) !== 0 ? `2.6.${60 + Number(kernel.parts.release.split('.')[1] ?? 0)}` : kernel.parts.release;
  return { sysname: 'Linux', nodename: t.ns.uts.hostname, release, version: kernel.parts.version, machine, domainname: t.ns.uts.domainname };
}

function sysUname(t: Task, ptr: number): number {
  const layout = t.abi.utsname;
  const buf = t.memory.writable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  buf.fill(0);
  for (const [name, text] of Object.entries(utsNames(t))) {
    layout.bytes(buf, name as 'sysname').set(fromLatin1(text.slice(0, NEW_UTS_LEN)));
  }
  return 0;
}

/** i386's older structures: 9 bytes each, and 65 without a domain name. */
const oldUname = (width: number) => (t: Task, ptr: number): number => {
  const buf = t.memory.writable(ptr, 5 * width);
  if (buf === null) return -EFAULT;
  buf.fill(0);
  const names = utsNames(t);
  ['sysname', 'nodename', 'release', 'version', 'machine'].forEach((name, i) => buf.set(fromLatin1(names[name]!.slice(0, width - 1)), i * width));
  return 0;
};

const setName = (which: 'hostname' | 'domainname') => (t: Task, ptr: number, length: number): number => {
  if (!t.cred.hasIn(Cap.SYS_ADMIN, t.ns.uts.userNs)) return -EPERM;
  if (length < 0 || length > NEW_UTS_LEN) return -EINVAL;
  const bytes = t.memory.readable(ptr, length);
  if (bytes === null) return -EFAULT;
  t.ns.uts[which] = String.fromCharCode(...bytes).replace(/\0.*$/s, '');
  return 0;
};

function sysPersonality(t: Task, value: number): number {
  const old = t.personality;
  if (value !== 0xffffffff) t.personality = value;
  return old;
}

// ---- machine ----

/** 1 << SI_LOAD_SHIFT. */
const LOAD_ONE = 65536;

function sysSysinfo(t: Task, ptr: number): number {
  const layout = t.abi.sysinfo;
  const buf = t.memory.writable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  const { totalBytes, freeBytes } = t.kernel.memoryInfo();
  const [load1 = 0, load5 = 0, load15 = 0] = t.kernel.parts.loadAverages().map((load) => Math.round(load * LOAD_ONE));
  // A 32-bit long counts in pages when bytes would not fit.
  const unit = t.arch.wordSize === 4 && totalBytes > 0xffffffff ? 4096 : 1;
  layout.write(buf, {
    uptime: Math.floor((t.kernel.nowNs() + t.ns.time.bootNs) / 1e9), totalram: Math.floor(totalBytes / unit), freeram: Math.floor(freeBytes / unit),
    load1, load5, load15, procs: t.kernel.pids.tasks.size, mem_unit: unit,
  });
  return 0;
}

function sysGetrandom(t: Task, ptr: number, length: number, flags: number): number {
  // GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE; the last two exclude each other.
  if ((flags & ~7) !== 0 || (flags & 6) === 6) return -EINVAL;
  const buf = t.memory.writablePrefix(ptr, Math.min(length, 0x1ffffff));
  if (buf === null) return -EFAULT;
  t.kernel.parts.random.fill(buf);
  return buf.length;
}

function sysSyslog(t: Task, type: number): number {
  // An empty kernel log. SYSLOG_ACTION_SIZE_UNREAD 9, SIZE_BUFFER 10.
  if (!t.cred.has(Cap.SYSLOG) && type !== 3 && type !== 10) return -EPERM;
  if (type === 10) return 1 << 17;
  return type >= 0 && type <= 9 ? 0 : -EINVAL;
}

// ---- segments ----

/** `memory`: where the results of ARCH_GET_* go (a tracer asks for its tracee's). */
export function archPrctl(t: Task, code: number, addr: number, memory: GuestMemory): number {
  const { regs } = t;
  const base = (segment: number, value: number): number => {
    if (value >= 0x7ffffffff000) return -EPERM;
    regs.setU32(Cpu.segSelector + segment * 4, 0);
    regs.setU64(Cpu.segBase + segment * 8, value);
    return 0;
  };
  const get = (segment: number): number => (memory.setU64(addr, regs.u64(Cpu.segBase + segment * 8)) ? 0 : -EFAULT);
  if (t.arch.wordSize === 4 && code < ARCH_GET_CPUID) return -EINVAL;
  switch (code) {
    case ARCH_SET_FS: return base(Seg.fs, addr);
    case ARCH_SET_GS: return base(Seg.gs, addr);
    case ARCH_GET_FS: return get(Seg.fs);
    case ARCH_GET_GS: return get(Seg.gs);
    case ARCH_MAP_VDSO_32: case ARCH_MAP_VDSO_64: return t.mm.layout.vdso !== 0 ? -EEXIST : -EINVAL;
    case ARCH_GET_XCOMP_SUPP: case ARCH_GET_XCOMP_PERM: return memory.setU64(addr, X87_AND_SSE) ? 0 : -EFAULT;
    case ARCH_GET_CPUID: return 1;
    case ARCH_SET_CPUID: return addr === 1 ? 0 : -19;
    default: return -EINVAL;
  }
}

function sysModifyLdt(t: Task, func: number, ptr: number, size: number): number {
  return asUnsigned(t, modifyLdt(t, func, ptr, size));
}

function modifyLdt(t: Task, func: number, ptr: number, size: number): number {
  switch (func) {
    case 0: return readLdt(t, ptr, size);
    case 1: return writeLdt(t, ptr, size, true);
    case 0x11: return writeLdt(t, ptr, size, false);
    case 2: {
      const n = Math.min(size, 128);
      const buf = t.memory.writable(ptr, n);
      if (buf === null) return -EFAULT;
      buf.fill(0);
      return n;
    }
    default: return -ENOSYS;
  }
}

/** Always has 32 bits, also on x86-64 (arch/x86/kernel/ldt.c says why). */
function asUnsigned(t: Task, result: number): number {
  return t.arch.wordSize === 8 ? result >>> 0 : result;
}

/** The table as the processor has it, 8 bytes an entry; behind the last entry zeros, and they count. */
function readLdt(t: Task, ptr: number, size: number): number {
  const { ldt } = t.mm;
  if (ldt === null) return 0;
  const bytes = Math.min(size, LDT_ENTRIES * 8);
  const out = new Uint8Array(LDT_ENTRIES * 8);
  ldt.forEach((d, i) => {
    if (d === undefined) return;
    const f = d.flags;
    const readOnly = (f & 8) !== 0;
    const type = 0x10 | ((f >>> 1) & 3) << 2 | (readOnly ? 0 : 2) | 1;
    putU32(out, i * 8, (d.limit & 0xffff) | ((d.base & 0xffff) << 16));
    putU32(out, i * 8 + 4, ((d.base >>> 16) & 0xff) | (type << 8) | (3 << 13) | ((f & 0x20) === 0 ? 0x8000 : 0) | (d.limit & 0xf0000) |
      ((f & 0x40) !== 0 ? 1 << 20 : 0) | ((f & 1) !== 0 ? 1 << 22 : 0) | ((f & 0x10) !== 0 ? 1 << 23 : 0) | (d.base & 0xff000000));
  });
  return t.memory.copyOut(ptr, out.subarray(0, bytes)) ? bytes : -EFAULT;
}

function writeLdt(t: Task, ptr: number, size: number, oldMode: boolean): number {
  if (size !== i386.userDesc.size) return -EINVAL;
  const buf = t.memory.readable(ptr, size);
  if (buf === null) return -EFAULT;
  const entry = getU32(buf, 0);
  if (entry >= LDT_ENTRIES) return -EINVAL;
  const d = readDescriptor(buf);
  const contents = (d.flags >>> 1) & 3;
  const empty = d.base === 0 && d.limit === 0 && (oldMode || (d.flags & 0x7f) === 0x28);
  if (contents === 3 && (oldMode || (d.flags & 0x20) === 0)) return -EINVAL;
  t.mm.ldt ??= [];
  t.mm.ldt[entry] = empty ? undefined : { ...d, flags: oldMode ? d.flags & ~0x40 : d.flags };
  publishLdtEntry(t.mm, entry);
  for (const task of t.mm.tasks) if (task.state !== 'running' || t.kernel.guests.takeOver(task)) refreshSegments(task);
  return 0;
}

// ---- pidfd ----

function sysPidfdOpen(t: Task, pid: number, flags: number): number {
  // PIDFD_NONBLOCK = O_NONBLOCK, PIDFD_THREAD = O_EXCL
  if ((flags & ~(0o4000 | 0o200)) !== 0 || pid <= 0) return -EINVAL;
  const process = t.kernel.pids.processes.get(pid);
  const thread = (flags & 0o200) !== 0 ? t.kernel.pids.tasks.get(pid) ?? null : null;
  if (process === undefined && thread === null) return t.kernel.pids.tasks.has(pid) ? -EINVAL : -ESRCH;
  return t.kernel.openPidfd?.(t, process ?? thread!.process, thread, (flags & 0o4000) !== 0) ?? -ENOSYS;
}

function sysPidfdGetfd(t: Task, pidfd: number, fd: number, flags: number): number {
  if (flags !== 0) return -EINVAL;
  const file = t.fds.get(pidfd);
  if (!(file instanceof PidFile)) return -EBADF;
  const target = file.thread ?? file.process.leader;
  if (target.state === 'dead') return -ESRCH;
  if (target.process !== t.process && !mayTrace(t, target)) return -EPERM;
  const wanted = target.fds.get(fd);
  if (wanted === null) return -EBADF;
  const result = t.fds.install(wanted.acquire(), true, t.rlimits.cur[7]!);
  if (result < 0) wanted.release();
  return result;
}

function sysReboot(t: Task, magic1: number, magic2: number): number {
  if (!t.cred.has(Cap.SYS_BOOT)) return -EPERM;
  return magic1 === (0xfee1dead | 0) && [672274793, 85072278, 369367448, 537993216].includes(magic2) ? -EPERM : -EINVAL;
}


export const systemRows: readonly SyscallRow[] = [
  { name: 'uname', x86_64: 63, i386: 122, args: ['ptr'], ret: 'int', handler: sysUname },
  { name: 'olduname', x86_64: -1, i386: 109, args: ['ptr'], ret: 'int', handler: oldUname(65) },
  { name: 'oldolduname', x86_64: -1, i386: 59, args: ['ptr'], ret: 'int', handler: oldUname(9) },
  { name: 'sethostname', x86_64: 170, i386: 74, args: ['ptr', 'int'], ret: 'int', handler: setName('hostname') },
  { name: 'setdomainname', x86_64: 171, i386: 121, args: ['ptr', 'int'], ret: 'int', handler: setName('domainname') },
  { name: 'personality', x86_64: 135, i386: 136, args: ['uint'], ret: 'hex', handler: sysPersonality },
  { name: 'sysinfo', x86_64: 99, i386: 116, args: ['ptr'], ret: 'int', handler: sysSysinfo },
  { name: 'getrandom', x86_64: 318, i386: 355, args: ['bufOut', 'size', 'hex'], ret: 'ssize', handler: sysGetrandom },
  { name: 'syslog', x86_64: 103, i386: 103, args: ['int', 'ptr', 'int'], ret: 'int', handler: sysSyslog },
  { name: 'arch_prctl', x86_64: 158, i386: 384, args: ['int', 'ptr'], ret: 'int', handler: (t, code, addr) => archPrctl(t, code, addr, t.memory) },
  { name: 'set_thread_area', x86_64: -1, i386: 243, args: ['ptr'], ret: 'int', handler: (t, ptr) => setThreadArea(t, ptr, true) },
  { name: 'get_thread_area', x86_64: -1, i386: 244, args: ['ptr'], ret: 'int', handler: getThreadArea },
  { name: 'modify_ldt', x86_64: 154, i386: 123, args: ['int', 'ptr', 'ulong'], ret: 'int', handler: sysModifyLdt },
  { name: 'pidfd_open', x86_64: 434, i386: 434, args: ['pid', 'hex'], ret: 'fd', handler: sysPidfdOpen },
  { name: 'pidfd_getfd', x86_64: 438, i386: 438, args: ['fd', 'fd', 'hex'], ret: 'fd', handler: sysPidfdGetfd },
  { name: 'reboot', x86_64: 169, i386: 88, args: ['int', 'int', 'int', 'ptr'], ret: 'int', handler: sysReboot },
];
