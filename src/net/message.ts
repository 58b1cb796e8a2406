import type { FileDescription } from '../vfs/fileDescription.ts';

/** Who sent a message (struct ucred). */
export interface Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Control data of a message that is sent. */
export interface OutControl {
  /** SCM_RIGHTS: each holds a reference that the receiver takes over. */
  files: readonly FileDescription[];
  /** SCM_CREDENTIALS, when the sender gave some. */
  cred: Ucred | null;
  /** Messages of other levels (IP_PKTINFO, ...), not looked at yet. */
  others: readonly ControlMessage[];
}

export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** A message that is sent. Buffers are views of guest memory: use them at once. */
export interface Outgoing {
  bufs: readonly Uint8Array[];
  length: number;
  /** Where to: a socket address as the program gave it, or null. */
  name: Uint8Array | null;
  /** MSG_* */
  flags: number;
  /** Set to null by the socket that has taken it. */
  control: OutControl | null;
}

/** Where a received message goes, and what came with it. */
export class Incoming {
  bufs: readonly Uint8Array[];
  length: number;
  /** MSG_* as the program wants it. */
  readonly flags: number;
  /** MSG_* for msg_flags. */
  outFlags = 0;
  /** The sender's address; null: none to tell. */
  name: Uint8Array | null = null;
  /** Apart from credentials and descriptors, in the order in which Linux puts them. */
  control: ControlMessage[] = [];
  cred: Ucred | null = null;
  /** References that whoever asked takes over (or releases). */
  files: readonly FileDescription[] = [];
  /** A stream's data after this has other control data: MSG_WAITALL does not go on. */
  stop = false;

  constructor(bufs: readonly Uint8Array[], length: number, flags: number) {
    this.bufs = bufs;
    this.length = length;
    this.flags = flags;
  }

  /** For plain reads: nobody takes the descriptors. */
  dropFiles(): void {
    for (const file of this.files) file.release();
    this.files = [];
  }
}

/** Bits of Socket.shutdownBits. */
export const RCV_SHUTDOWN = 1;
export const SEND_SHUTDOWN = 2;
export const SHUTDOWN_MASK = 3;
