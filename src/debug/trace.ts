/** --trace: what guests do, in strace's format, written by observers in the kernel's hook slots. */
import { O_CREAT, O_TMPFILE_BIT } from '../abi/linux/openFlags.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Siginfo } from '../kernel/signal/siginfo.ts';
import type { SyscallEntry } from '../kernel/task/syscallTable.ts';
import type { Task } from '../kernel/task/task.ts';
import type { ArgKind, RetKind, SyscallRow } from '../syscalls/row.ts';
import { errorResult } from './errorText.ts';
import { type ArgFormat, argFormats, hex, plain, signalName } from './formatArgs.ts';
import type { TraceItem } from './traceItems.ts';

/** Column of the equals sign. */
const RESULT_COLUMN = 40;

/** Results only the kernel sees: the call will be restarted, or not, when the signal is delivered. */
const restarts: Record<number, string> = {
  512: '? ERESTARTSYS (To be restarted if SA_RESTART is set)',
  513: '? ERESTARTNOINTR (To be restarted)',
  514: '? ERESTARTNOHAND (To be restarted if no handler)',
  516: '? ERESTART_RESTARTBLOCK (Interrupted by signal)',
};

const siCodes: Record<number, string> = { 0: 'SI_USER', 128: 'SI_KERNEL', [-1]: 'SI_QUEUE', [-2]: 'SI_TIMER', [-6]: 'SI_TKILL' };
const faultCodes: Record<number, readonly string[]> = {
  4: ['ILL_ILLOPC', 'ILL_ILLOPN'],
  5: ['TRAP_BRKPT', 'TRAP_TRACE'],
  7: ['BUS_ADRALN', 'BUS_ADRERR'],
  8: ['FPE_INTDIV', 'FPE_INTOVF', 'FPE_FLTDIV', 'FPE_FLTOVF', 'FPE_FLTUND', 'FPE_FLTRES', 'FPE_FLTINV'],
  11: ['SEGV_MAPERR', 'SEGV_ACCERR'],
  17: ['CLD_EXITED', 'CLD_KILLED', 'CLD_DUMPED', 'CLD_TRAPPED', 'CLD_STOPPED', 'CLD_CONTINUED'],
};

/** The line of a call that is not over, by task. */
type Begun = { text: string; shown: number; printed: boolean };

export class Trace {
  readonly #kernel: Kernel;
  readonly #write: (text: string) => void;
  readonly #rows = new Map<SyscallEntry['handler'], SyscallRow>();
  readonly #time: boolean;
  readonly #startNs: number;
  readonly #begun = new Map<Task, Begun>();
  /** Whose unfinished line the output ends with. */
  #partial: Task | null = null;
  #several = false;

  constructor(kernel: Kernel, rows: readonly SyscallRow[], items: ReadonlySet<TraceItem>, write: (text: string) => void) {
    this.#kernel = kernel;
    this.#write = write;
    this.#time = items.has('time');
    this.#startNs = kernel.nowNs();
    for (const row of rows) this.#rows.set(row.handler, row);
    this.#hook(items);
  }

