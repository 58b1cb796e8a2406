import { expect, test } from 'vitest';
import { EPOLLIN, EPOLLOUT } from '../abi/linux/poll.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { Lent } from '../machine/channels.ts';
import { ClaimingQueue } from '../vfs/waitQueue.ts';
import { type LaneSide, openLanes, type StreamLanes } from './streamLanes.ts';

class Side implements LaneSide {
  lanes: StreamLanes | null = null;
  readonly waitQueue = new ClaimingQueue(() => this.lanes?.claim());
  isPlain = true;
  waitsNever = false;
  countsPieces = false;
  unread: number[] = [];
  handOver(): Uint8Array | null {
    return this.unread.length > 3 ? null : Uint8Array.from(this.unread.splice(0));
  }
  arrive(bytes: Uint8Array): void {
    this.unread.push(...bytes);
  }
}

/** What workers have: by way, how it is lent and what is on it. */
class Ways {
  readonly lent = [0, 0];
  readonly page: number[][] = [[], []];
  give(way: number, lent: number, bytes: Uint8Array | null): void {
    this.lent[way] = lent;
    this.page[way] = [...(bytes ?? [])];
  }
  takeBack(way: number): Uint8Array {
    this.lent[way] = 0;
    return Uint8Array.from(this.page[way]!.splice(0));
  }
  takeReaders(): void {}
  entry(): number {
    return 1;
  }
  close(): void {}
}

function world(change: (a: Side, b: Side) => void = () => {}): { a: Side; b: Side; ways: Ways } {
  const a = new Side(), b = new Side(), ways = new Ways();
  change(a, b);
  openLanes({ channels: { openPair: () => ways } } as unknown as Kernel, a, b);
  return { a, b, ways };
}

const BOTH = Lent.read | Lent.write;
const hears = (wants: number): { wants: number; onWake: () => void } => ({ wants, onWake: () => {} });

test('who polls for something to read hears of it from the kernel; reading, and the other way, are the workers\'', () => {
  const { a, b, ways } = world(), waiter = hears(EPOLLIN);
  expect(ways.lent).toEqual([BOTH, BOTH]);
  ways.page[1]!.push(7);
  b.waitQueue.add(waiter);
  expect([ways.lent, b.unread]).toEqual([[0, 0], [7]]);
  a.lanes!.lend();
  expect([ways.lent, ways.page[1], b.unread]).toEqual([[BOTH, Lent.read], [7], []]);
  a.lanes!.claimFrom(a);
  expect([ways.lent, b.unread]).toEqual([[BOTH, 0], [7]]);
  b.waitQueue.remove(waiter);
  a.lanes!.lend();
  expect(ways.lent).toEqual([BOTH, BOTH]);
});

test('what somebody wants to hear of is asked again when that changes', () => {
  const { a, b, ways } = world();
  const waiter = { wants: 0, onWake: () => {} };
  b.waitQueue.add(waiter);
  a.lanes!.lend();
  expect(ways.lent).toEqual([BOTH, BOTH]);
  b.waitQueue.reconsider();
  waiter.wants = EPOLLIN;
  a.lanes!.lend();
  expect(ways.lent).toEqual([BOTH, Lent.read]);
});

test('a reader that does not wait is told so', () => {
  const { ways } = world((_, b) => (b.waitsNever = true));
  expect(ways.lent).toEqual([BOTH, BOTH | Lent.noWait]);
});

test('more than workers can have stays the kernel\'s, on that way alone', () => {
  const { ways } = world((_, b) => b.unread.push(1, 2, 3, 4));
  expect(ways.lent).toEqual([BOTH, 0]);
});

test('where pieces are counted nobody writes who never waits, and no way is lent whose writer hears of room', () => {
  const pieces = (a: Side, b: Side): void => void (a.countsPieces = b.countsPieces = true);
  const { ways } = world((a, b) => {
    pieces(a, b);
    a.waitsNever = true;
  });
  expect(ways.lent).toEqual([BOTH | Lent.noWait, Lent.read]);
  const other = world(pieces);
  other.a.waitQueue.add(hears(EPOLLOUT));
  other.a.lanes!.lend();
  expect(other.ways.lent).toEqual([BOTH, 0]);
});
