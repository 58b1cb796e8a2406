/** The host's clocks. Workers have one too; both sides must agree, so monotonicNs counts from the host's boot or start, not the worker's. */
export interface Clock {
  /** CLOCK_REALTIME. */
  realtime(): { sec: number; nsec: number };
  /** CLOCK_MONOTONIC in ns, exact below 2^53. */
  monotonicNs(): number;
}
