import { EFAULT, EINVAL, EOPNOTSUPP, EPERM } from '../abi/linux/errno.ts';
import * as T from '../abi/linux/time.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Task } from '../kernel/task/task.ts';
import { clockResolution } from '../kernel/time/clocks.ts';
import { Cap } from '../vfs/cred.ts';
import type { SyscallRow } from './row.ts';

/** Set in both single-shot modes, which are adjtime(3)'s. */
const ADJ_ADJTIME = 0x8000;
const ADJ_OFFSET_READONLY = 0x2000;
/** Microseconds; what a clock that nobody has set may be wrong by. */
const NTP_PHASE_LIMIT = 16_000_000;
/** Parts per million, 16 bits of fraction. */
const MAX_FREQUENCY = 500 * 65536;
const MAX_PHASE_NS = 500_000_000;
const MAX_TIME_CONSTANT = 10;
const MAX_TAI = 100000;
/** Microseconds a tick, USER_HZ 100: a tenth more or less. */
const LEAST_TICK = 9000;
const MOST_TICK = 11000;

const clamp = (n: number, least: number, most: number): number => Math.min(Math.max(n, least), most);

/** How the clock is disciplined (adjtimex(2)): kept and told. The clock itself is the host's and is only ever set, not slewed. */
export class Discipline {
  status: number = T.STA_UNSYNC;
  freq = 0;
  offsetNs = 0;
  maxerror = NTP_PHASE_LIMIT;
  esterror = NTP_PHASE_LIMIT;
  constant = 2;
  tick = 10000;
  tai = 0;
  /** adjtime's rest, microseconds. */
  adjust = 0;

  get nano(): boolean {
    return (this.status & T.STA_NANO) !== 0;
  }

  /** The clock was set (ntp_clear). */
  clear(): void {
    this.adjust = 0;
    this.status |= T.STA_UNSYNC;
    this.maxerror = this.esterror = NTP_PHASE_LIMIT;
  }

  /** process_adjtimex_modes */
  take(modes: number, v: { offset: number; freq: number; maxerror: number; esterror: number; status: number; constant: number; tick: number }): void {
    if ((modes & T.ADJ_STATUS) !== 0) {
      if ((this.status & T.STA_PLL) !== 0 && (v.status & T.STA_PLL) === 0) this.status = T.STA_UNSYNC;
      this.status = (this.status & T.STA_RONLY) | (v.status & ~T.STA_RONLY);
    }
    if ((modes & T.ADJ_NANO) !== 0) this.status |= T.STA_NANO;
    if ((modes & T.ADJ_MICRO) !== 0) this.status &= ~T.STA_NANO;
    if ((modes & T.ADJ_FREQUENCY) !== 0) this.freq = clamp(v.freq, -MAX_FREQUENCY, MAX_FREQUENCY);
    if ((modes & T.ADJ_MAXERROR) !== 0) this.maxerror = clamp(v.maxerror, 0, NTP_PHASE_LIMIT);
    if ((modes & T.ADJ_ESTERROR) !== 0) this.esterror = clamp(v.esterror, 0, NTP_PHASE_LIMIT);
    if ((modes & T.ADJ_TIMECONST) !== 0) this.constant = clamp(clamp(v.constant, 0, MAX_TIME_CONSTANT) + (this.nano ? 0 : 4), 0, MAX_TIME_CONSTANT);
    if ((modes & T.ADJ_TAI) !== 0 && v.constant >= 0 && v.constant <= MAX_TAI) this.tai = v.constant;
    if ((modes & T.ADJ_OFFSET) !== 0 && (this.status & T.STA_PLL) !== 0) {
      this.offsetNs = clamp(this.nano ? v.offset : clamp(v.offset, -1e6, 1e6) * 1000, -MAX_PHASE_NS, MAX_PHASE_NS);
    }
    if ((modes & T.ADJ_TICK) !== 0) this.tick = v.tick;
  }
}

const disciplines = new WeakMap<Kernel, Discipline>();

function disciplineOf(kernel: Kernel): Discipline {
  let found = disciplines.get(kernel);
  if (found === undefined) disciplines.set(kernel, (found = new Discipline()));
  return found;
}

