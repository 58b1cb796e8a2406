import type { Clock } from '../host/clock.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Exit } from '../machine/exit.ts';
import { COARSE_NS, LocalAnswer, type LocalAnswerCode, LocalField, LocalFlag } from '../machine/localState.ts';
import { type MailboxGuest, Reply, type ReplyCode } from '../machine/mailbox.ts';
import { shortId } from '../machine/shortId.ts';
import { EAGAIN, ETIMEDOUT } from '../abi/linux/errno.ts';
import {
  CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW, CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI, CLOCK_THREAD_CPUTIME_ID,
} from '../abi/linux/time.ts';
import { GuestView } from './guestView.ts';
import { LocalEvents } from './localEvents.ts';
import { LocalFutexes } from './localFutexes.ts';
import { LocalPipes } from './localPipes.ts';
import { PASS, WAITS } from './outcome.ts';

const TWO32 = 4294967296;
/** One clock here, and the coarse one. */
const MONOTONIC_CLOCKS = new Set([CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE]);

type Local = (calls: LocalCalls) => number;

const byNumber64: (Local | undefined)[] = [];
byNumber64[228] = (c) => c.clockGettime(8);
byNumber64[96] = (c) => c.gettimeofday(8);
byNumber64[201] = (c) => c.time(8);
byNumber64[309] = (c) => c.getcpu();
byNumber64[39] = (c) => c.view.word(LocalField.tgid);
byNumber64[186] = (c) => c.view.word(LocalField.tid);
byNumber64[110] = (c) => c.view.word(LocalField.ppid);
byNumber64[102] = (c) => c.id(LocalField.uid);
byNumber64[107] = (c) => c.id(LocalField.euid);
byNumber64[104] = (c) => c.id(LocalField.gid);
byNumber64[108] = (c) => c.id(LocalField.egid);
byNumber64[202] = (c) => c.futex(8);
byNumber64[0] = (c) => c.read();
byNumber64[1] = (c) => c.write();
byNumber64[44] = (c) => c.pipes.send();
byNumber64[45] = (c) => c.pipes.receive();

const byNumber32: (Local | undefined)[] = [];
byNumber32[265] = (c) => c.clockGettime(4);
byNumber32[403] = (c) => c.clockGettime(8);
byNumber32[78] = (c) => c.gettimeofday(4);
byNumber32[13] = (c) => c.time(4);
byNumber32[318] = (c) => c.getcpu();
byNumber32[20] = (c) => c.view.word(LocalField.tgid);
byNumber32[224] = (c) => c.view.word(LocalField.tid);
byNumber32[64] = (c) => c.view.word(LocalField.ppid);
byNumber32[199] = (c) => c.id(LocalField.uid);
byNumber32[201] = (c) => c.id(LocalField.euid);
byNumber32[200] = (c) => c.id(LocalField.gid);
byNumber32[202] = (c) => c.id(LocalField.egid);
byNumber32[24] = (c) => c.shortId(LocalField.uid);
byNumber32[49] = (c) => c.shortId(LocalField.euid);
byNumber32[47] = (c) => c.shortId(LocalField.gid);
byNumber32[50] = (c) => c.shortId(LocalField.egid);
byNumber32[240] = (c) => c.futex(4);
byNumber32[422] = (c) => c.futex(8);
byNumber32[3] = (c) => c.read();
byNumber32[4] = (c) => c.write();
byNumber32[369] = (c) => c.pipes.send();
byNumber32[371] = (c) => c.pipes.receive();

/**
 * The system calls that are answered in the guest's own worker, without the kernel thread: those that need nothing but a clock and
 * facts about the caller that the kernel tells (kernel/task/localFacts), and waiting for other threads and processes. Anything unusual
 * (a bad pointer, the CPU time of a process with several threads) goes to the kernel.
 */
export class LocalCalls {
  private readonly clock: Clock;
  readonly view = new GuestView();
  private readonly mailbox: MailboxGuest;
  private readonly now: () => number;
  private readonly futexes: LocalFutexes;
  readonly pipes: LocalPipes;
  private readonly events: LocalEvents;
  /** What the call that waits reads; null: it waits for a futex. */
  private source: LocalPipes | LocalEvents | null = null;

