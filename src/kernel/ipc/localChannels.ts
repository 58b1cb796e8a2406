import { CHANNELS, type Channels, COUNTERS, End, FD_MAPS, FIRST_COUNTER, mapEntry, PAIRS } from '../../machine/channels.ts';
import type { EventCounters } from '../../machine/eventCounters.ts';
import type { Guests } from '../guests.ts';

/** A channel (machine/channels.ts) that a pipe has. */
export class LocalChannel {
  private readonly owner: LocalChannels;
  readonly number: number;

  constructor(owner: LocalChannels, number: number) {
    this.owner = owner;
    this.number = number;
  }

  /** What workers know an end by. */
  entry(readable: boolean): number {
    return mapEntry(this.number, readable ? End.read : End.write);
  }
  /** The workers' as far as `lent` says (Lent), with these bytes, which begin at `offset` in the page. */
  give(lent: number, bytes: Uint8Array | null, offset: number): void {
    this.owner.channels.give(this.number, lent, bytes, offset);
  }
  takeBack(): { readonly offset: number; readonly bytes: Uint8Array } {
    return this.owner.channels.takeBack(this.number);
  }
  /** Readers that wait in their workers are parked. Precondition: takeBack(), and the pipe is ready to be read. */
  takeReaders(): void {
    this.owner.takeReaders(this.number);
  }
  close(): void {
    this.owner.close(this.number);
  }
}

/** Two channels, there and back, that a pair of sockets has; `side` is 0 or 1. */
export class LocalPair {
  private readonly owner: LocalChannels;
  readonly number: number;

  constructor(owner: LocalChannels, number: number) {
    this.owner = owner;
    this.number = number;
  }

  entry(side: number): number {
    return mapEntry(this.number + side, End.both);
  }
  /** The way to `side`, on which these bytes are, becomes the workers' as far as `lent` says (Lent). */
  give(side: number, lent: number, bytes: Uint8Array | null): void {
    this.owner.channels.give(this.number + side, lent, bytes);
  }
  /** What `side` has not read. */
  takeBack(side: number): Uint8Array {
    return this.owner.channels.takeBack(this.number + side).bytes;
  }
  takeReaders(side: number): void {
    this.owner.takeReaders(this.number + side);
  }
  close(): void {
    this.owner.closePair(this.number);
  }
}

/** What an eventfd has. */
export class LocalCounter {
  private readonly owner: LocalChannels;
  private readonly number: number;

  constructor(owner: LocalChannels, number: number) {
    this.owner = owner;
    this.number = number;
  }

  get entry(): number {
    return mapEntry(this.number, End.read);
  }
  /** Workers may use it as far as `lent` says (Lent). */
  give(lent: number, lo: number, hi: number, semaphore: boolean): void {
    this.owner.counters.give(this.number, lent, lo, hi, semaphore);
  }
  takeBack(): { readonly lo: number; readonly hi: number } {
    return this.owner.counters.takeBack(this.number);
  }
  takeReaders(): void {
    this.owner.takeReaders(this.number);
  }
  close(): void {
    this.owner.closeCounter(this.number);
  }
}

/** Which channels there are, and which maps of descriptors. */
export class LocalChannels {
  readonly channels: Channels;
  readonly counters: EventCounters;
  private readonly guests: Guests;
  private readonly closed: number[] = [];
  private opened = 0;
  private readonly closedPairs: number[] = [];
  private openedPairs = 0;
  private readonly closedCounters: number[] = [];
  private openedCounters = 0;
  private readonly freeMaps: number[] = [];
  private maps = 0;

  constructor(channels: Channels, counters: EventCounters, guests: Guests) {
    this.channels = channels;
    this.counters = counters;
    this.guests = guests;
  }

  /** null: there are no more. */
  open(): LocalChannel | null {
    const number = this.closed.pop() ?? (this.opened < CHANNELS ? this.opened++ : -1);
    return number < 0 ? null : new LocalChannel(this, number);
  }
  close(number: number): void {
    this.closed.push(number);
  }
  openPair(): LocalPair | null {
    const number = this.closedPairs.pop() ?? (this.openedPairs < PAIRS ? CHANNELS + 2 * this.openedPairs++ : -1);
    return number < 0 ? null : new LocalPair(this, number);
  }
  closePair(number: number): void {
    this.closedPairs.push(number);
  }
  openCounter(): LocalCounter | null {
    const number = this.closedCounters.pop() ?? (this.openedCounters < COUNTERS ? FIRST_COUNTER + this.openedCounters++ : -1);
    return number < 0 ? null : new LocalCounter(this, number);
  }
  closeCounter(number: number): void {
    this.closedCounters.push(number);
  }
  takeReaders(number: number): void {
    for (let slot = this.channels.firstReader(number); slot >= 0; slot = this.channels.firstReader(number)) this.guests.takeOverSlot(slot);
  }

  /** A map for a descriptor table, all 0; 0: there are no more. */
  openMap(): number {
    return this.freeMaps.pop() ?? (this.maps < FD_MAPS ? ++this.maps : 0);
  }
  /** Precondition: it is all 0. */
  closeMap(map: number): void {
    if (map !== 0) this.freeMaps.push(map);
  }
  setEntry(map: number, fd: number, entry: number): void {
    if (map !== 0) this.channels.setEntry(map, fd, entry);
  }
}
