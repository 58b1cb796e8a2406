import { EADDRNOTAVAIL, EINVAL, ENOBUFS } from '../../abi/linux/errno.ts';
import {
  AF_INET, AF_INET6, IP_ADD_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE, IP_DROP_SOURCE_MEMBERSHIP, IP_MSFILTER, IP_UNBLOCK_SOURCE, MCAST_BLOCK_SOURCE, MCAST_EXCLUDE, MCAST_INCLUDE,
  MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, MCAST_UNBLOCK_SOURCE, SOL_IP,
} from '../../abi/linux/socket.ts';
import { getU16, getU32 } from '../../abi/layout.ts';
import { ipText } from './ip.ts';

/** net.ipv4.igmp_max_msf and net.ipv6.mld_max_msf */
const MOST_SOURCES = { v4: 10, v6: 64 };
const STORAGE = 128;
/** Stands for every source. */
export const EVERY = '*';
const ALL: ReadonlySet<string> = new Set([EVERY]);
const NONE: ReadonlySet<string> = new Set();

/** From whom a socket takes a group's datagrams: from all but some, or only from some (RFC 3678). */
export class SourceFilter {
  only: boolean;
  sources: ReadonlySet<string> = new Set();

  constructor(only: boolean) {
    this.only = only;
  }
  allows(source: string): boolean {
    return this.sources.has(source) === this.only;
  }

  /** What the host's socket has to join: these sources, or the group as a whole (ALL). */
  get hostJoins(): ReadonlySet<string> {
    return this.only ? this.sources : ALL;
  }

  /** One more or one less; 0, -errno, or LEAVE: the last of the only ones has gone (ip_mc_source). */
  change(source: string, only: boolean, adds: boolean, most: number): number {
    if (this.only !== only) {
      if (this.sources.size > 0) return -EINVAL;
      this.only = only;
    }
    const has = this.sources.has(source);
    if (has === adds) return -EADDRNOTAVAIL;
    if (adds) {
      if (this.sources.size >= most) return -ENOBUFS;
      this.sources = new Set([...this.sources, source]);
      return 0;
    }
    if (only && this.sources.size === 1) return LEAVE;
    this.sources = new Set([...this.sources].filter((one) => one !== source));
    return 0;
  }
}

export const LEAVE = 1;
/** What no membership joins. */
export const nothing = NONE;

/** A wish about one source of a group. */
export interface SourceWish {
  readonly group: string;
  readonly source: string;
  readonly index: number;
  /** The address of the interface, where it is not named by its index. */
  readonly own: string;
  readonly only: boolean;
  readonly adds: boolean;
  readonly most: number;
}

const OPERATIONS: Readonly<Record<number, { readonly only: boolean; readonly adds: boolean }>> = {
  [IP_ADD_SOURCE_MEMBERSHIP]: { only: true, adds: true }, [MCAST_JOIN_SOURCE_GROUP]: { only: true, adds: true },
  [IP_DROP_SOURCE_MEMBERSHIP]: { only: true, adds: false }, [MCAST_LEAVE_SOURCE_GROUP]: { only: true, adds: false },
  [IP_BLOCK_SOURCE]: { only: false, adds: true }, [MCAST_BLOCK_SOURCE]: { only: false, adds: true },
  [IP_UNBLOCK_SOURCE]: { only: false, adds: false }, [MCAST_UNBLOCK_SOURCE]: { only: false, adds: false },
};
const isOldForm = (name: number): boolean => name < MCAST_JOIN_SOURCE_GROUP && name !== MCAST_BLOCK_SOURCE && name !== MCAST_UNBLOCK_SOURCE;

/** null: not an option about sources. */
export function parseSourceWish(level: number, name: number, value: Uint8Array): SourceWish | number | null {
  const operation = OPERATIONS[name];
  if (operation === undefined || (level !== SOL_IP && isOldForm(name))) return null;
  const none = { index: 0, own: '0.0.0.0' };
  if (isOldForm(name)) {
    if (value.length !== 12) return -EINVAL;
    return { ...operation, ...none, group: ipText(value.subarray(0, 4)), own: ipText(value.subarray(4, 8)), source: ipText(value.subarray(8, 12)), most: MOST_SOURCES.v4 };
  }
  // struct group_source_req: an index, then two sockaddr_storage at their alignment.
  if (value.length < 4 + 2 * STORAGE) return -EINVAL;
  const at = value.length >= 8 + 2 * STORAGE ? 8 : 4, family = level === SOL_IP ? AF_INET : AF_INET6;
  const address = (from: number): string => ipText(family === AF_INET6 ? value.subarray(from + 8, from + 24) : value.subarray(from + 4, from + 8));
  if (getU16(value, at) !== family || getU16(value, at + STORAGE) !== family) return -EADDRNOTAVAIL;
  return { ...operation, ...none, index: getU32(value, 0), group: address(at), source: address(at + STORAGE), most: family === AF_INET ? MOST_SOURCES.v4 : MOST_SOURCES.v6 };
}

/** IP_MSFILTER: a whole filter at once. null: another option. */
export function parseWholeFilter(level: number, name: number, value: Uint8Array): { group: string; own: string; filter: SourceFilter } | number | null {
  if (level !== SOL_IP || name !== IP_MSFILTER) return null;
  if (value.length < 16) return -EINVAL;
  const mode = getU32(value, 8), count = getU32(value, 12);
  if (count > MOST_SOURCES.v4) return -ENOBUFS;
  if (value.length < 16 + 4 * count || (mode !== MCAST_INCLUDE && mode !== MCAST_EXCLUDE)) return -EINVAL;
  const filter = new SourceFilter(mode === MCAST_INCLUDE);
  filter.sources = new Set(Array.from({ length: count }, (_, i) => ipText(value.subarray(16 + 4 * i, 20 + 4 * i))));
  return { group: ipText(value.subarray(0, 4)), own: ipText(value.subarray(4, 8)), filter };
}
