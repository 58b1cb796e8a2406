/** A guest with a memory of its own and no kernel, for tests. */
import { Globals } from '../../machine/codeLayout.ts';
import { Cpu } from '../../machine/cpuState.ts';
import { Reply } from '../../machine/mailbox.ts';
import { BIAS, CPU_AREA, PERMISSION_TABLE, Perm } from '../../machine/memoryLayout.ts';
import { GuestThread } from '../guestThread.ts';
import { OwnTranslator } from '../translate/service.ts';
import type { Translator } from '../translate/translation.ts';
import { generateInterpreter } from '../interpreter/generate.ts';

let modules: { interpreter: WebAssembly.Module; helpers: WebAssembly.Module } | null = null;
let tall: WebAssembly.Module | null = null;

export class TestGuest {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly cpu = CPU_AREA;
  private thread: GuestThread;
  /** What the kernel would do at each exit; true = resume. */
  kernel: () => boolean = () => false;

  constructor(mode: 32 | 64, helpers: Uint8Array<ArrayBuffer>) {
    modules ??= { interpreter: new WebAssembly.Module(generateInterpreter()), helpers: new WebAssembly.Module(helpers) };
    this.memory = new WebAssembly.Memory({ initial: (BIAS >>> 16) + 512, maximum: 65536, shared: true });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.thread = this.worker();
    const { view, cpu } = this;
    view.setUint32(cpu + Cpu.long, mode === 64 ? 1 : 0, true);
    const selectors = mode === 64 ? [0, 0x33, 0x2b, 0, 0, 0] : [0x2b, 0x23, 0x2b, 0x2b, 0, 0];
    selectors.forEach((selector, s) => view.setUint32(cpu + Cpu.segSelector + 4 * s, selector, true));
    view.setInt32(cpu + Cpu.df, 1, true);
    view.setUint32(cpu + Cpu.mxcsr, 0x1f80, true);
    view.setUint32(cpu + Cpu.x87Control, 0x37f, true);
  }

  /** Another worker of the process; what is hot in it is asked of `translator`. */
  worker(translator: Translator = new OwnTranslator()): GuestThread {
    const { interpreter, helpers } = modules!;
    return new GuestThread({
      interpreterModule: interpreter, tallInterpreter: () => (tall ??= new WebAssembly.Module(generateInterpreter(true))), helpersModule: helpers, mailbox: { call: () => (this.kernel() ? Reply.resume : Reply.leave) },
      translator,
    });
  }

  /** From now on another worker runs the guest: the records are the same, the instances of regions are not there. Returns the one before. */
  changeWorker(to: GuestThread = this.worker()): GuestThread {
    const before = this.thread;
    this.thread = to;
    return before;
  }

  /** Regions that the worker has instances of. */
  regions(): number { return this.thread.regionCount; }

  map(addr: number, bytes: number, permission: number): void {
    this.bytes.fill(permission, PERMISSION_TABLE + (addr >>> 12), PERMISSION_TABLE + ((addr + bytes + 4095) >>> 12));
  }

  /** The address space becomes tall (or that of another process): the kernel's doing, before it resumes a thread. */
  grow(isTall = true): void { this.view.setInt32(Globals.tall, isTall ? 1 : 0, true); }

  permission(addr: number): number { return this.bytes[PERMISSION_TABLE + (addr >>> 12)]!; }

  /** Code at an address; its pages become readable and executable unless they are something already. */
  code(addr: number, hex: string, permission: number = Perm.R | Perm.X): void {
    const bytes = Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    this.map(addr, bytes.length, permission);
    this.bytes.set(bytes, BIAS + addr);
  }

  gpr(n: number): bigint { return this.view.getBigUint64(this.cpu + Cpu.gpr + 8 * n, true); }
  setGpr(n: number, v: bigint | number): void { this.view.setBigUint64(this.cpu + Cpu.gpr + 8 * n, BigInt(v), true); }
  get rip(): number { return Number(this.view.getBigUint64(this.cpu + Cpu.rip, true)); }
  set rip(v: number) { this.view.setBigUint64(this.cpu + Cpu.rip, BigInt(v), true); }
  u32(field: number): number { return this.view.getUint32(this.cpu + field, true); }
  guestU8(addr: number): number { return this.bytes[BIAS + addr]!; }

  run(): void {
    this.thread.attach(1, this.memory);
    this.thread.run(this.cpu, 0);
  }
}

