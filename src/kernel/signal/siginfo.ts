/** siginfo_t as the kernel thinks of it. Which fields mean something depends on signo and code (sigaction(2)). */
export interface Siginfo {
  signo: number;
  errno: number;
  /** SI_* or the signal's own codes. */
  code: number;
  /** SI_USER, SI_QUEUE, SI_TKILL, SIGCHLD, SI_MESGQ */
  pid: number;
  uid: number;
  /** SIGCHLD */
  status: number;
  utime: number;
  stime: number;
  /** si_value: both halves of the word */
  valueLo: number;
  valueHi: number;
  /** SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP: both halves of the address */
  addrLo: number;
  addrHi: number;
  /** SI_TIMER */
  timerId: number;
  overrun: number;
  /** SIGPOLL */
  band: number;
  fd: number;
  /** What rt_sigqueueinfo was given beyond what is above: the 128 bytes as they are. */
  raw: Uint8Array | null;
}

export function siginfo(signo: number, code: number, fields: Partial<Siginfo> = {}): Siginfo {
  return {
    signo, errno: 0, code, pid: 0, uid: 0, status: 0, utime: 0, stime: 0, valueLo: 0, valueHi: 0, addrLo: 0, addrHi: 0, timerId: 0, overrun: 0,
    band: 0, fd: 0, raw: null, ...fields,
  };
}
