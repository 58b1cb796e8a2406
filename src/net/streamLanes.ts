import type { Kernel } from '../kernel/kernel.ts';
import type { LocalPair } from '../kernel/ipc/localChannels.ts';

/** One of the two sockets. */
export interface LaneSide {
  lanes: StreamLanes | null;
  /** Workers may do what is to be done with it: nothing is unread, nobody waits, and no flag or option changes what reading and writing are. */
  readonly isPlain: boolean;
  /** Bytes that workers have sent to it and not read. */
  arrive(bytes: Uint8Array): void;
}

/** Two sockets have become each other's peers. */
export function openLanes(kernel: Kernel, a: LaneSide, b: LaneSide): void {
  if (a.lanes !== null || b.lanes !== null) return;
  const pair = kernel.channels.openPair();
  if (pair === null) return;
  a.lanes = b.lanes = new StreamLanes(pair, a, b);
  a.lanes.lend();
}

/**
 * Two stream sockets that are connected, as far as workers may use them without the kernel (machine/channels.ts): while nothing is on the way,
 * nobody waits and neither has an option or flag that workers do not know, both ways are lent to them. Whatever the kernel does with one
 * of the sockets begins with claiming them.
 */
export class StreamLanes {
  private readonly pair: LocalPair;
  private readonly sides: readonly [LaneSide, LaneSide];
  private lent = false;
  private claiming = false;
  private closed = 0;

  constructor(pair: LocalPair, a: LaneSide, b: LaneSide) {
    this.pair = pair;
    this.sides = [a, b];
  }

  entryOf(side: LaneSide): number {
    return this.pair.entry(this.sides.indexOf(side));
  }

  /** Whoever is about to wait must not call this. */
  lend(): void {
    if (this.lent || this.claiming || !this.sides.every((side) => side.isPlain)) return;
    this.lent = true;
    this.pair.give();
  }

  claim(): void {
    if (!this.lent) return;
    this.lent = false;
    for (const [i, { bytes }] of this.pair.takeBack().entries()) if (bytes.length > 0) this.sides[i]!.arrive(bytes);
    // Their calls begin anew, and may take all there is; but who has claimed the lanes has them.
    this.claiming = true;
    this.pair.takeReaders();
    this.claiming = false;
  }

  /** One side is closed. */
  sideCloses(): void {
    this.claim();
    if (++this.closed === 2) this.pair.close();
  }
}
