/** Resource limits (getrlimit(2)); the numbers are the same on both ABIs. */
export const Rlimit = {
  CPU: 0, FSIZE: 1, DATA: 2, STACK: 3, CORE: 4, RSS: 5, NPROC: 6, NOFILE: 7, MEMLOCK: 8, AS: 9, LOCKS: 10, SIGPENDING: 11,
  MSGQUEUE: 12, NICE: 13, RTPRIO: 14, RTTIME: 15,
} as const;
export const RLIM_NLIMITS = 16;
export const RLIM_INFINITY = Infinity;

/** Soft (cur) and hard (max) limits of a process by Rlimit number; Infinity is RLIM_INFINITY. */
export class Rlimits {
  readonly cur: number[];
  readonly max: number[];
  constructor(cur: number[], max: number[]) {
    this.cur = cur;
    this.max = max;
  }

  static defaults(): Rlimits {
    const inf = RLIM_INFINITY;
    const pending = 95000;
    return new Rlimits(
      [inf, inf, inf, 8 << 20, 0, inf, pending, 1024, 8 << 20, inf, inf, pending, 819200, 0, 0, inf],
      [inf, inf, inf, inf, inf, inf, pending, 1048576, 8 << 20, inf, inf, pending, 819200, 0, 0, inf],
    );
  }

  copy(): Rlimits {
    return new Rlimits([...this.cur], [...this.max]);
  }
}
