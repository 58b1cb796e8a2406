import type { FileDescription } from '../../vfs/fileDescription.ts';
import { Access } from '../../machine/exit.ts';
import { GuestMemory, type Pager } from '../../machine/guestMemory.ts';
import { Globals } from '../../machine/codeLayout.ts';
import { PermissionTable, type DropCode } from '../../machine/addressSpace.ts';
import { ADDRESS_BITS, BIAS, CPU_AREA, GUEST_END, GUEST_MIN, MAX_THREADS_PER_PROCESS, PAGE_SIZE, Perm, TASK_SIZE } from '../../machine/memoryLayout.ts';
import { Cpu } from '../../machine/cpuState.ts';
import type { AioContext } from '../ipc/aio.ts';
import type { Task } from '../task/task.ts';
import type { Descriptor } from '../arch/segments.ts';
import { FaultResult, faultPage, type FaultCode } from './fault.ts';
import { Lineage } from './lineage.ts';
import type { MemoryPool } from './memoryPool.ts';
import type { Moved } from './moved.ts';
import type { Overlong } from './overlong.ts';
import { Page, pageOf } from './page.ts';
import { heightOf, type Wish } from './tall.ts';
import { Prot, VmaList, type Vma } from './vma.ts';

const WASM_PAGE = 65536;
export const GUEST_PAGE_COUNT = GUEST_END / PAGE_SIZE;

/** What an address space asks of the kernel. */
export interface AddressSpaceHost {
  /** Stops every running thread of the address space at an instruction boundary; they stay stopped until the kernel loop serves them. */
  quiesce(mm: AddressSpace): void;
  readonly dropCode: DropCode;
  readonly memories: MemoryPool;
}

/** Where the loader put things; prctl(PR_SET_MM) and /proc/PID/stat tell. */
export interface ProgramLayout {
  codeStart: number;
  codeEnd: number;
  dataStart: number;
  dataEnd: number;
  brkStart: number;
  brk: number;
  stackStart: number;
  argStart: number;
  argEnd: number;
  envStart: number;
  envEnd: number;
  vdso: number;
  /** Return address of sysenter in the i386 vDSO. */
  sysenterReturn: number;
  /** __kernel_sigreturn and __kernel_rt_sigreturn of the i386 vDSO. */
  sigreturn: number;
  rtSigreturn: number;
  auxv: Uint8Array;
}

const NO_LAYOUT: ProgramLayout = {
  codeStart: 0, codeEnd: 0, dataStart: 0, dataEnd: 0, brkStart: 0, brk: 0, stackStart: 0, argStart: 0, argEnd: 0, envStart: 0, envEnd: 0,
  vdso: 0, sysenterReturn: 0, sigreturn: 0, rtSigreturn: 0, auxv: new Uint8Array(0),
};

/**
 * A process's memory (Linux's mm_struct): areas, the state of every page, and the permission bytes that translated code
 * tests. Shared by threads and by a vfork child. mapping.ts, protect.ts, remap.ts, fork.ts work on it.
 *
 * A page's permission byte is R, W, X only while its bytes are in this memory and may be used without the kernel; ASK
 * otherwise. Taking R, W or X away is done with all threads stopped: quiesce() first.
 */
export class AddressSpace implements Pager {
  readonly host: AddressSpaceHost;
  readonly memory: GuestMemory;
  readonly permissions: PermissionTable;
  readonly areas = new VmaList();
  /** `Page` bits of every page. */
  readonly pages: Uint8Array<ArrayBuffer>;
  /** Number of the linear memory. */
  readonly memoryId: number;
  /** The memory is not for others: they have it already, or a worker was given up that ran here. */
  spoiled = false;
  /** Copy-on-write relations with the memories it was forked from and that were forked from it. */
  readonly lineage: Lineage;
  /** Pages on their way to where mremap has moved them. */
  readonly moves: Moved[] = [];
  layout: ProgramLayout = NO_LAYOUT;
  /** Where findFree begins, and ranges it leaves alone while there is room elsewhere (brk's and the stack's growth). */
  mmapBase = GUEST_MIN;
  reserved: (readonly [number, number])[] = [];
  /** Reservations that are longer than the address space. */
  overlong: readonly Overlong[] = [];
  /** Areas may lie above 4 GiB (tall.ts); the last wish for that. */
  tall = false;
  wish: Wish | null = null;
  /** Pages mapped; of them private and writable; locked. For RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK. */
  totalPages = 0;
  dataPages = 0;
  lockedPages = 0;
  /** MCL_FUTURE */
  lockFuture = false;
  /** Stack growth limit, from RLIMIT_STACK at exec; bytes. */
  stackLimit = 8 << 20;
  /** Room that the layout keeps for it; the limit may rise up to it. */
  stackRoom = 8 << 20;
  /** The program file, for /proc/PID/exe. */
  exe: FileDescription | null = null;
  dumpable = 1;
  /** PR_SET_THP_DISABLE; PR_SET_MDWE: 1 nothing gains PROT_EXEC, 2 children of fork are free of it. */
  thpDisabled = false;
  writeExecPolicy = 0;
  /** modify_ldt's entries by index; null while there are none. */
  ldt: (Descriptor | undefined)[] | null = null;
  /** Contexts of asynchronous input and output, by the address that stands for each (io_setup). */
  readonly aio = new Map<number, AioContext>();
  minorFaults = 0;
  majorFaults = 0;
  /** Tasks and a vfork child that use it. */
  private users = 1;
  /** The tasks whose registers are in this memory. */
  readonly tasks = new Set<Task>();
  private readonly cpuSlots: boolean[] = [];

