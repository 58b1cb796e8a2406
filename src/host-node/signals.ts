/** Signals sent to the emulator's own process go to the guest. */

/** Linux number; `group`: as from a terminal's key, to the whole foreground group. */
const forwarded: readonly [NodeJS.Signals, number, boolean][] = [
  ['SIGHUP', 1, true], ['SIGINT', 2, true], ['SIGQUIT', 3, true], ['SIGUSR1', 10, false], ['SIGUSR2', 12, false], ['SIGALRM', 14, false],
  ['SIGTERM', 15, false], ['SIGCONT', 18, true], ['SIGTSTP', 20, true], ['SIGWINCH', 28, true],
];

/** Begins to forward; the answer ends it. */
export function forwardSignals(send: (signo: number, group: boolean) => void): () => void {
  const listeners: [NodeJS.Signals, () => void][] = [];
  for (const [name, signo, group] of forwarded) {
    const listener = (): void => send(signo, group);
    try {
      process.on(name, listener);
      listeners.push([name, listener]);
    } catch {
      // Not a signal of this host.
    }
  }
  return () => {
    for (const [name, listener] of listeners) process.removeListener(name, listener);
  };
}