  constructor(clock: Clock, mailbox: MailboxGuest) {
    this.clock = clock;
    this.mailbox = mailbox;
    this.now = () => clock.monotonicNs();
    this.futexes = new LocalFutexes(this.view, mailbox, clock);
    this.pipes = new LocalPipes(this.view, mailbox, clock);
    this.events = new LocalEvents(this.view, mailbox, clock);
  }

  /** The engine's hook. */
  readonly answer = (memory: WebAssembly.Memory, cpu: number): LocalAnswerCode => {
    const { view } = this;
    view.enter(memory, cpu);
    const number = view.word(Cpu.gpr), { reason } = view;
    const call = view.long ? byNumber64[number] : reason === Exit.int80 || reason === Exit.sysenter ? byNumber32[number] : undefined;
    if (call === undefined) return LocalAnswer.pass;
    if ((view.word(LocalField.flags) & LocalFlag.off) !== 0) return LocalAnswer.pass;
    if (reason === Exit.sysenter && !view.prepareSysenter()) return LocalAnswer.pass;
    this.source = this.pipes;
    const result = call(this);
    if (result === PASS) return LocalAnswer.pass;
    if (result === WAITS) return LocalAnswer.waits;
    view.leave(result);
    return LocalAnswer.done;
  };

  /**
   * The call that answer() said `waits` of; as MailboxGuest.call. The flags are settled, so the kernel may take the thread over at any
   * time from when it has begun to wait.
   */
  readonly wait = (slot: number): ReplyCode => (this.source === null ? this.awaitWake(slot) : this.awaitBytes(slot, this.source));

  private awaitWake(slot: number): ReplyCode {
    const { mailbox, futexes } = this;
    if (!futexes.enter(slot)) return this.finish(slot, -EAGAIN);
    if (this.isInterrupted(slot)) return mailbox.call(slot);
    switch (mailbox.awaitWake(slot, futexes.deadlineNs, this.now)) {
      case 'woken': return this.finish(slot, 0);
      case 'timedOut': return this.finish(slot, -ETIMEDOUT);
      default: return mailbox.taken(slot);
    }
  }

  private awaitBytes(slot: number, source: LocalPipes | LocalEvents): ReplyCode {
    const { mailbox } = this;
    for (;;) {
      if (source.enter(slot)) {
        if (this.isInterrupted(slot)) return mailbox.call(slot);
        if (mailbox.awaitWake(slot, Infinity, this.now) === 'taken') return mailbox.taken(slot);
      }
      const result = source.again(slot);
      if (result === PASS) return mailbox.call(slot);
      if (result !== WAITS) return this.finish(slot, result);
    }
  }

  /** Whoever wants the thread has either seen that it waits, or set this word before. True: it waits no more, and the call is the kernel's. */
  private isInterrupted(slot: number): boolean {
    const { view } = this;
    return (Atomics.load(view.words, (view.cpu + Cpu.interrupt) >>> 2) & 1) !== 0 && this.mailbox.waits.cancel(slot, this.now());
  }

  /** While the memory has to stand still, only the kernel lets the thread go on. */
  private finish(slot: number, result: number): ReplyCode {
    const { view, mailbox } = this;
    view.leave(result);
    if (!mailbox.waits.isHeld(slot)) return Reply.resume;
    view.words[(view.cpu + Cpu.exitReason) >>> 2] = Exit.interrupt;
    return mailbox.call(slot);
  }

  /** Two time_t-sized fields. */
  private putPair(addr: number, width: 4 | 8, first: number, second: number): void {
    const { words } = this.view, at = this.view.index(addr);
    if (width === 4) {
      words[at] = first | 0;
      words[at + 1] = second;
    } else {
      words[at] = first | 0;
      words[at + 1] = Math.floor(first / TWO32);
      words[at + 2] = second;
      words[at + 3] = 0;
    }
  }

