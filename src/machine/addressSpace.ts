import { GUEST_PAGES, PERMISSION_TABLE, Perm } from './memoryLayout.ts';

/** Drops decoded and translated code of a page (machine/codePages.ts): its CODE bits are cleared, CODE_W is W again. */
export type DropCode = (memory: WebAssembly.Memory, page: number) => void;

/**
 * The permission bytes of one process, as translated code tests them. Only the kernel thread changes R, W, X and ASK; taking one
 * away needs the process's threads stopped. The engine itself moves between W and CODE | CODE_W, also while the kernel is at it:
 * both sides compare and exchange.
 */
export class PermissionTable {
  readonly bytes: Uint8Array;
  private readonly memory: WebAssembly.Memory;
  private readonly dropCode: DropCode;

  constructor(memory: WebAssembly.Memory, dropCode: DropCode) {
    this.memory = memory;
    this.dropCode = dropCode;
    this.bytes = new Uint8Array(memory.buffer, PERMISSION_TABLE, GUEST_PAGES);
  }

  /** Sets R, W, X, ASK as in `perm`; a page with decoded code keeps it when it stays executable, its W turned into CODE_W. */
  set(page: number, perm: number): void {
    for (;;) {
      const old = Atomics.load(this.bytes, page);
      let now = perm;
      if ((old & Perm.CODE) !== 0) {
        if ((perm & Perm.X) === 0) {
          this.dropCode(this.memory, page);
          continue;
        }
        now = (perm & Perm.W) !== 0 ? (perm & ~Perm.W) | Perm.CODE | Perm.CODE_W : perm | Perm.CODE;
      }
      if (Atomics.compareExchange(this.bytes, page, old, now) === old) return;
    }
  }

  /** The same while all threads are stopped. What is not executable only they would change besides: the translating thread watches code alone. */
  setStopped(page: number, perm: number): void {
    if (((this.bytes[page]! | perm) & (Perm.CODE | Perm.X)) !== 0) this.set(page, perm);
    else this.bytes[page] = perm;
  }

  /** Pages [first, last) are not written to any more without asking. Precondition: all threads are stopped. */
  withholdWrites(first: number, last: number): void {
    const { bytes } = this;
    for (let page = first; page < last; page++) {
      const old = bytes[page]!;
      if ((old & (Perm.CODE | Perm.X)) !== 0) this.withholdWrite(page);
      else if ((old & Perm.W) !== 0) bytes[page] = (old & ~Perm.W) | Perm.ASK;
    }
  }

  private withholdWrite(page: number): void {
    for (;;) {
      const old = Atomics.load(this.bytes, page);
      if ((old & (Perm.W | Perm.CODE_W)) === 0) return;
      if (Atomics.compareExchange(this.bytes, page, old, (old & ~(Perm.W | Perm.CODE_W)) | Perm.ASK) === old) return;
    }
  }

  /** The page's bytes are about to change by the kernel's hand or to go: decoded code of it is no longer true. */
  forgetCode(page: number): void {
    if ((Atomics.load(this.bytes, page) & Perm.CODE) !== 0) this.dropCode(this.memory, page);
  }
}
