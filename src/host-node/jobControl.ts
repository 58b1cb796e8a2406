import { readFileSync } from 'node:fs';

/** This process as a job of the host's shell. */

/** Stops as by ^Z. The host ignores it where no shell could continue us (an orphaned process group); then this returns at once. */
export function stopByJobControl(): void {
  // Node resets a signal's disposition with its last listener.
  const listeners = process.listeners('SIGTSTP');
  process.removeAllListeners('SIGTSTP');
  try {
    process.kill(process.pid, 'SIGTSTP');
  } catch {
    // Not a signal of this host.
  }
  for (const listener of listeners) process.on('SIGTSTP', listener);
}

/** Whether our process group is the terminal's foreground group, as far as the host tells. */
export function inForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[5] === '-1' || fields[2] === fields[5];
  } catch {
    return true;
  }
}
