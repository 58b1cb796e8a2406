import { EACCES, EDOM, EINVAL, ENODATA, ENODEV, ENOENT, ENOPROTOOPT, EOPNOTSUPP, EPERM } from '../abi/linux/errno.ts';
import {
  AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, SO_ACCEPTCONN, SO_BINDTODEVICE, SO_BROADCAST, SO_BSDCOMPAT, SO_BUSY_POLL, SO_COOKIE, SO_DEBUG, SO_DOMAIN, SO_DONTROUTE, SO_ERROR,
  SO_INCOMING_CPU, SO_KEEPALIVE, SO_LINGER, SO_LOCK_FILTER, SO_MARK, SO_NO_CHECK, SO_OOBINLINE, SO_PASSCRED, SO_PASSSEC, SO_PEERNAME, SO_PRIORITY,
  SO_PROTOCOL, SO_RCVBUF, SO_RCVBUFFORCE, SO_RCVLOWAT, SO_RCVTIMEO_NEW, SO_RCVTIMEO_OLD, SO_REUSEADDR, SO_REUSEPORT, SO_RXQ_OVFL,
  SO_SELECT_ERR_QUEUE, SO_SNDBUF, SO_SNDBUFFORCE, SO_SNDLOWAT, SO_SNDTIMEO_NEW, SO_SNDTIMEO_OLD, SO_DETACH_FILTER, SO_TIMESTAMP, SO_TIMESTAMP_NEW, SO_TIMESTAMPING, SO_TIMESTAMPING_NEW, SO_TIMESTAMPNS_NEW, SO_WIFI_STATUS,
  SO_MEMINFO, SO_NETNS_COOKIE, SO_NOFCS, SO_PEERCRED, SO_TIMESTAMPNS, SO_TYPE, SO_ZEROCOPY,
  SO_BINDTOIFINDEX, SO_BPF_EXTENSIONS, SO_BUF_LOCK, SO_BUSY_POLL_BUDGET, SO_CNX_ADVICE, SO_INCOMING_NAPI_ID, SO_MAX_PACING_RATE, SO_PEERGROUPS, SO_PREFER_BUSY_POLL, SO_RCVMARK, SO_RESERVE_MEM, SO_TXREHASH, SO_TXTIME, SOCK_STREAM,
} from '../abi/linux/socket.ts';
import type { Abi } from '../abi/abi.ts';
import { getI32, getU32, putU32 } from '../abi/layout.ts';
import { latin1 } from '../machine/guestMemory.ts';
import { Cap, type Cred } from '../vfs/cred.ts';
import type { PacketFilter } from './packetFilter.ts';
import type { Socket } from './socket.ts';

/** net.core.{w,r}mem_default and _max, and the least that a buffer can be set to. */
export const MEM_DEFAULT = 212992;
const MEM_MAX = 4194304;
const MIN_SNDBUF = 4608;
const MIN_RCVBUF = 2304;

/** These change nothing for a plain read or write. */
const HARMLESS = new Set([SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE]);

/** Newer than the headers that socket.ts was made from. */
const SO_RCVPRIORITY = 82;

/** Numbers that are kept and told, with the range they have; nothing here has queues or routes on which they would tell. */
const RANGES: Readonly<Record<number, readonly [number, number]>> = {
  [SO_BINDTOIFINDEX]: [0, 0x7fffffff], [SO_BUF_LOCK]: [0, 3],
};
/** The same, but what is more than 0 takes a privilege. */
const PRIVILEGED = new Set([SO_PREFER_BUSY_POLL, SO_BUSY_POLL_BUDGET]);
/** All SOF_TIMESTAMPING_* flags. */
const TIMESTAMPING_MASK = 0x3ffff;
const SOF_TIMESTAMPING_OPT_ID = 0x80;
const SOF_TIMESTAMPING_OPT_ID_TCP = 0x10000;

