/** A deadline in a TimerHeap. `index` is its place there, -1 when it is not armed. */
export class Timer {
  whenNs = 0;
  index = -1;
  readonly fire: () => void;
  constructor(fire: () => void) {
    this.fire = fire;
  }
  get armed(): boolean {
    return this.index >= 0;
  }
}

/** Deadlines on the monotonic clock, earliest first (a binary heap). */
export class TimerHeap {
  private readonly heap: Timer[] = [];

  /** Infinity when there is none. */
  get nextNs(): number {
    return this.heap.length === 0 ? Infinity : this.heap[0]!.whenNs;
  }

  /** Arms or re-arms. */
  set(timer: Timer, whenNs: number): void {
    this.cancel(timer);
    timer.whenNs = whenNs;
    timer.index = this.heap.length;
    this.heap.push(timer);
    this.up(timer.index);
  }

  cancel(timer: Timer): void {
    const index = timer.index;
    if (index < 0) return;
    timer.index = -1;
    const last = this.heap.pop()!;
    if (last === timer) return;
    this.heap[index] = last;
    last.index = index;
    this.up(index);
    this.down(last.index);
  }

  /** Fires all that are due; those armed meanwhile for the past fire too. Answers how many. */
  run(nowNs: number): number {
    let fired = 0;
    while (this.heap.length > 0 && this.heap[0]!.whenNs <= nowNs) {
      const timer = this.heap[0]!;
      this.cancel(timer);
      timer.fire();
      fired++;
    }
    return fired;
  }

  private swap(a: number, b: number): void {
    const x = this.heap[a]!;
    const y = this.heap[b]!;
    this.heap[a] = y;
    this.heap[b] = x;
    y.index = a;
    x.index = b;
  }

  private up(index: number): void {
    for (let i = index; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (this.heap[parent]!.whenNs <= this.heap[i]!.whenNs) return;
      this.swap(i, parent);
      i = parent;
    }
  }

  private down(index: number): void {
    for (let i = index; ; ) {
      let least = i;
      for (let child = 2 * i + 1; child <= 2 * i + 2 && child < this.heap.length; child++) {
        if (this.heap[child]!.whenNs < this.heap[least]!.whenNs) least = child;
      }
      if (least === i) return;
      this.swap(i, least);
      i = least;
    }
  }
}
