import { EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../abi/linux/poll.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { LocalPair } from '../kernel/ipc/localChannels.ts';
import { Lent } from '../machine/channels.ts';
import type { WaitQueue } from '../vfs/waitQueue.ts';

const READABLE = EPOLLIN | EPOLLRDNORM;
const WRITABLE = EPOLLOUT | EPOLLWRNORM;

/** One of the two sockets. */
export interface LaneSide {
  lanes: StreamLanes | null;
  readonly waitQueue: WaitQueue;
  /** No state, flag or option changes what reading and writing are. */
  readonly isPlain: boolean;
  /** O_NONBLOCK. */
  readonly waitsNever: boolean;
  /** What it sends counts piece by piece against its buffer, and whoever waits for room hears of each that has been read. */
  readonly countsPieces: boolean;
  /** What it has not read, which is no longer in its queue; null: workers cannot have that. Nothing is lent to them. */
  handOver(): Uint8Array | null;
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
 * Two stream sockets that are connected, as far as workers may use them without the kernel (machine/channels.ts): each way is lent to them while
 * what is on it fits in the channel and neither socket has an option or flag that workers do not know. Who waits in the kernel for something to
 * read hears of it from the kernel, so writing is the kernel's then; reading is not. What the kernel does with a way begins with claiming it.
 */
export class StreamLanes {
  private readonly pair: LocalPair;
  private readonly sides: readonly [LaneSide, LaneSide];
  /** Of the ways to each side: Lent. */
  private readonly lent: [number, number] = [0, 0];
  private claiming = false;
  private closed = 0;

  constructor(pair: LocalPair, a: LaneSide, b: LaneSide) {
    this.pair = pair;
    this.sides = [a, b];
  }

  entryOf(side: LaneSide): number {
    return this.pair.entry(this.sides.indexOf(side));
  }

  private wayTo(side: LaneSide): 0 | 1 {
    return side === this.sides[0] ? 0 : 1;
  }

  /** Whoever is about to wait must not call this. */
  lend(): void {
    if (this.claiming || (this.lent[0] !== 0 && this.lent[1] !== 0) || !this.sides[0].isPlain || !this.sides[1].isPlain) return;
    this.lendWay(0);
    this.lendWay(1);
  }

  private lendWay(way: 0 | 1): void {
    const reader = this.sides[way], writer = this.sides[1 - way]!;
    if (this.lent[way] !== 0 || (writer.countsPieces && (writer.waitQueue.wants & WRITABLE) !== 0)) return;
    const bytes = reader.handOver();
    if (bytes === null) return;
    // Who never waits sees how many pieces fit: in the channel they become one.
    const mayWrite = (reader.waitQueue.wants & READABLE) === 0 && !(writer.countsPieces && writer.waitsNever);
    const lent = Lent.read | (mayWrite ? Lent.write : 0) | (reader.waitsNever ? Lent.noWait : 0);
    this.lent[way] = lent;
    this.pair.give(way, lent, bytes);
  }

  /** Whether what is to be read by `side` is the workers'. */
  isLentTo(side: LaneSide): boolean {
    return this.lent[this.wayTo(side)] !== 0;
  }

  isLentFrom(side: LaneSide): boolean {
    return this.lent[1 - this.wayTo(side)] !== 0;
  }

  claim(): void {
    this.claimWay(0);
    this.claimWay(1);
  }
  /** What `side` reads. */
  claimTo(side: LaneSide): void {
    this.claimWay(this.wayTo(side));
  }
  /** What it writes. */
  claimFrom(side: LaneSide): void {
    this.claimWay(side === this.sides[0] ? 1 : 0);
  }

  private claimWay(way: 0 | 1): void {
    if (this.lent[way] === 0) return;
    this.lent[way] = 0;
    const bytes = this.pair.takeBack(way), inside = this.claiming;
    if (bytes.length > 0) this.sides[way]!.arrive(bytes);
    // Their calls begin anew, and may take all there is; but who has claimed the way has it.
    this.claiming = true;
    this.pair.takeReaders(way);
    this.claiming = inside;
  }

  /** One side is closed. */
  sideCloses(): void {
    this.claim();
    if (++this.closed === 2) this.pair.close();
  }
}
