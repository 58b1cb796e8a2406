import type { Task } from '../../kernel/task/task.ts';
import { file, text, type MakeNode } from './nodes.ts';

/** What the network says of itself; boot joins it to procfs. */
export interface NetTables {
  tcp(): string;
  tcp6(): string;
  udp(): string;
  udp6(): string;
  udpLite(): string;
  udpLite6(): string;
  unix(): string;
  dev(): string;
  ifInet6(): string;
  route(): string;
}

type TablesOf = (t: Task) => NetTables;
const tablesOf = new WeakMap<object, TablesOf>();

export function installNetTables(kernel: object, tables: TablesOf): void {
  tablesOf.set(kernel, tables);
}

const table = (name: keyof NetTables): MakeNode => file((t) => tablesOf.get(t.kernel)?.(t)[name]() ?? '');

const SOCKET_HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const SOCKET6_HEADER = '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

/** /proc/net: the tables of the network stack. */
export function netTable(): Record<string, MakeNode> {
  const datagram = ' ref pointer drops\n';
  return {
    arp: text('IP address       HW type     Flags       HW address            Mask     Device\n'),
    dev: table('dev'),
    if_inet6: table('ifInet6'),
    netlink: text('sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n'),
    packet: text('sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n'),
    protocols: text('protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh gp em\n'),
    raw: text(`${SOCKET_HEADER}${datagram}`),
    raw6: text(`${SOCKET6_HEADER}${datagram}`),
    route: table('route'),
    sockstat: text('sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n'),
    tcp: table('tcp'),
    tcp6: table('tcp6'),
    udp: table('udp'),
    udp6: table('udp6'),
    udplite: table('udpLite'),
    udplite6: table('udpLite6'),
    unix: table('unix'),
  };
}
