import type { Clock } from '../host/clock.ts';

function hrNs(): number {
  const [sec, nsec] = process.hrtime();
  return sec * 1e9 + nsec;
}

/** Wall time minus monotonic time, in ns. Main thread and workers share one value, so that their clocks agree. */
export function wallOffsetNs(): number {
  const before = hrNs();
  const wall = (performance.timeOrigin + performance.now()) * 1e6;
  return Math.round(wall - (before + hrNs()) / 2);
}

export class NodeClock implements Clock {
  #offsetNs: number;

  constructor(offsetNs: number) {
    this.#offsetNs = offsetNs;
  }

  monotonicNs(): number {
    return hrNs();
  }

  realtime(): { sec: number; nsec: number } {
    // Kept in two parts: a sum in ns is past 2^53.
    const [sec, nsec] = process.hrtime();
    const offsetSec = Math.floor(this.#offsetNs / 1e9);
    const ns = nsec + (this.#offsetNs - offsetSec * 1e9);
    const carry = ns >= 1e9 ? 1 : 0;
    return { sec: sec + offsetSec + carry, nsec: Math.floor(ns - carry * 1e9) };
  }
}
