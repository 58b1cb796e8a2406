import { constants } from 'node:os';
import type { RunResult } from '../boot/options.ts';

/** Linux signal numbers by name differ from other hosts' above SIGTERM, so the name goes between. */
const linuxSignals =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS';
const names = linuxSignals.split(' ').map((name) => `SIG${name}`);

/** Ends this process as the first program ended: the same exit status, or on POSIX the same signal. */
export function endLike(result: RunResult): never {
  if ('code' in result) process.exit(result.code);
  const name = names[result.signal - 1];
  if (process.platform !== 'win32' && name !== undefined && name in constants.signals) {
    const signal = name as NodeJS.Signals;
    try {
      // Coming and going, a listener leaves the default action behind, whatever was set before (Node ignores SIGPIPE).
      if (signal !== 'SIGKILL' && signal !== 'SIGSTOP') process.on(signal, () => {}).removeAllListeners(signal);
      process.kill(process.pid, signal);
    } catch {
      // Not a signal of this host.
    }
  }
  process.exit(128 + result.signal);
}