  /** Whether the guest's clocks are the host's. */
  private get ownMonotonicClock(): boolean {
    return (this.view.word(LocalField.flags) & LocalFlag.timeShifted) === 0;
  }
  private get ownWallClock(): boolean {
    return (this.view.word(LocalField.flags) & LocalFlag.wallClockSet) === 0;
  }

  read(): number {
    const { number } = this.events;
    if (number < 0) return this.pipes.read();
    this.source = this.events;
    return this.events.read(number);
  }
  write(): number {
    const { number } = this.events;
    return number < 0 ? this.pipes.write() : this.events.write(number);
  }

  futex(width: 4 | 8): number {
    this.source = null;
    return this.futexes.call(width, this.ownMonotonicClock, this.ownWallClock);
  }

  clockGettime(width: 4 | 8): number {
    const id = this.view.int(0);
    const addr = this.view.arg(1);
    if (!this.view.writable(addr, 2 * width)) return PASS;
    if (MONOTONIC_CLOCKS.has(id)) {
      if (!this.ownMonotonicClock) return PASS;
      const now = this.clock.monotonicNs();
      return this.putNs(addr, width, id === CLOCK_MONOTONIC_COARSE ? now - (now % COARSE_NS) : now);
    }
    if (id === CLOCK_PROCESS_CPUTIME_ID) return this.cpuTime(LocalField.processCpuBase, addr, width);
    if (id === CLOCK_THREAD_CPUTIME_ID) return this.cpuTime(LocalField.threadCpuBase, addr, width);
    if ((id !== CLOCK_REALTIME && id !== CLOCK_REALTIME_COARSE && id !== CLOCK_TAI) || !this.ownWallClock) return PASS;
    const { sec, nsec } = this.clock.realtime();
    this.putPair(addr, width, sec, id === CLOCK_REALTIME_COARSE ? nsec - (nsec % COARSE_NS) : nsec);
    return 0;
  }

  private putNs(addr: number, width: 4 | 8, ns: number): number {
    const sec = Math.floor(ns / 1e9);
    this.putPair(addr, width, sec, Math.floor(ns - sec * 1e9));
    return 0;
  }

  /** As the kernel's CpuClock has it: what runs on since the thread was last let go on, less what it has slept here. */
  private cpuTime(base: number, addr: number, width: 4 | 8): number {
    const { view } = this, before = view.double(base);
    if (Number.isNaN(before)) return PASS;
    return this.putNs(addr, width, before + this.clock.monotonicNs() - this.mailbox.waits.ownSleptNs(view.word(Cpu.mailboxSlot)));
  }

  /** getuid and its like; an id may be any unsigned number. */
  id(field: number): number {
    const id = this.view.word(field);
    return id === -1 ? PASS : id >>> 0;
  }
  shortId(field: number): number {
    return shortId(this.id(field));
  }

  gettimeofday(width: 4 | 8): number {
    const addr = this.view.arg(0);
    if (this.view.arg(1) !== 0 || !this.ownWallClock || !this.view.writable(addr, 2 * width)) return PASS;
    const { sec, nsec } = this.clock.realtime();
    this.putPair(addr, width, sec, Math.floor(nsec / 1000));
    return 0;
  }

  time(width: 4 | 8): number {
    const addr = this.view.arg(0);
    if (!this.ownWallClock) return PASS;
    const { sec } = this.clock.realtime();
    if (addr === 0) return sec;
    if (!this.view.writable(addr, width)) return PASS;
    const { words } = this.view, at = this.view.index(addr);
    words[at] = sec | 0;
    if (width === 8) words[at + 1] = Math.floor(sec / TWO32);
    return sec;
  }

  getcpu(): number {
    for (const [k, value] of [[0, this.view.word(Cpu.cpuNumber)], [1, 0]] as const) {
      const addr = this.view.arg(k);
      if (addr === 0) continue;
      if (!this.view.writable(addr, 4)) return PASS;
      this.view.words[this.view.index(addr)] = value;
    }
    return 0;
  }
}