/** What the options of level SOL_SOCKET have set. */
export class SocketOptions {
  sndBuf = MEM_DEFAULT;
  rcvBuf = MEM_DEFAULT;
  rcvLowat = 1;
  /** ns, Infinity: no limit. */
  rcvTimeoutNs = Infinity;
  sndTimeoutNs = Infinity;
  linger = { on: false, seconds: 0 };
  device = '';
  /** SO_ATTACH_FILTER */
  filter: PacketFilter | null = null;
  /** The options that are only an int, by number. */
  readonly ints = new Map<number, number>();

  flag(name: number): boolean {
    return (this.ints.get(name) ?? 0) !== 0;
  }
  /** Whether none changes what a plain read or write does. */
  get arePlain(): boolean {
    if (this.rcvLowat !== 1 || this.rcvTimeoutNs !== Infinity || this.sndTimeoutNs !== Infinity) return false;
    for (const [name, value] of this.ints) if (value !== 0 && !HARMLESS.has(name)) return false;
    return true;
  }
  int(name: number): number {
    return this.ints.get(name) ?? 0;
  }
  /** What an accepted socket takes over from its listener. */
  inherit(from: SocketOptions): void {
    this.sndBuf = from.sndBuf;
    this.rcvBuf = from.rcvBuf;
    this.rcvLowat = from.rcvLowat;
    this.rcvTimeoutNs = from.rcvTimeoutNs;
    this.sndTimeoutNs = from.sndTimeoutNs;
    this.linger = { ...from.linger };
    this.device = from.device;
    for (const [name, value] of from.ints) this.ints.set(name, value);
  }
}

/** Received with each packet: microseconds or nanoseconds, and (since 5.1) with 64-bit seconds on i386, too. */
const TIMESTAMPS: readonly number[] = [SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW];
/** Options that are 0 or 1. */
const FLAGS = new Set([
  SO_DEBUG, SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK, SO_REUSEPORT, SO_PASSCRED, SO_PASSSEC,
  ...TIMESTAMPS, SO_RCVMARK, SO_RCVPRIORITY, SO_RXQ_OVFL, SO_WIFI_STATUS, SO_SELECT_ERR_QUEUE, SO_ZEROCOPY, SO_LOCK_FILTER, SO_NOFCS,
]);
/** Options that keep any number. */
const NUMBERS = new Set([SO_PRIORITY, SO_MARK, SO_BUSY_POLL, SO_INCOMING_CPU]);

export function intValue(value: number): Uint8Array {
  const out = new Uint8Array(4);
  putU32(out, 0, value);
  return out;
}

/** Sets an option of SOL_SOCKET. 0 or -errno. */
export function setSocketOption(s: Socket, name: number, value: Uint8Array, abi: Abi, cred: Cred): number {
  const o = s.options;
  if (name === SO_BINDTODEVICE) return bindToDevice(s, value, cred);
  if (value.length < 4) return -EINVAL;
  const n = getI32(value, 0);
  if (FLAGS.has(name)) {
    const refused = refusedFlag(s, name, n, cred);
    if (refused !== 0) return refused;
    o.ints.set(name, n === 0 ? 0 : 1);
    // One form at a time: the last that was asked for.
    if (TIMESTAMPS.includes(name)) for (const other of TIMESTAMPS) if (other !== name) o.ints.set(other, 0);
    s.optionChanged(name);
    return 0;
  }
  if (name === SO_DETACH_FILTER) {
    if (o.flag(SO_LOCK_FILTER)) return -EPERM;
    const attached = o.filter !== null;
    o.filter = null;
    return attached ? 0 : -ENOENT;
  }
  if (NUMBERS.has(name)) return setNumber(s, name, n, cred);
  const rare = setRare(s, name, value, n, cred);
  if (rare !== null) return rare;
  switch (name) {
    case SO_SNDBUFFORCE: case SO_SNDBUF:
      if (name === SO_SNDBUFFORCE && !cred.hasIn(Cap.NET_ADMIN, s.net.userNs)) return -EPERM;
      o.sndBuf = Math.max(clampBuffer(n, name === SO_SNDBUFFORCE) * 2, MIN_SNDBUF);
      s.optionChanged(SO_SNDBUF);
      return 0;
    case SO_RCVBUFFORCE: case SO_RCVBUF:
      if (name === SO_RCVBUFFORCE && !cred.hasIn(Cap.NET_ADMIN, s.net.userNs)) return -EPERM;
      o.rcvBuf = Math.max(clampBuffer(n, name === SO_RCVBUFFORCE) * 2, MIN_RCVBUF);
      s.optionChanged(SO_RCVBUF);
      return 0;
    case SO_RCVLOWAT:
      o.rcvLowat = n < 0 ? 0x7fffffff : n === 0 ? 1 : n;
      return 0;
    case SO_LINGER:
      if (value.length < abi.linger.size) return -EINVAL;
      o.linger = { on: n !== 0, seconds: abi.linger.get(value, 'l_linger') };
      return 0;
    case SO_RCVTIMEO_OLD: case SO_RCVTIMEO_NEW: case SO_SNDTIMEO_OLD: case SO_SNDTIMEO_NEW: return setTimeout(o, name, value, abi);
    case SO_BSDCOMPAT: return 0;
    default: return -ENOPROTOOPT;
  }
}

