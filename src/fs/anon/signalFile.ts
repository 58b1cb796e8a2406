import { EAGAIN, EINVAL } from '../../abi/linux/errno.ts';
import {
  SI_TIMER, SI_USER, SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGPOLL, SIGSEGV, SIGSYS, SIGTRAP,
} from '../../abi/linux/signal.ts';
import { EPOLLIN, EPOLLRDNORM } from '../../abi/linux/poll.ts';
import { O_RDWR } from '../../abi/linux/openFlags.ts';
import { x86_64 } from '../../abi/abi.ts';
import type { Siginfo } from '../../kernel/signal/siginfo.ts';
import { SigSet } from '../../kernel/signal/sigset.ts';
import type { Task } from '../../kernel/task/task.ts';
import { FileDescription, type FileCaller } from '../../vfs/fileDescription.ts';
import { anonPath } from './anonFs.ts';

// 128 bytes, the same on both ABIs.
const { signalfdSiginfo } = x86_64;
const SIGKILL = 9;
const SIGSTOP = 19;

/** signalfd(2): reads the signals that are pending for whoever reads it. */
export class SignalFile extends FileDescription {
  override readonly waitQueue;
  private readonly mask = new SigSet();

  constructor(t: Task, mask: SigSet, flags: number) {
    super(anonPath(t, '[signalfd]'), O_RDWR | flags, t.cred);
    this.waitQueue = t.kernel.signalQueue;
    this.setMask(mask);
  }

  setMask(mask: SigSet): void {
    this.mask.set(mask);
    this.mask.delete(SIGKILL);
    this.mask.delete(SIGSTOP);
    this.waitQueue.wake(EPOLLIN);
  }

  private take(t: Task): Siginfo | null {
    for (const pending of [t.pending, t.process.pending]) {
      const wanted = new SigSet(pending.set.lo & this.mask.lo, pending.set.hi & this.mask.hi);
      const sig = wanted.firstNotIn(new SigSet());
      if (sig !== 0) return pending.take(sig);
    }
    return null;
  }

  override read(buf: Uint8Array, t: FileCaller): number {
    if (buf.length < signalfdSiginfo.size) return -EINVAL;
    let at = 0;
    while (at + signalfdSiginfo.size <= buf.length) {
      const info = this.take(t as Task);
      if (info === null) break;
      writeSiginfo(buf, at, info);
      at += signalfdSiginfo.size;
    }
    return at > 0 ? at : -EAGAIN;
  }

  /** Seeking is allowed and does nothing. */
  override seek(): number {
    return this.pos;
  }

  override poll(t?: FileCaller): number {
    if (t === undefined) return 0;
    const task = t as Task;
    return task.pending.set.meets(this.mask) || task.process.pending.set.meets(this.mask) ? EPOLLIN | EPOLLRDNORM : 0;
  }

  override fdinfo(): string {
    return `sigmask:\t${this.mask.hi.toString(16).padStart(8, '0')}${this.mask.lo.toString(16).padStart(8, '0')}\n`;
  }
}

function writeSiginfo(buf: Uint8Array, at: number, info: Siginfo): void {
  const common = { ssi_signo: info.signo, ssi_errno: info.errno, ssi_code: info.code };
  const { signo, code } = info;
  let rest: Parameters<typeof signalfdSiginfo.write>[1];
  if (code === SI_TIMER) rest = { ssi_tid: info.timerId, ssi_overrun: info.overrun, ssi_int: info.valueLo };
  else if (code > SI_USER && [SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP].includes(signo)) rest = { ssi_addr: info.addrLo };
  else if (code > SI_USER && signo === SIGCHLD) rest = { ssi_pid: info.pid, ssi_uid: info.uid, ssi_status: info.status, ssi_utime: info.utime, ssi_stime: info.stime };
  else if (code > SI_USER && signo === SIGPOLL) rest = { ssi_band: info.band, ssi_fd: info.fd };
  else if (code > SI_USER && signo === SIGSYS) rest = { ssi_call_addr: info.addrLo };
  else rest = { ssi_pid: info.pid, ssi_uid: info.uid, ssi_int: info.valueLo };
  signalfdSiginfo.write(buf, { ...common, ...rest }, at);
  if ('ssi_addr' in rest) signalfdSiginfo.putHalves(buf, 'ssi_addr', info.addrLo, info.addrHi, at);
  else if (code <= SI_USER) signalfdSiginfo.putHalves(buf, 'ssi_ptr', info.valueLo, info.valueHi, at);
}
