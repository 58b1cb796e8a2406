/** Memories a worker stays attached to. */
const MOST = 4;

/**
 * The processes' memories that a worker was last given, by number, each with what it has made for it. The kernel's side keeps the same
 * list (of numbers alone) for each worker, changed in the same order, so that it knows which memories need not be sent again.
 */
export class RecentMemories<T> {
  /** The latest last. */
  private readonly entries: { readonly id: number; readonly value: T }[] = [];

  has(id: number): boolean {
    return this.entries.some((entry) => entry.id === id);
  }

  /** What was made for memory `id`, which is the latest from now on; if nothing was, `make` is asked. */
  use(id: number, make: () => T): T {
    const at = this.entries.findIndex((entry) => entry.id === id);
    const entry = at >= 0 ? this.entries.splice(at, 1)[0]! : { id, value: make() };
    this.entries.push(entry);
    if (this.entries.length > MOST) this.entries.shift();
    return entry.value;
  }

  /** The memory is given up. */
  forget(id: number): void {
    const at = this.entries.findIndex((entry) => entry.id === id);
    if (at >= 0) this.entries.splice(at, 1);
  }
}
