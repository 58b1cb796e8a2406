import type { FileDescription } from '../../vfs/fileDescription.ts';
import type { Ucred } from '../message.ts';

/** One message in a receive queue (Linux's sk_buff). */
export class Packet {
  readonly data: Uint8Array;
  /** Bytes that a stream's reader has taken. */
  at = 0;
  /** Whose send buffer it counts against. */
  readonly sender: PacketSender;
  /** The sender's name when it was sent. */
  readonly from: string | null;
  /** References in flight. */
  files: readonly FileDescription[];
  readonly cred: Ucred | null;
  /** What it counts. */
  readonly size: number;

  constructor(data: Uint8Array, sender: PacketSender, from: string | null, files: readonly FileDescription[], cred: Ucred | null, size: number) {
    this.data = data;
    this.sender = sender;
    this.from = from;
    this.files = files;
    this.cred = cred;
    this.size = size;
  }

  /** The descriptors, which are the caller's now. */
  takeFiles(): readonly FileDescription[] {
    const { files } = this;
    if (files.length === 0) return files;
    this.files = [];
    this.sender.arrived(files);
    return files;
  }

  /** It leaves the queue: room for its sender, and descriptors that nobody took are closed. */
  free(): void {
    for (const file of this.takeFiles()) file.release();
    this.sender.sent(this.size);
  }
}

export interface PacketSender {
  /** A packet of `size` has been read or dropped. */
  sent(size: number): void;
  /** Descriptors that it sent are in flight no longer. */
  arrived(files: readonly FileDescription[]): void;
}

const PAGE = 4096;
/** Linux puts this much of a message into the packet's head, the rest into pages. */
const HEAD = 3776;
/** A stream's data is cut into packets of at most this size. */
export const STREAM_PACKET = HEAD + 32768;

const pages = (n: number): number => Math.ceil(n / PAGE) * PAGE;
/** The slab sizes of the head, with the sk_buff. */
function headSize(n: number): number {
  for (let slab = 512; ; slab *= 2) if (n + 320 <= slab) return slab + 256;
}

/** What a stream packet of `length` bytes counts against SO_SNDBUF (truesize): programs see it as the capacity of a socket. */
export function streamPacketSize(length: number): number {
  const paged = Math.min(length, pages(Math.max(0, length - HEAD)));
  return headSize(length - paged) + pages(paged);
}

const MAX_LINEAR = 16064;
export function datagramPacketSize(length: number): number {
  const paged = Math.min(length, pages(Math.max(0, length - MAX_LINEAR)));
  return headSize(length - paged) + pages(paged);
}
