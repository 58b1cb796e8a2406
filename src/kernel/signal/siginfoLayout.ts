import type { Abi } from '../../abi/abi.ts';
import { SI_QUEUE, SI_TIMER, SI_TKILL, SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP } from '../../abi/linux/signal.ts';
import { siginfo, type Siginfo } from './siginfo.ts';

const NSIGPOLL = 6;
const FAULTS = new Set<number>([SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP]);

/** Writes siginfo_t (128 bytes): the union member that signo and code choose (signal.c, siginfo_layout). */
export function writeSiginfo(abi: Abi, buf: Uint8Array, info: Siginfo): void {
  const layout = abi.siginfo;
  if (info.raw !== null) {
    buf.set(info.raw.subarray(0, layout.size));
    layout.put(buf, 'si_signo', info.signo);
    layout.put(buf, 'si_errno', info.errno);
    layout.put(buf, 'si_code', info.code);
    return;
  }
  layout.write(buf, { si_signo: info.signo, si_errno: info.errno, si_code: info.code });
  if (info.code === SI_TIMER) {
    layout.update(buf, { si_tid: info.timerId, si_overrun: info.overrun });
    layout.putHalves(buf, 'si_timer_value', info.valueLo, info.valueHi);
  } else if (info.code > 0 && info.code < 0x80 && FAULTS.has(info.signo)) {
    layout.putHalves(buf, 'si_addr', info.addrLo, info.addrHi);
  } else if (info.code > 0 && info.code < 0x80 && info.signo === SIGCHLD) {
    layout.update(buf, { si_pid: info.pid, si_uid: info.uid, si_status: info.status, si_utime: info.utime, si_stime: info.stime });
  } else if (info.code > 0 && info.code <= NSIGPOLL && info.signo !== SIGSYS) {
    // SIGPOLL, or whatever signal F_SETSIG put in its place.
    layout.update(buf, { si_band: info.band, si_fd: info.fd });
  } else if (info.code > 0 && info.code < 0x80 && info.signo === SIGSYS) {
    layout.putHalves(buf, 'si_call_addr', info.addrLo, info.addrHi);
    layout.update(buf, { si_syscall: info.status, si_arch: info.band });
  } else if (info.code === SI_TKILL || info.code === 0) {
    layout.update(buf, { si_pid: info.pid, si_uid: info.uid });
  } else if (info.code < 0) {
    layout.update(buf, { si_pid: info.pid, si_uid: info.uid });
    layout.putHalves(buf, 'si_value', info.valueLo, info.valueHi);
  }
}

/** What a program passes to rt_sigqueueinfo and pidfd_send_signal; kept whole so that the receiver gets the same bytes. */
export function readSiginfo(abi: Abi, buf: Uint8Array): Siginfo {
  const layout = abi.siginfo;
  const code = layout.get(buf, 'si_code');
  const info = siginfo(layout.get(buf, 'si_signo'), code, {
    errno: layout.get(buf, 'si_errno'), pid: layout.get(buf, 'si_pid'), uid: layout.get(buf, 'si_uid'),
    valueLo: layout.lo(buf, 'si_value'), valueHi: layout.hi(buf, 'si_value'),
  });
  if (code === SI_TIMER) {
    info.timerId = layout.get(buf, 'si_tid');
    info.overrun = layout.get(buf, 'si_overrun');
  }
  if (code !== SI_QUEUE && code >= 0) info.raw = buf.slice(0, layout.size);
  return info;
}