/** Sets CLOCK_REALTIME to `ns` since 1970. */
export function setWallClock(t: Task, ns: number): number {
  if (!t.cred.has(Cap.SYS_TIME)) return -EPERM;
  const host = t.kernel.parts.clock.realtime();
  t.kernel.setRealtimeOffset(ns - (host.sec * 1e9 + host.nsec));
  disciplineOf(t.kernel).clear();
  return 0;
}

/** timekeeping_validate_timex, in its order. */
function refusal(t: Task, modes: number, tick: number, usec: number): number {
  const privileged = t.cred.has(Cap.SYS_TIME);
  if ((modes & ADJ_ADJTIME) !== 0) {
    if ((modes & 1) === 0) return -EINVAL;
    if ((modes & ADJ_OFFSET_READONLY) === 0 && !privileged) return -EPERM;
  } else {
    if (modes !== 0 && !privileged) return -EPERM;
    if ((modes & T.ADJ_TICK) !== 0 && (tick < LEAST_TICK || tick > MOST_TICK)) return -EINVAL;
  }
  if ((modes & T.ADJ_SETOFFSET) === 0) return 0;
  if (!privileged) return -EPERM;
  return usec < 0 || usec >= ((modes & T.ADJ_NANO) !== 0 ? 1e9 : 1e6) ? -EINVAL : 0;
}

const adjtimex = (layoutName: 'timex' | 'timex64', clockArg: boolean) => (t: Task, a: number, b: number): number => {
  const layout = t.abi[layoutName];
  const buf = t.memory.writable(clockArg ? b : a, layout.size);
  if (buf === null) return -EFAULT;
  const isAlarm = a === T.CLOCK_REALTIME_ALARM || a === T.CLOCK_BOOTTIME_ALARM;
  if (clockArg && a !== T.CLOCK_REALTIME) return a >= 0 && !isAlarm && clockResolution(t, a) < 0 ? -EINVAL : -EOPNOTSUPP;
  const v = layout.read(buf);
  const { modes } = v;
  const refused = refusal(t, modes, v.tick, v.time_usec);
  if (refused !== 0) return refused;
  const { kernel } = t;
  const state = disciplineOf(kernel);
  if ((modes & T.ADJ_SETOFFSET) !== 0) {
    kernel.setRealtimeOffset(kernel.realtimeOffsetNs + v.time_sec * 1e9 + v.time_usec * ((modes & T.ADJ_NANO) !== 0 ? 1 : 1000));
  }
  let offset: number;
  if ((modes & ADJ_ADJTIME) !== 0) {
    if ((modes & 1) === 0) return -EINVAL;
    offset = state.adjust;
    if ((modes & ADJ_OFFSET_READONLY) === 0) state.adjust = v.offset;
  } else {
    state.take(modes, v);
    offset = state.nano ? state.offsetNs : Math.trunc(state.offsetNs / 1000);
  }
  const now = kernel.realtime();
  layout.update(buf, {
    offset, freq: state.freq, maxerror: state.maxerror, esterror: state.esterror, status: state.status, constant: state.constant, precision: 1,
    tolerance: MAX_FREQUENCY, time_sec: now.sec, time_usec: state.nano ? now.nsec : Math.floor(now.nsec / 1000), tick: state.tick, tai: state.tai,
    ppsfreq: 0, jitter: 0, shift: 0, stabil: 0, jitcnt: 0, calcnt: 0, errcnt: 0, stbcnt: 0,
  });
  return (state.status & (T.STA_UNSYNC | T.STA_CLOCKERR)) !== 0 ? T.TIME_ERROR : T.TIME_OK;
};

const note = 'what is set is told, but the clock is not slewed';

export const adjtimeRows: readonly SyscallRow[] = [
  { name: 'adjtimex', x86_64: 159, i386: 124, args: ['ptr'], ret: 'int', handler: adjtimex('timex', false), note },
  { name: 'clock_adjtime', x86_64: 305, i386: 343, args: ['clockid', 'ptr'], ret: 'int', handler: adjtimex('timex', true), note },
  { name: 'clock_adjtime64', x86_64: -1, i386: 405, args: ['clockid', 'ptr'], ret: 'int', handler: adjtimex('timex64', true), note },
];