  /** `length`: of the linear memory, where that is known. */
  constructor(host: AddressSpaceHost, length = BIAS) {
    this.host = host;
    const { memory, id, pages } = host.memories.take(length);
    this.pages = pages;
    this.memoryId = id;
    this.memory = new GuestMemory(memory, this);
    this.permissions = new PermissionTable(memory, host.dropCode);
    this.lineage = new Lineage(this);
  }

  share(): this {
    this.users++;
    return this;
  }

  /** What a new memory takes over from the old one, besides its contents. */
  inherit(from: AddressSpace): void {
    this.thpDisabled = from.thpDisabled;
    this.writeExecPolicy = (from.writeExecPolicy & 2) !== 0 ? 0 : from.writeExecPolicy;
  }

  get shared(): boolean {
    return this.users > 1;
  }

  /** A task leaves; with the last one all areas go. The memory itself stays while a fork child still needs pages of it. */
  release(): void {
    if (--this.users > 0) return;
    for (const context of this.aio.values()) context.destroy();
    this.aio.clear();
    this.lineage.retire();
    const length = (this.memory.bytes.length - BIAS) / PAGE_SIZE;
    for (const vma of this.areas.items) {
      if (vma.object !== null) this.releaseShared(vma, vma.start, vma.end);
      vma.drop();
      const first = pageOf(vma.start), last = pageOf(vma.end);
      this.permissions.bytes.fill(0, first, last);
      // Behind the end of the memory pages can be lazy.
      if (last > length) this.pages.fill(0, Math.max(first, length), last);
    }
    this.areas.items.length = 0;
    this.exe?.release();
    this.exe = null;
    this.recycle();
  }

  /** When it has ended and no child needs its pages, others may have the memory. */
  recycle(): void {
    if (this.users > 0 || this.areas.items.length > 0 || this.spoiled || this.lineage.isNeeded) return;
    this.spoiled = true;
    this.host.memories.give(this);
  }

  /** Offset of a free CPU state, zeroed; -1 when there are too many threads. */
  allocateCpu(): number {
    let index = 0;
    while (this.cpuSlots[index]) index++;
    if (index >= MAX_THREADS_PER_PROCESS) return -1;
    this.cpuSlots[index] = true;
    const cpu = CPU_AREA + index * Cpu.size;
    this.memory.bytes.fill(0, cpu, cpu + Cpu.size);
    return cpu;
  }

  freeCpu(cpu: number): void {
    this.cpuSlots[(cpu - CPU_AREA) / Cpu.size] = false;
  }

  /** No address of the program's lies behind it. */
  get limit(): number {
    return this.memory.limit;
  }

  /** For good: until execve. */
  becomeTall(): void {
    this.tall = true;
    this.wish = null;
    this.memory.limit = TASK_SIZE;
    Atomics.store(new Int32Array(this.memory.memory.buffer), Globals.tall >> 2, 1);
  }

  /** The area that a page is of. */
  areaOf(page: number): Vma | null {
    const vma = this.areas.find(page * PAGE_SIZE);
    if (vma !== null || !this.tall) return vma;
    return this.areas.items.find(({ start, end }) => start >= 2 ** ADDRESS_BITS && pageOf(start) <= page && page < pageOf(end)) ?? null;
  }

  quiesce(): void {
    this.host.quiesce(this);
  }

  /** An area comes to [start, end): what waits there to be moved is moved first. */
  makeRoom(start: number, end: number): void {
    if (this.moves.length > 0) for (const moved of [...this.moves]) moved.makeRoom(pageOf(start), pageOf(end));
  }

