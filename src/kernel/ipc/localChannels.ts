import { CHANNELS, type Channels, End, FD_MAPS, mapEntry } from '../../machine/channels.ts';
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
  give(): void {
    this.owner.channels.give(this.number);
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

/** Which channels there are, and which maps of descriptors. */
export class LocalChannels {
  readonly channels: Channels;
  private readonly guests: Guests;
  private readonly closed: number[] = [];
  private opened = 0;
  private readonly freeMaps: number[] = [];
  private maps = 0;

  constructor(channels: Channels, guests: Guests) {
    this.channels = channels;
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
