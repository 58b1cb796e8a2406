import { EFAULT, EINVAL } from '../../abi/linux/errno.ts';
import { SIOCINQ, SIOCOUTQ } from '../../abi/linux/ioctl.ts';
import { SIOCATMARK } from '../../abi/linux/socket.ts';
import type { Abi } from '../../abi/abi.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import { RCV_SHUTDOWN, SEND_SHUTDOWN } from '../message.ts';
import { type TcpSocket, TcpState } from './tcpSocket.ts';

/** States by the kernel's numbers (include/net/tcp_states.h). */
export const TCP = { ESTABLISHED: 1, SYN_SENT: 2, FIN_WAIT2: 5, TIME_WAIT: 6, CLOSE: 7, CLOSE_WAIT: 8, LISTEN: 10 } as const;

/** For TCP_INFO, /proc/net/tcp and sock_diag(7). */
export function stateNumber({ state, shutdownBits }: TcpSocket): number {
  switch (state) {
    case TcpState.listening: return TCP.LISTEN;
    case TcpState.connecting: return TCP.SYN_SENT;
    case TcpState.close: return TCP.CLOSE;
    default:
      if (shutdownBits === 0) return TCP.ESTABLISHED;
      return shutdownBits === RCV_SHUTDOWN ? TCP.CLOSE_WAIT : shutdownBits === SEND_SHUTDOWN ? TCP.FIN_WAIT2 : TCP.TIME_WAIT;
  }
}

/** struct tcp_info: the state; what the host does not tell is as on a fresh connection over loopback. */
export function tcpInfo(s: TcpSocket, abi: Abi): Uint8Array {
  const out = new Uint8Array(abi.tcpInfo.size);
  abi.tcpInfo.write(out, {
    tcpi_state: stateNumber(s), tcpi_rto: 204000, tcpi_ato: 40000, tcpi_snd_mss: 32741, tcpi_rcv_mss: 536, tcpi_pmtu: 65535, tcpi_rtt: 100,
    tcpi_rttvar: 50, tcpi_snd_ssthresh: 0x7fffffff, tcpi_snd_cwnd: 10, tcpi_advmss: 65483, tcpi_rcv_space: 65495,
  });
  return out;
}

/** ioctl(2) of TCP sockets; null: not one of theirs. */
export function tcpRequest(s: TcpSocket, t: FileCaller, cmd: number, arg: number): number | null {
  const answer = (n: number): number => (t.memory.setU32(arg, n) ? 0 : -EFAULT);
  switch (cmd) {
    case SIOCINQ: return s.listening ? -EINVAL : answer(s.urgent.unread(s.incoming, s.isInline));
    case SIOCOUTQ: return s.listening ? -EINVAL : answer(s.link?.pending() ?? 0);
    case SIOCATMARK: return answer(s.urgent.atMark ? 1 : 0);
    default: return null;
  }
}
