/** A set of signals 1..64: bit n-1 of (lo, hi). Mutable; copy() before keeping one of somebody else's. */
export class SigSet {
  lo: number;
  hi: number;
  constructor(lo = 0, hi = 0) {
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
  }

  static of(...signals: number[]): SigSet {
    const set = new SigSet();
    for (const sig of signals) set.add(sig);
    return set;
  }

  has(sig: number): boolean {
    return sig <= 32 ? (this.lo & (1 << (sig - 1))) !== 0 : (this.hi & (1 << (sig - 33))) !== 0;
  }
  add(sig: number): void {
    if (sig <= 32) this.lo = (this.lo | (1 << (sig - 1))) >>> 0;
    else this.hi = (this.hi | (1 << (sig - 33))) >>> 0;
  }
  delete(sig: number): void {
    if (sig <= 32) this.lo = (this.lo & ~(1 << (sig - 1))) >>> 0;
    else this.hi = (this.hi & ~(1 << (sig - 33))) >>> 0;
  }
  addAll(other: SigSet): void {
    this.lo = (this.lo | other.lo) >>> 0;
    this.hi = (this.hi | other.hi) >>> 0;
  }
  deleteAll(other: SigSet): void {
    this.lo = (this.lo & ~other.lo) >>> 0;
    this.hi = (this.hi & ~other.hi) >>> 0;
  }
  set(other: SigSet): void {
    this.lo = other.lo;
    this.hi = other.hi;
  }
  clear(): void {
    this.lo = 0;
    this.hi = 0;
  }
  copy(): SigSet {
    return new SigSet(this.lo, this.hi);
  }
  get empty(): boolean {
    return (this.lo | this.hi) === 0;
  }
  /** Whether both have a signal in common. */
  meets(other: SigSet): boolean {
    return ((this.lo & other.lo) | (this.hi & other.hi)) !== 0;
  }
  /** The lowest signal that is in this and not in `blocked`; 0 when there is none. */
  firstNotIn(blocked: SigSet): number {
    const lo = this.lo & ~blocked.lo;
    if (lo !== 0) return 32 - Math.clz32(lo & -lo);
    const hi = this.hi & ~blocked.hi;
    return hi !== 0 ? 64 - Math.clz32(hi & -hi) : 0;
  }
}
