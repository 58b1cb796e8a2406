import { newNamespaceId, type UserNamespace } from '../../vfs/userNamespace.ts';
import type { Process } from './process.ts';

/** How deep they may be nested. */
export const MAX_PID_LEVEL = 32;
/** A number that nothing has (above every pid_max). */
const NOBODY = 0x3fff_ffff;
/** Numbers that are not given out a second time: those of what a system starts with. */
const RESERVED = 300;

/**
 * A space of process numbers (pid_namespaces(7)). The kernel names threads, processes, groups and sessions by their numbers in the first
 * one; each other space numbers once more what was made in it or below it. Numbers are translated where programs give or see them.
 */
export class PidNamespace {
  readonly kind = 'pid';
  readonly userNs: UserNamespace;
  readonly id: number;
  readonly parent: PidNamespace | null;
  readonly level: number;
  /** Its first process, which adopts orphans and whose end is the end of all in it. Of the first space: see Kernel.init. */
  init: Process | null = null;
  /** Its init has ended: nobody is born here any more. */
  closed = false;
  /** Processes in it and below, zombies too. */
  members = 0;
  /** What waits for only its init being left. */
  onlyInitLeft: (() => void) | null = null;
  private last = 0;
  private readonly own = new Map<number, number>();
  private readonly kernelWide = new Map<number, number>();

  constructor(userNs: UserNamespace, parent: PidNamespace | null, id = newNamespaceId()) {
    this.userNs = userNs;
    this.parent = parent;
    this.id = id;
    this.level = parent === null ? 0 : parent.level + 1;
  }

  /** Whether this is `other` or nested in it. */
  isWithin(other: PidNamespace): boolean {
    for (let at: PidNamespace | null = this; at !== null; at = at.parent) if (at === other) return true;
    return false;
  }

  /** The number here of what the kernel calls `id`; 0: it cannot be seen from here. */
  out(id: number): number {
    return this.level === 0 ? id : this.own.get(id) ?? 0;
  }

  /** Its numbers from `top` down to here; none when `top` does not see it. */
  numbersFrom(top: PidNamespace, id: number): number[] {
    if (!this.isWithin(top)) return [];
    const numbers: number[] = [];
    for (let at: PidNamespace = this; ; at = at.parent!) {
      numbers.unshift(at.out(id));
      if (at === top) return numbers;
    }
  }

  /** What the kernel calls number `n` of here; a number that nothing has, when it is nobody's. */
  in(n: number): number {
    return this.level === 0 ? n : this.kernelWide.get(n) ?? NOBODY;
  }

  /** The same of an argument that may also mean a group (negative), oneself (0) or all (-1). */
  inArgument(n: number): number {
    if (this.level === 0 || n === 0 || n === -1 || n === -0x8000_0000) return n;
    return n > 0 ? this.in(n) : -this.in(-n);
  }

  isFree(n: number): boolean {
    return !this.kernelWide.has(n);
  }

  /** Gives `id` a number here: the wanted one (which is free), or the next. */
  enter(id: number, wanted: number, max: number): void {
    let n = wanted;
    if (n === 0) {
      do this.last = this.last >= max ? RESERVED : this.last + 1;
      while (!this.isFree(this.last));
      n = this.last;
    }
    this.own.set(id, n);
    this.kernelWide.set(n, id);
  }

  leave(id: number): void {
    const n = this.own.get(id);
    if (n === undefined) return;
    this.own.delete(id);
    this.kernelWide.delete(n);
    // The first one came to nothing: the next one will be number 1.
    if (this.init === null && n === 1) this.last = 0;
  }
}