/** Options that only few programs set; null: not one of them. */
function setRare(s: Socket, name: number, value: Uint8Array, n: number, cred: Cred): number | null {
  const { ints } = s.options;
  const kept = RANGES[name];
  if (kept !== undefined && (n < kept[0] || n > kept[1])) return -EINVAL;
  if (PRIVILEGED.has(name)) {
    if (name === SO_BUSY_POLL_BUDGET && (n < 0 || n > 0xffff)) return n < 0 ? -EINVAL : -EPERM;
    if (n !== 0 && !cred.hasIn(Cap.NET_ADMIN, s.net.userNs)) return -EPERM;
  }
  switch (name) {
    case SO_TIMESTAMPING: case SO_TIMESTAMPING_NEW:
      if ((n & ~TIMESTAMPING_MASK) !== 0) return -EINVAL;
      if ((n & (SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_ID_TCP)) === SOF_TIMESTAMPING_OPT_ID_TCP) return -EINVAL;
      // Bytes are counted from where the connection is.
      if ((n & SOF_TIMESTAMPING_OPT_ID) !== 0 && s.type === SOCK_STREAM && isInet(s) && typeof s.peerName() === 'number') return -EINVAL;
      break;
    case SO_BINDTOIFINDEX: s.options.device = s.net.interfaces().find((i) => i.index === n)?.name ?? ''; break;
    case SO_MAX_PACING_RATE: case SO_CNX_ADVICE: break;
    case SO_TXTIME:
      if (value.length !== 8 || getU32(value, 4) > 3) return -EINVAL;
      if (n !== 1 && !cred.hasIn(Cap.NET_ADMIN, s.net.userNs)) return -EPERM;
      ints.set(TXTIME_FLAGS, getU32(value, 4));
      break;
    case SO_TXREHASH:
      if (s.type !== SOCK_STREAM || !isInet(s)) return -EOPNOTSUPP;
      if (n < -1 || n > 1) return -EINVAL;
      n = n === -1 ? 1 : n;
      break;
    // No memory of sockets is accounted to a cgroup.
    case SO_RESERVE_MEM: return n < 0 ? -EINVAL : -EOPNOTSUPP;
    default: if (kept === undefined && !PRIVILEGED.has(name)) return null;
  }
  ints.set(name, name === SO_PREFER_BUSY_POLL ? Number(n !== 0) : n);
  return 0;
}
/** Where SO_TXTIME's second number is kept. */
const TXTIME_FLAGS = -SO_TXTIME;

function pair(first: number, second: number): Uint8Array {
  const out = new Uint8Array(8);
  putU32(out, 0, first);
  putU32(out, 4, second);
  return out;
}