  #hook(items: ReadonlySet<TraceItem>): void {
    const { hooks } = this.#kernel;
    hooks.clone = () => {
      this.#several = true;
    };
    if (items.has('syscall')) {
      hooks.syscallEnter = (t, entry, args) => this.#enter(t, entry, args);
      hooks.syscallExit = (t, entry, args, result) => this.#exit(t, entry, args, result);
      hooks.syscallUnknown = (t, number) => this.#line(t, `${`syscall_${hex(number)}(...)`.padEnd(RESULT_COLUMN - 1)} = ${errorResult(38)} (unknown call)`);
    }
    if (items.has('signal')) {
      hooks.signal = (t, info) => this.#line(t, `--- ${signalName(info.signo)} ${this.#siginfo(info)} ---`);
    }
    const ends = items.has('signal');
    if (ends || items.has('syscall')) hooks.exit = (t, status) => this.#ended(t, ends ? status : null);
    hooks.exec = (t, path) => {
      this.#execDone(t);
      if (items.has('exec')) this.#line(t, `+++ executes ${path} (${t.arch.name}) +++`);
    };
    if (items.has('fault')) hooks.fault = (t, addr, access, code) => this.#line(t, `+++ fault at ${hex(addr)}, access ${access}, code ${code}, rip ${hex(t.regs.u64(0x80))} +++`);
    hooks.workerDied = (t, reason) => this.#line(t, `+++ worker died: ${reason} +++`);
  }

  #prefix(t: Task): string {
    const time = this.#time ? `${((this.#kernel.nowNs() - this.#startNs) / 1e9).toFixed(6)} ` : '';
    return (this.#several ? `[pid ${String(t.tid).padStart(5)}] ` : '') + time;
  }

  /** A line of its own; an unfinished one before it is marked as such. */
  #line(t: Task, text: string): void {
    this.#breakPartial();
    this.#write(`${this.#prefix(t)}${text}\n`);
  }

  #breakPartial(): void {
    if (this.#partial === null) return;
    this.#partial = null;
    this.#write(' <unfinished ...>\n');
  }

  #formats(entry: SyscallEntry): { kinds: readonly ArgKind[]; ret: RetKind } {
    const row = this.#rows.get(entry.handler);
    return { kinds: row?.args ?? [], ret: row?.ret ?? 'int' };
  }

  #show(t: Task, kinds: readonly ArgKind[], args: readonly number[], from: number, to: number, result: number): string {
    const words: string[] = [];
    for (let at = from; at < to; at++) {
      const format: ArgFormat = argFormats[kinds[at]!] ?? plain;
      const value = args[at] ?? 0;
      // The mode counts only when a file may be made.
      if (kinds[at] === 'mode' && kinds[at - 1] === 'openFlags' && (args[at - 1]! & (O_CREAT | O_TMPFILE_BIT)) === 0) continue;
      words.push(format.show(value, { t, args, at, result }));
    }
    return words.join(', ');
  }

  /** Arguments that go in are shown as the call begins; from the first that comes out on, when it is over. */
  #enter(t: Task, entry: SyscallEntry, args: readonly number[]): void {
    if (entry.name.endsWith('sigreturn')) return this.#line(t, `${`${entry.name}() `.padEnd(RESULT_COLUMN)}= 0`);
    const { kinds } = this.#formats(entry);
    const firstOut = kinds.findIndex((kind) => argFormats[kind]?.after === true);
    const shown = firstOut < 0 ? kinds.length : firstOut;
    const comma = shown > 0 && shown < kinds.length ? ', ' : '';
    const text = `${entry.name}(${this.#show(t, kinds, args, 0, shown, 0)}${comma}`;
    const begun = { text, shown, printed: false };
    this.#begun.set(t, begun);
    // What may never come back is shown at once.
    if (/^(exit|exit_group|execve|execveat|vfork|pause|wait4|waitid|waitpid|clone)$/.test(entry.name)) this.#begin(t, begun);
    else queueMicrotask(() => this.#begin(t, begun));
  }

  /** Shows the beginning of a call that is still not over. */
  #begin(t: Task, begun: Begun): void {
    if (this.#begun.get(t) !== begun || begun.printed) return;
    this.#breakPartial();
    begun.printed = true;
    this.#partial = t;
    this.#write(this.#prefix(t) + begun.text);
  }

  #exit(t: Task, entry: SyscallEntry, args: readonly number[], result: number): void {
    const { kinds, ret } = this.#formats(entry);
    const begun = this.#begun.get(t);
    this.#begun.delete(t);
    const shown = begun?.shown ?? 0;
    const rest = this.#show(t, kinds, args, shown, kinds.length, result);
    const started = begun?.text ?? `${entry.name}(`;
    const tail = `${rest})`;
    const answer = this.#result(ret, result);
    if (begun === undefined || !begun.printed) {
      this.#line(t, `${`${started}${tail} `.padEnd(RESULT_COLUMN)}= ${answer}`);
    } else if (this.#partial === t) {
      this.#partial = null;
      this.#write(`${`${tail} `.padEnd(Math.max(0, RESULT_COLUMN - started.length))}= ${answer}\n`);
    } else {
      this.#line(t, `${`<... ${entry.name} resumed>${tail} `.padEnd(RESULT_COLUMN)}= ${answer}`);
    }
  }

  /** execve that succeeds does not return. */
  #execDone(t: Task): void {
    const begun = this.#begun.get(t);
    if (begun === undefined) return;
    this.#begun.delete(t);
    if (this.#partial === t) {
      this.#partial = null;
      this.#write(`${') '.padEnd(Math.max(0, RESULT_COLUMN - begun.text.length))}= 0\n`);
    } else {
      this.#line(t, `${'<... execve resumed>) '.padEnd(RESULT_COLUMN)}= 0`);
    }
  }

  #result(ret: RetKind, result: number): string {
    if (result < 0 && result > -4096) return restarts[-result] ?? errorResult(-result);
    if (ret === 'ptr' || ret === 'hex') return result === 0 ? '0' : `0x${result.toString(16)}`;
    if (ret === 'octal') return `0${result.toString(8)}`;
    return `${result}`;
  }

  #siginfo(info: Siginfo): string {
    const code = siCodes[info.code] ?? faultCodes[info.signo]?.[info.code - 1] ?? `${info.code}`;
    const fields = [`si_signo=${signalName(info.signo)}`, `si_code=${code}`];
    const more = info as unknown as Record<string, number | undefined>;
    if (info.signo === 17) fields.push(`si_pid=${more.pid ?? 0}`, `si_uid=${more.uid ?? 0}`, `si_status=${more.status ?? 0}`);
    else if ([4, 5, 7, 8, 11].includes(info.signo) && info.code > 0) fields.push(`si_addr=${hex(more.addr ?? 0)}`);
    else fields.push(`si_pid=${more.pid ?? 0}`, `si_uid=${more.uid ?? 0}`);
    return `{${fields.join(', ')}}`;
  }

  /** The call that ends a task is over with it; how it ended is a line of its own, when asked for (`status` is null otherwise). */
  #ended(t: Task, status: number | null): void {
    const begun = this.#begun.get(t);
    if (begun !== undefined) {
      // exit and exit_group have no result.
      this.#begun.delete(t);
      if (this.#partial === t) {
        this.#partial = null;
        this.#write(`${') '.padEnd(Math.max(0, RESULT_COLUMN - begun.text.length))}= ?\n`);
      }
    }
    if (status === null) return;
    const signal = status & 0x7f;
    const core = (status & 0x80) !== 0 ? ' (core dumped)' : '';
    this.#line(t, signal === 0 ? `+++ exited with ${(status >> 8) & 0xff} +++` : `+++ killed by ${signalName(signal)}${core} +++`);
  }
}
