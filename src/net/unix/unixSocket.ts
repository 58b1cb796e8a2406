import { EACCES, EADDRINUSE, ECONNREFUSED, EEXIST, EFAULT, EINVAL, ENODATA, EOPNOTSUPP, EPROTOTYPE } from '../../abi/linux/errno.ts';
import { SIOCINQ, SIOCOUTQ } from '../../abi/linux/ioctl.ts';
import { SO_PASSCRED, SO_PEERCRED, SO_PEERGROUPS, SO_PROTOCOL, SOL_SOCKET, AF_UNIX } from '../../abi/linux/socket.ts';
import { S_IFSOCK } from '../../abi/linux/fileMode.ts';
import { EPOLLOUT, EPOLLWRBAND, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import { ENOPROTOOPT, ENOTCONN } from '../../abi/linux/errno.ts';
import type { Abi } from '../../abi/abi.ts';
import { putU32 } from '../../abi/layout.ts';
import type { FileCaller, FileDescription } from '../../vfs/fileDescription.ts';
import { makeSocket } from '../../vfs/namespace.ts';
import type { Path, PathContext } from '../../vfs/path.ts';
import { inodePermission, MAY_WRITE } from '../../vfs/permission.ts';
import { Walk, walkPath } from '../../vfs/walk.ts';
import { Fifo } from '../fifo.ts';
import type { Ucred } from '../message.ts';
import type { NetStack } from '../netStack.ts';
import { intValue } from '../options.ts';
import { Socket } from '../socket.ts';
import type { LaneSide } from '../streamLanes.ts';
import type { Packet, PacketSender } from './packet.ts';
import { isAbstract, parseUnixAddress, unixAddressBytes } from './unixAddress.ts';

/**
 *   close --(listen)--> listening
 *   close --(connect, or accept's new one)--> established
 * A datagram socket is established while it has a default peer.
 */
export const UnixState = { close: 'close', listening: 'listening', established: 'established' } as const;
export type UnixStateName = (typeof UnixState)[keyof typeof UnixState];

const WRITABLE = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

/** What all Unix sockets have: names, credentials, the accounting of what they have sent. */
export abstract class UnixSocket extends Socket implements PacketSender {
  state: UnixStateName = UnixState.close;
  /** Its name, null while it has none. */
  name: string | null = null;
  private bound: Path | null = null;
  peer: UnixSocket | null = null;
  /** The last reference has gone. */
  dead = false;
  /** Of the other side, as it was at connect or listen. */
  peerCred: Ucred | null = null;
  peerGroups: readonly number[] = [];
  /** What it has received; looked at by `packets`. */
  protected readonly inbox = new Fifo<Packet>();
  /** References to it that are in messages. */
  inFlight = 0;
  protected unreadSize = 0;

  constructor(t: PathContext, net: NetStack, type: number, flags: number) {
    super(t, net, AF_UNIX, type, 0, flags);
    net.unixSockets.add(this);
  }

  /** The node of a file system that it is bound to; null: there is none. */
  get boundTo(): { readonly ino: number; readonly dev: number } | null {
    return this.bound?.inode.stat() ?? null;
  }

  get packets(): Fifo<Packet> {
    this.claimIncoming();
    return this.inbox;
  }
  /** Sum of the sizes of its packets that nobody has read. */
  get outstanding(): number {
    this.lanes?.claimFrom(this as unknown as LaneSide);
    return this.unreadSize;
  }
  set outstanding(size: number) {
    this.unreadSize = size;
  }

  override get listening(): boolean {
    return this.state === UnixState.listening;
  }
  /** Those of streams are asked nothing. */
  override get filtersPackets(): boolean {
    return true;
  }
  get passesCred(): boolean {
    return this.options.flag(SO_PASSCRED);
  }

  sent(size: number): void {
    this.outstanding -= size;
    if (this.mayWrite) this.waitQueue.wake(WRITABLE);
  }
  arrived(files: readonly FileDescription[]): void {
    for (const file of files) if (file instanceof UnixSocket) file.inFlight--;
  }
  /** References that go into a message. */
  departing(files: readonly FileDescription[]): void {
    for (const file of files) if (file instanceof UnixSocket) file.inFlight++;
  }
  /** Linux calls it writable while three quarters of the send buffer are free. */
  get mayWrite(): boolean {
    return this.state !== UnixState.listening && this.outstanding * 4 <= this.options.sndBuf;
  }

  dropPackets(): void {
    for (let packet = this.packets.shift(); packet !== undefined; packet = this.packets.shift()) packet.free();
  }

  override release(): void {
    super.release();
    if (this.inFlight > 0 && this.references === this.inFlight) this.net.lookForLost();
  }

  // ---- names ----

  override bind(address: Uint8Array, t: FileCaller): number {
    const name = parseUnixAddress(address, true);
    if (typeof name === 'number') return name;
    if (name === '') return this.name === null ? this.autobind() : 0;
    if (isAbstract(name)) {
      if (this.name !== null) return -EINVAL;
      return this.net.nameAbstract(this, name) ? 0 : -EADDRINUSE;
    }
    const made = makeSocket(t, name);
    if (typeof made === 'number') return made === -EEXIST ? -EADDRINUSE : made;
    if (this.name !== null) return -EINVAL;
    this.name = name;
    this.bound = made;
    made.inode.socket = this;
    return 0;
  }

  /** A free abstract name of five hexadecimal digits. */
  autobind(): number {
    this.net.nameFreely(this);
    return 0;
  }

  /** An accepted socket has its listener's name. */
  protected shareName(of: UnixSocket): void {
    this.name = of.name;
  }

  override localName(): Uint8Array {
    return unixAddressBytes(this.name);
  }
  override peerName(): Uint8Array | number {
    return this.peer === null ? -ENOTCONN : unixAddressBytes(this.peer.name);
  }

  /** The socket of this type that a name leads to, or -errno. */
  protected find(name: string, t: FileCaller): UnixSocket | number {
    if (isAbstract(name)) return this.net.findAbstract(this.type, name) ?? -ECONNREFUSED;
    const path = walkPath(t, null, name, Walk.follow);
    if (typeof path === 'number') return path;
    if (inodePermission(path.inode, MAY_WRITE, t.cred) < 0) return -EACCES;
    if (path.inode.type !== S_IFSOCK) return -ECONNREFUSED;
    const other = path.inode.socket as UnixSocket | null;
    if (other === null) return -ECONNREFUSED;
    return other.type === this.type ? other : -EPROTOTYPE;
  }

  // ---- options and requests ----

  credOf(t: FileCaller): Ucred {
    return { pid: t.tgid, uid: t.cred.uid, gid: t.cred.gid };
  }
  effectiveCredOf(t: FileCaller): Ucred {
    return { pid: t.tgid, uid: t.cred.euid, gid: t.cred.egid };
  }

  override setFamilyOption(): number {
    return -EOPNOTSUPP;
  }
  override getFamilyOption(level: number, name: number, abi: Abi): Uint8Array | number {
    if (level !== SOL_SOCKET) return -EOPNOTSUPP;
    switch (name) {
      case SO_PROTOCOL: return intValue(0);
      case SO_PEERCRED: {
        const out = new Uint8Array(abi.ucred.size);
        abi.ucred.write(out, this.peerCred ?? { pid: 0, uid: -1, gid: -1 });
        return out;
      }
      case SO_PEERGROUPS: {
        if (this.peerCred === null) return -ENODATA;
        const out = new Uint8Array(this.peerGroups.length * 4);
        for (const [i, gid] of this.peerGroups.entries()) putU32(out, i * 4, gid);
        return out;
      }
      default: return -ENOPROTOOPT;
    }
  }

  /** Bytes that a read would find (SIOCINQ, FIONREAD). */
  protected abstract unread(): number;
  /** How many connections nobody has accepted, and how many may wait. */
  get waiting(): { readonly count: number; readonly limit: number } {
    return { count: 0, limit: 0 };
  }
  get unreadBytes(): number {
    return this.unread();
  }

  override familyIoctl(t: FileCaller, cmd: number, arg: number): number | null {
    switch (cmd) {
      case SIOCINQ: {
        if (this.listening) return -EINVAL;
        return t.memory.setU32(arg, this.unread()) ? 0 : -EFAULT;
      }
      case SIOCOUTQ: return t.memory.setU32(arg, this.outstanding) ? 0 : -EFAULT;
      default: return null;
    }
  }

  protected override close(): void {
    this.dead = true;
    this.net.unixSockets.delete(this);
    this.net.forgetAbstract(this);
    if (this.bound !== null && this.bound.inode.socket === this) this.bound.inode.socket = null;
  }
}
