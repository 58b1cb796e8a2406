/**
 * How often addresses were seen by samples and calls. A worker keeps it from process to process, because what the short programs
 * of a script or a build do is the same again and again, and none of them does it long enough.
 */

/** Addresses counted; with more, all counts fade. */
const MAX_COUNTED = 20_000;
/** A smaller count is forgotten when it fades. */
const LEAST = 4;

export class Heats {
  private readonly counts = new Map<number, number>();

  get size(): number {
    return this.counts.size;
  }

  /** Counts `more` for the code at address `rip` that begins with the bytes of `code`; returns its heat. */
  add(rip: number, code: number, more: number): number {
    if (this.counts.size >= MAX_COUNTED) this.fade();
    const key = keyOf(rip, code), heat = (this.counts.get(key) ?? 0) + more;
    this.counts.set(key, heat);
    return heat;
  }

  /** It has been asked for. */
  forget(rip: number, code: number): void {
    this.counts.delete(keyOf(rip, code));
  }

  /** With each process what was before counts half: it is the heat of one process that says whether translating pays. */
  fade(): void {
    for (const [key, heat] of this.counts) {
      if (heat < 2 * LEAST) this.counts.delete(key);
      else this.counts.set(key, heat / 2);
    }
  }
}

/** Address, and 20 bits of the code, which is another program's at the same address. */
function keyOf(rip: number, code: number): number {
  return rip + 2 ** 32 * (Math.imul(code, 0x9e3779b1) >>> 12);
}
