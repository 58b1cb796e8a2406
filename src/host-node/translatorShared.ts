/** Words of the memory that the main thread and the translating worker share. */
export const Shared = {
  /** Not 0: nobody waits for answers any more. */
  ended: 0,
  /** What the translator has done. */
  regions: 1,
  instructions: 2,
  microseconds: 3,
} as const;

export const SHARED_BYTES = 16;