/** undefined: not one of them. */
function getRare(s: Socket, name: number): Uint8Array | number | undefined {
  const { options } = s;
  switch (name) {
    case SO_TIMESTAMPING: case SO_TIMESTAMPING_NEW: return pair(options.int(name), 0);
    case SO_TXTIME: return pair(options.int(name), options.int(TXTIME_FLAGS));
    case SO_MAX_PACING_RATE: {
      const rate = options.ints.get(name) ?? -1;
      return pair(rate, rate === -1 ? -1 : 0);
    }
    // SKF_AD_MAX
    case SO_BPF_EXTENSIONS: return intValue(64);
    case SO_INCOMING_NAPI_ID: case SO_RESERVE_MEM: return intValue(0);
    case SO_TXREHASH: return s.type === SOCK_STREAM && isInet(s) ? intValue(options.ints.get(name) ?? 1) : -EOPNOTSUPP;
    case SO_PEERGROUPS: return -ENODATA;
    default: return name in RANGES || name === SO_PREFER_BUSY_POLL ? intValue(options.int(name)) : undefined;
  }
}

const isInet = (s: Socket): boolean => s.family === AF_INET || s.family === AF_INET6;
/** Only Unix and netlink sockets carry who sent something. */
const carriesSenders = (s: Socket): boolean => s.family === AF_UNIX || s.family === AF_NETLINK;

/** Flags that not everybody may set, or not on every kind of socket. */
function refusedFlag(s: Socket, name: number, n: number, cred: Cred): number {
  switch (name) {
    case SO_DEBUG: return n !== 0 && !cred.hasIn(Cap.NET_ADMIN, s.net.userNs) ? -EACCES : 0;
    case SO_REUSEPORT: return n !== 0 && !isInet(s) ? -EOPNOTSUPP : 0;
    case SO_PASSCRED: case SO_PASSSEC: return carriesSenders(s) ? 0 : -EOPNOTSUPP;
    case SO_ZEROCOPY: return !isInet(s) ? -EOPNOTSUPP : n < 0 || n > 1 ? -EINVAL : 0;
    case SO_LOCK_FILTER: return n === 0 && s.options.flag(SO_LOCK_FILTER) ? -EPERM : 0;
    default: return 0;
  }
}

/** A negative size counts as a huge one, except where the limit is lifted. */
function clampBuffer(n: number, force: boolean): number {
  if (force) return Math.max(0, Math.min(n, 0x3fffffff));
  return Math.min(n >>> 0, MEM_MAX);
}

function setNumber(s: Socket, name: number, n: number, cred: Cred): number {
  if (name === SO_PRIORITY && (n < 0 || n > 6) && !cred.hasIn(Cap.NET_ADMIN, s.net.userNs)) return -EPERM;
  if (name === SO_MARK && !cred.hasIn(Cap.NET_ADMIN, s.net.userNs)) return -EPERM;
  if (name === SO_BUSY_POLL && n < 0) return -EINVAL;
  s.options.ints.set(name, n);
  return 0;
}

function bindToDevice(s: Socket, value: Uint8Array, cred: Cred): number {
  const end = value.subarray(0, 15).indexOf(0);
  const device = latin1(value, 0, end < 0 ? Math.min(15, value.length) : end);
  if (s.options.device !== '' && !cred.hasIn(Cap.NET_RAW, s.net.userNs)) return -EPERM;
  if (device !== '' && !s.net.interfaces().some((i) => i.name === device)) return -ENODEV;
  s.options.device = device;
  return 0;
}

const isTime64 = (name: number): boolean => name === SO_RCVTIMEO_NEW || name === SO_SNDTIMEO_NEW;

function setTimeout(o: SocketOptions, name: number, value: Uint8Array, abi: Abi): number {
  let sec: number;
  let usec: number;
  if (isTime64(name)) {
    if (value.length < 16) return -EINVAL;
    sec = getI32(value, 4) * 4294967296 + getU32(value, 0);
    usec = getI32(value, 12) * 4294967296 + getU32(value, 8);
  } else {
    if (value.length < abi.timeval.size) return -EINVAL;
    sec = abi.timeval.get(value, 'tv_sec');
    usec = abi.timeval.get(value, 'tv_usec');
  }
  if (usec < 0 || usec >= 1e6) return -EDOM;
  const ns = sec < 0 ? 0 : sec === 0 && usec === 0 ? Infinity : sec * 1e9 + usec * 1e3;
  if (name === SO_RCVTIMEO_OLD || name === SO_RCVTIMEO_NEW) o.rcvTimeoutNs = ns;
  else o.sndTimeoutNs = ns;
  return 0;
}

