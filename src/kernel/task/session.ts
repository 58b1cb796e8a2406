import type { Process } from './process.ts';

/** What a session's controlling terminal must be able to do; tty/ implements it. */
export interface ControllingTty {
  /** Device number, for /proc/PID/stat. */
  readonly dev: number;
  /** The session's leader has ended or given the terminal up (disassociate_ctty): hang up. `leaderExited` is false for TIOCNOTTY. */
  disassociate(session: Session, leaderExited: boolean): void;
  /** vhangup(2). */
  hangUp(leaderExited: boolean): void;
  /** Foreground process group id, 0 for none. */
  readonly foregroundGroup: number;
}

export class Session {
  readonly id: number;
  tty: ControllingTty | null = null;
  readonly groups = new Set<ProcessGroup>();
  constructor(id: number) {
    this.id = id;
  }
}

export class ProcessGroup {
  readonly id: number;
  readonly session: Session;
  readonly members = new Set<Process>();
  /** The emulator is a job of the host's shell, which continues the first process when it stops. */
  continuedByHost = false;
  constructor(id: number, session: Session) {
    this.id = id;
    this.session = session;
    session.groups.add(this);
  }

  /** No member has a parent in the same session but another group (POSIX: orphaned): then SIGTSTP and the like are not delivered. */
  get orphaned(): boolean {
    return this.orphanedBut(null);
  }

  /** The same, not counting `process`. */
  orphanedBut(process: Process | null): boolean {
    for (const member of this.members) {
      if (member === process || member.state !== 'alive') continue;
      const parent = member.parent;
      if (parent === null && this.continuedByHost) return false;
      if (parent !== null && parent.pid !== 1 && parent.session === this.session && parent.group !== this) return false;
    }
    return true;
  }
}
