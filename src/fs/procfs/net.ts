import { file, text, type MakeNode } from './nodes.ts';

const LOOPBACK = '    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n';
const SOCKET_HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const SOCKET6_HEADER = '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

/** /proc/net: the tables of the network stack. Sockets belong to the host, so their tables are empty. */
export function netTable(): Record<string, MakeNode> {
  const datagram = ' ref pointer drops\n';
  return {
    arp: text('IP address       HW type     Flags       HW address            Mask     Device\n'),
    dev: text(`Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n${LOOPBACK}`),
    if_inet6: text('00000000000000000000000000000001 01 80 10 80       lo\n'),
    netlink: text('sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n'),
    packet: text('sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n'),
    protocols: text('protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh gp em\n'),
    raw: text(`${SOCKET_HEADER}${datagram}`),
    raw6: text(`${SOCKET6_HEADER}${datagram}`),
    route: text('Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n'),
    sockstat: text('sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n'),
    tcp: file(() => `${SOCKET_HEADER}`.padEnd(149) + '\n'),
    tcp6: file(() => `${SOCKET6_HEADER}\n`),
    udp: text(`${SOCKET_HEADER}${datagram}`),
    udp6: text(`${SOCKET6_HEADER}${datagram}`),
    unix: text('Num       RefCount Protocol Flags    Type St Inode Path\n'),
  };
}