function timeoutValue(ns: number, name: number, abi: Abi): Uint8Array {
  const whole = ns === Infinity ? 0 : ns;
  const sec = Math.floor(whole / 1e9);
  const usec = Math.floor((whole % 1e9) / 1e3);
  const out = new Uint8Array(isTime64(name) ? 16 : abi.timeval.size);
  if (isTime64(name)) {
    putU32(out, 0, sec);
    putU32(out, 8, usec);
  } else abi.timeval.write(out, { tv_sec: sec, tv_usec: usec });
  return out;
}

/** struct ucred of a peer that is nobody here. */
function nobody(): Uint8Array {
  const out = new Uint8Array(12).fill(255);
  putU32(out, 0, 0);
  return out;
}

/** SK_MEMINFO_* (SO_MEMINFO): of the nine numbers the limits are known. */
export function memoryInfo(o: SocketOptions): Uint8Array {
  const out = new Uint8Array(36);
  putU32(out, 4, o.rcvBuf);
  putU32(out, 12, o.sndBuf);
  return out;
}

/** The value of an option of SOL_SOCKET as the program's ABI has it; -errno. */
export function getSocketOption(s: Socket, name: number, abi: Abi): Uint8Array | number {
  const o = s.options;
  if ((name === SO_PASSCRED || name === SO_PASSSEC) && !carriesSenders(s)) return -EOPNOTSUPP;
  if (name === SO_INCOMING_CPU) return intValue(o.ints.get(name) ?? -1);
  if (FLAGS.has(name) || NUMBERS.has(name)) return intValue(o.int(name));
  const rare = getRare(s, name);
  if (rare !== undefined) return rare;
  switch (name) {
    case SO_TYPE: return intValue(s.type);
    case SO_DOMAIN: return intValue(s.family);
    case SO_PROTOCOL: return intValue(s.protocol);
    case SO_ERROR: return intValue(s.takeError());
    case SO_ACCEPTCONN: return intValue(s.listening ? 1 : 0);
    case SO_SNDBUF: return intValue(o.sndBuf);
    case SO_RCVBUF: return intValue(o.rcvBuf);
    case SO_RCVLOWAT: return intValue(o.rcvLowat);
    case SO_SNDLOWAT: return intValue(1);
    case SO_BSDCOMPAT: return intValue(0);
    case SO_LINGER: {
      const out = new Uint8Array(abi.linger.size);
      abi.linger.write(out, { l_onoff: o.linger.on ? 1 : 0, l_linger: o.linger.seconds });
      return out;
    }
    case SO_RCVTIMEO_OLD: case SO_RCVTIMEO_NEW: return timeoutValue(o.rcvTimeoutNs, name, abi);
    case SO_SNDTIMEO_OLD: case SO_SNDTIMEO_NEW: return timeoutValue(o.sndTimeoutNs, name, abi);
    case SO_PEERNAME: return s.peerName();
    case SO_PEERCRED: return nobody();
    case SO_MEMINFO: return memoryInfo(o);
    case SO_NETNS_COOKIE: {
      const out = new Uint8Array(8);
      putU32(out, 0, s.net.cookie);
      return out;
    }
    case SO_COOKIE: {
      const out = new Uint8Array(8);
      putU32(out, 0, s.inode.stat().ino);
      return out;
    }
    case SO_BINDTODEVICE: {
      const { device } = o;
      return device === '' ? new Uint8Array(0) : Uint8Array.from(`${device}\0`, (c) => c.charCodeAt(0));
    }
    default: return -ENOPROTOOPT;
  }
}