  /** Makes the memory at least as long as guest address `end`. False: the host has no more. */
  reserve(end: number): boolean {
    const wanted = end + BIAS;
    const have = this.memory.bytes.length;
    if (wanted <= have) return true;
    const step = Math.max(1 << 20, (have - BIAS) >>> 3);
    const pages = Math.ceil((Math.min(Math.max(wanted, have + step), GUEST_END + BIAS) - have) / WASM_PAGE);
    try {
      this.memory.memory.grow(pages);
    } catch {
      return false;
    }
    this.memory.refresh();
    new Int32Array(this.memory.memory.buffer)[Globals.memoryPages >> 2] = (have / WASM_PAGE) + pages;
    return true;
  }

  /** See Pager. */
  prepare(addr: number, length: number, access: number): number {
    const bytes = this.permissions.bytes;
    const bit = access === Access.write ? Perm.W : Perm.R;
    const height = heightOf(addr), last = Math.floor((addr - height + length - 1) / PAGE_SIZE);
    for (let page = pageOf(addr); page <= last; page++) {
      const at = height + page * PAGE_SIZE;
      if ((bytes[page]! & bit) !== 0 && (!this.tall || this.areas.find(at) !== null)) continue;
      if (faultPage(this, at, access) !== FaultResult.ok) return Math.max(0, at - addr);
    }
    return length;
  }

  /** As prepare, for /proc/PID/mem and ptrace, which heed no protection of private pages. */
  prepareForced(addr: number, length: number, access: number): number {
    if (length === 0) return 0;
    for (let at = addr - (addr % PAGE_SIZE); at < addr + length; at += PAGE_SIZE) {
      if (faultPage(this, at, access, true) !== FaultResult.ok) return Math.max(0, at - addr);
    }
    return length;
  }

  /** Serves a refused access of the guest: FaultResult.ok to go on, else what signal to raise. */
  fault(addr: number, access: number): FaultCode {
    if (addr >= this.limit || addr < 0) return FaultResult.mapError;
    // Code cannot run there (tall.ts).
    if (access === Access.execute && addr >= 2 ** ADDRESS_BITS) return this.areas.find(addr) === null ? FaultResult.mapError : FaultResult.accessError;
    return faultPage(this, addr, access);
  }

  /** Permission bits that a present page of `vma` may have. */
  static permOf(vma: Vma): number {
    const prot = vma.prot;
    if (prot === 0) return 0;
    return Perm.R | ((prot & Prot.W) !== 0 ? Perm.W : 0) | ((prot & Prot.X) !== 0 ? Perm.X : 0);
  }

  /** Recomputes the permission byte of a page of `vma` from its state. Lowering needs quiesce() first. */
  updatePermission(vma: Vma, page: number): void {
    this.permissions.set(page, this.permissionOf(vma, page));
  }

  permissionOf(vma: Vma, page: number): number {
    const state = this.pages[page]!;
    let perm: number = Perm.ASK;
    if ((state & Page.present) !== 0) {
      perm = AddressSpace.permOf(vma);
      if ((perm & Perm.W) !== 0 && (state & (Page.needed | Page.readOnly)) !== 0) perm = (perm & ~Perm.W) | Perm.ASK;
    } else if ((state & Page.shared) !== 0) {
      perm = AddressSpace.permOf(vma);
      if ((perm & Perm.W) !== 0 && (state & Page.readOnly) !== 0) perm = (perm & ~Perm.W) | Perm.ASK;
    }
    return perm;
  }

  /** The bytes of a page of ours. */
  pageBytes(page: number): Uint8Array {
    const at = page * PAGE_SIZE + BIAS;
    return this.memory.bytes.subarray(at, at + PAGE_SIZE);
  }

  // ---- for shared objects: pages that come and go ----

  /** The page shown here has gone to another memory. Precondition: quiesce(). */
  revoke(page: number): void {
    this.permissions.forgetCode(page);
    this.pages[page] = (this.pages[page]! & ~(Page.shared | Page.readOnly)) | Page.stale;
    this.permissions.set(page, Perm.ASK);
  }

  /** The private page shown here is no longer the file's, or lies behind its end. Precondition: quiesce(). */
  dropCopy(page: number): void {
    if ((this.pages[page]! & (Page.needed | Page.lazy)) !== 0) this.lineage.forget(page);
    this.permissions.forgetCode(page);
    this.pages[page] = Page.stale;
    this.permissions.set(page, Perm.ASK);
  }

  /** The page may be read from now on, not written. Precondition: quiesce(). */
  withholdWrite(page: number): void {
    this.pages[page] = this.pages[page]! | Page.readOnly;
    const vma = this.areaOf(page);
    if (vma !== null) this.updatePermission(vma, page);
  }

  forgetCode(page: number): void {
    this.permissions.forgetCode(page);
  }

  /** Gives shared pages of [start, end) back to their object: writes changes to the file. */
  releaseShared(vma: Vma, start: number, end: number): void {
    const first = pageOf(start);
    vma.object!.releaseAll(this, first, pageOf(end), vma.offsetOf(first) / PAGE_SIZE);
  }
}
