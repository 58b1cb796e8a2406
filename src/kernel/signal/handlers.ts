import { SigSet } from './sigset.ts';

export const SIG_DFL = 0;
export const SIG_IGN = 1;

/** struct sigaction as the kernel keeps it. */
export interface SigAction {
  /** SIG_DFL, SIG_IGN or a guest address. */
  handler: number;
  /** SA_* bits. */
  flags: number;
  restorer: number;
  mask: SigSet;
}

export const defaultAction = (): SigAction => ({ handler: SIG_DFL, flags: 0, restorer: 0, mask: new SigSet() });

/** The dispositions of a process (sighand_struct): shared by CLONE_SIGHAND, copied by fork. Index = signal number. */
export class SignalHandlers {
  readonly actions: SigAction[] = Array.from({ length: 65 }, defaultAction);
  private users = 1;

  share(): this {
    this.users++;
    return this;
  }
  release(): void {
    this.users--;
  }
  get shared(): boolean {
    return this.users > 1;
  }

  copy(): SignalHandlers {
    const copy = new SignalHandlers();
    for (let sig = 1; sig <= 64; sig++) {
      const action = this.actions[sig]!;
      copy.actions[sig] = { ...action, mask: action.mask.copy() };
    }
    return copy;
  }

  /** execve: handlers become SIG_DFL, ignored signals stay ignored; flags and masks go (CLONE_CLEAR_SIGHAND: `all`). */
  reset(all: boolean): void {
    for (let sig = 1; sig <= 64; sig++) {
      const ignored = this.actions[sig]!.handler === SIG_IGN && !all;
      this.actions[sig] = { ...defaultAction(), handler: ignored ? SIG_IGN : SIG_DFL };
    }
  }
}
