import { EBADF, EFAULT, EINVAL } from '../abi/linux/errno.ts';
import {
  POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDBAND, POLLRDNORM, POLLWRBAND, POLLWRNORM,
} from '../abi/linux/poll.ts';
import { O_PATH } from '../abi/linux/openFlags.ts';
import type { Layout } from '../abi/layout.ts';
import { x86_64, type Abi } from '../abi/abi.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import { PARKED, Restart } from '../kernel/task/block.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import type { Waiter, WaitQueue } from '../vfs/waitQueue.ts';
import type { SyscallRow } from './row.ts';
import { useMask } from './sigmask.ts';

const { pollfd } = x86_64;
const POLLFD = pollfd.size;
export type Time = Layout<'tv_sec' | 'tv_nsec'>;

/** Limit of a waiting call: monotonic deadline in ns, Infinity for none; or -errno. */
export function timespecDeadline(t: Task, ptr: number, layout: Time): number {
  if (ptr === 0) return Infinity;
  const buf = t.memory.readable(ptr, layout.size);
  if (buf === null) return -EFAULT;
  const { tv_sec, tv_nsec } = layout.read(buf);
  if (tv_sec < 0 || tv_nsec < 0 || tv_nsec >= 1e9) return -EINVAL;
  return t.kernel.nowNs() + tv_sec * 1e9 + tv_nsec;
}

/** Writes back how much of the time is left, as ppoll and pselect do. A failure is not told. */
function writeTimeLeft(t: Task, ptr: number, layout: Time, deadlineNs: number): void {
  if (ptr === 0 || deadlineNs === Infinity) return;
  const left = Math.max(0, deadlineNs - t.kernel.nowNs());
  const buf = t.memory.writable(ptr, layout.size);
  if (buf !== null) layout.write(buf, { tv_sec: Math.floor(left / 1e9), tv_nsec: Math.floor(left % 1e9) });
}

interface Wait {
  /** Looks at everything; a result (0: nothing ready). */
  check(): number;
  queues: WaitQueue[];
  deadlineNs: number;
  /** When the wait is over, however it ended. */
  done: () => void;
}

function wait(t: Task, w: Wait): number {
  const now = w.check();
  if (now !== 0 || w.deadlineNs <= t.kernel.nowNs()) {
    w.done();
    return now;
  }
  return t.block({
    queues: w.queues,
    retry: () => {
      const n = w.check();
      return n === 0 ? PARKED : n;
    },
    deadlineNs: w.deadlineNs,
    onTimeout: () => 0,
    restart: Restart.noHandler,
    cleanup: w.done,
  });
}

// ---- poll, ppoll ----

/** Entries that are looked at in one go: well under a millisecond. */
const MANY = 1024;

/** Looks at entries and writes their revents; how many have some. */
function checkPoll(t: Task, fds: number, count: number): number {
  const buf = t.memory.writable(fds, count * POLLFD);
  if (buf === null) return -EFAULT;
  let ready = 0;
  // Once each: descriptors may be many of one.
  const readable = new Set<FileDescription>();
  for (let i = 0; i < count; i++) {
    const at = i * POLLFD;
    const fd = pollfd.get(buf, 'fd', at);
    let revents = 0;
    if (fd >= 0) {
      const file = t.fds.get(fd);
      const wanted = (pollfd.get(buf, 'events', at) & 0xffff) | POLLERR | POLLHUP;
      revents = file === null || (file.flags & O_PATH) !== 0 ? POLLNVAL : file.poll(t) & wanted & 0xffff;
      if ((revents & POLLIN) !== 0 && file !== null) readable.add(file);
    }
    pollfd.put(buf, 'revents', revents, at);
    if (revents !== 0) ready++;
  }
  for (const file of readable) file.waited();
  return ready;
}

function pollQueues(t: Task, fds: number, count: number): WaitQueue[] {
  const queues = new Set<WaitQueue>();
  const buf = t.memory.readable(fds, count * POLLFD);
  for (let i = 0; buf !== null && i < count; i++) {
    const queue = t.fds.get(pollfd.get(buf, 'fd', i * POLLFD))?.waitQueue;
    if (queue) queues.add(queue);
  }
  return [...queues];
}

/**
 * A poll of many descriptors: others are served between two pieces of it. It waits at each queue from before it looks at the first descriptor
 * there, and looks at all again when it was woken meanwhile.
 */
class LongPoll implements Waiter {
  private readonly task: Task;
  private readonly fds: number;
  private readonly count: number;
  private readonly queues = new Set<WaitQueue>();
  private next = 0;
  private ready = 0;
  private woken = false;

  constructor(task: Task, fds: number, count: number) {
    this.task = task;
    this.fds = fds;
    this.count = count;
  }

  /** In the midst of looking: no signal and no deadline ends it. */
  get looking(): boolean {
    return this.next > 0 && this.next < this.count;
  }

  onWake(): void {
    this.woken = true;
    if (!this.looking) this.task.parked?.queue();
  }

  leave(): void {
    for (const queue of this.queues) queue.remove(this);
  }

  /** Looks at some more: PARKED, how many are ready of all, or -errno. */
  look(): number {
    const { task, next } = this, count = Math.min(MANY, this.count - next), at = this.fds + next * POLLFD;
    if (next >= this.count) return this.again();
    for (const queue of pollQueues(task, at, count)) {
      if (this.queues.has(queue)) continue;
      this.queues.add(queue);
      queue.add(this);
    }
    const ready = checkPoll(task, at, count);
    if (ready < 0) return ready;
    this.ready += ready;
    this.next += count;
    if (this.looking) task.parked?.queue();
    return this.looking ? PARKED : this.ready > 0 ? this.ready : this.again();
  }

  /** From the beginning, if there is reason to. */
  private again(): number {
    if (!this.woken) return PARKED;
    this.woken = false;
    this.next = 0;
    this.task.parked?.queue();
    return PARKED;
  }
}

function pollMany(t: Task, fds: number, count: number, deadlineNs: number, done: () => void): number {
  const poll = new LongPoll(t, fds, count);
  t.block({
    queues: [],
    retry: () => poll.look(),
    deadlineNs,
    onTimeout: () => (poll.looking ? PARKED : 0),
    restart: Restart.noHandler,
    get uninterruptible() {
      return poll.looking;
    },
    cleanup: () => {
      poll.leave();
      done();
    },
  });
  t.parked!.queue();
  return PARKED;
}

function doPoll(t: Task, fds: number, count: number, deadlineNs: number, done: () => void): number {
  if (count > t.rlimits.cur[Rlimit.NOFILE]!) return -EINVAL;
  if (t.memory.readable(fds, count * POLLFD) === null) return -EFAULT;
  if (count > MANY) return pollMany(t, fds, count, deadlineNs, done);
  return wait(t, { check: () => checkPoll(t, fds, count), queues: pollQueues(t, fds, count), deadlineNs, done });
}

const nothing = (): void => {};

function sysPoll(t: Task, fds: number, count: number, timeoutMs: number): number {
  const deadlineNs = timeoutMs < 0 ? Infinity : t.kernel.nowNs() + timeoutMs * 1e6;
  return doPoll(t, fds, count, deadlineNs, nothing);
}

const ppoll = (layout: (abi: Abi) => Time) => (t: Task, fds: number, count: number, time: number, mask: number, size: number): number => {
  const shape = layout(t.abi);
  const deadlineNs = timespecDeadline(t, time, shape);
  if (deadlineNs < 0) return deadlineNs;
  const masked = useMask(t, mask, size);
  if (masked < 0) return masked;
  return doPoll(t, fds, count, deadlineNs, () => writeTimeLeft(t, time, shape, deadlineNs));
};

// ---- select, pselect6 ----

const READ_SET = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR;
const WRITE_SET = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR;
const EXCEPT_SET = POLLPRI;
const SET_BITS = [READ_SET, WRITE_SET, EXCEPT_SET];

interface Selection {
  readonly fd: number;
  readonly file: FileDescription;
  /** Bit k: wanted in set k. */
  readonly sets: number;
}

/** The descriptors of the three sets, or -errno. */
function readSets(t: Task, count: number, ptrs: readonly number[], bytes: number): Selection[] | number {
  const maps: (Uint8Array | null)[] = [];
  for (const ptr of ptrs) {
    const map = ptr === 0 ? null : t.memory.readable(ptr, bytes);
    if (map === null && ptr !== 0) return -EFAULT;
    maps.push(map);
  }
  const selected: Selection[] = [];
  for (let fd = 0; fd < count; fd++) {
    let sets = 0;
    for (let k = 0; k < 3; k++) if (maps[k] && (maps[k]![fd >>> 3]! & (1 << (fd & 7))) !== 0) sets |= 1 << k;
    if (sets === 0) continue;
    const file = t.fds.get(fd);
    if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
    selected.push({ fd, file, sets });
  }
  return selected;
}

function doSelect(t: Task, n: number, ptrs: readonly number[], deadlineNs: number, done: () => void): number {
  if (n < 0) return -EINVAL;
  // Linux looks no further than the descriptor table is long.
  const count = Math.min(n, t.fds.capacity);
  const word = t.abi.longBytes;
  const bytes = Math.ceil(count / (word * 8)) * word;
  const selected = readSets(t, count, ptrs, bytes);
  if (typeof selected === 'number') return selected;
  const queues = [...new Set(selected.flatMap(({ file }) => (file.waitQueue === null ? [] : [file.waitQueue])))];
  const write = (only: readonly (readonly [Selection, number])[]): number => {
    let bits = 0;
    for (let k = 0; k < 3; k++) {
      if (ptrs[k] === 0) continue;
      const map = new Uint8Array(bytes);
      for (const [s, ready] of only) {
        if ((ready & (1 << k)) === 0) continue;
        map[s.fd >>> 3]! |= 1 << (s.fd & 7);
        bits++;
      }
      if (!t.memory.copyOut(ptrs[k]!, map)) return -EFAULT;
    }
    return bits;
  };
  const check = (): number => {
    const ready: [Selection, number][] = [];
    for (const s of selected) {
      const mask = s.file.poll(t);
      let sets = 0;
      for (let k = 0; k < 3; k++) if ((s.sets & (1 << k)) !== 0 && (mask & SET_BITS[k]!) !== 0) sets |= 1 << k;
      if (sets !== 0) ready.push([s, sets]);
    }
    return ready.length === 0 ? 0 : write(ready);
  };
  const now = check();
  if (now !== 0 || deadlineNs <= t.kernel.nowNs()) {
    const result = now === 0 ? write([]) : now;
    done();
    return result;
  }
  return t.block({
    queues, deadlineNs, restart: Restart.noHandler, cleanup: done,
    retry: () => check() || PARKED,
    onTimeout: () => write([]),
  });
}

function sysSelect(t: Task, n: number, inp: number, outp: number, exp: number, tvp: number): number {
  const { timeval } = t.abi;
  let deadlineNs = Infinity;
  if (tvp !== 0) {
    const buf = t.memory.readable(tvp, timeval.size);
    if (buf === null) return -EFAULT;
    const { tv_sec, tv_usec } = timeval.read(buf);
    // Microseconds beyond a second are carried, as Linux does here alone.
    const sec = tv_sec + Math.trunc(tv_usec / 1e6);
    const usec = tv_usec % 1e6;
    if (sec < 0 || usec < 0) return -EINVAL;
    deadlineNs = t.kernel.nowNs() + sec * 1e9 + usec * 1e3;
  }
  return doSelect(t, n, [inp, outp, exp], deadlineNs, () => {
    if (tvp === 0) return;
    const left = Math.max(0, deadlineNs - t.kernel.nowNs());
    const buf = t.memory.writable(tvp, timeval.size);
    if (buf !== null) timeval.write(buf, { tv_sec: Math.floor(left / 1e9), tv_usec: Math.floor((left % 1e9) / 1e3) });
  });
}

/** i386 call 82: one pointer to the five arguments. */
function sysOldSelect(t: Task, args: number): number {
  const { selectArgs } = t.abi;
  const buf = t.memory.readable(args, selectArgs.size);
  if (buf === null) return -EFAULT;
  const a = selectArgs.read(buf);
  return sysSelect(t, a.n | 0, a.inp, a.outp, a.exp, a.tvp);
}

const pselect6 = (layout: (abi: Abi) => Time) => (t: Task, n: number, inp: number, outp: number, exp: number, time: number, sig: number): number => {
  const shape = layout(t.abi);
  let mask = 0;
  let size = 0;
  if (sig !== 0) {
    const { sigsetArgpack } = t.abi;
    const pack = t.memory.readable(sig, sigsetArgpack.size);
    if (pack === null) return -EFAULT;
    ({ set: mask, size } = sigsetArgpack.read(pack));
  }
  const deadlineNs = timespecDeadline(t, time, shape);
  if (deadlineNs < 0) return deadlineNs;
  const masked = useMask(t, mask, size);
  if (masked < 0) return masked;
  return doSelect(t, n, [inp, outp, exp], deadlineNs, () => writeTimeLeft(t, time, shape, deadlineNs));
};

const native = (abi: Abi): Time => abi.timespec as Time;
const time64 = (abi: Abi): Time => abi.timespec64 as Time;

export const pollRows: readonly SyscallRow[] = [
  { name: 'poll', x86_64: 7, i386: 168, args: ['pollfds', 'uint', 'int'], ret: 'int', handler: sysPoll },
  { name: 'ppoll', x86_64: 271, i386: 309, args: ['pollfds', 'uint', 'timespecIn', 'sigsetIn', 'size'], ret: 'int', handler: ppoll(native) },
  { name: 'ppoll_time64', x86_64: -1, i386: 414, args: ['pollfds', 'uint', 'timespecIn', 'sigsetIn', 'size'], ret: 'int', handler: ppoll(time64) },
  { name: 'select', x86_64: 23, i386: -1, args: ['int', 'ptr', 'ptr', 'ptr', 'ptr'], ret: 'int', handler: sysSelect },
  { name: 'select', x86_64: -1, i386: 82, args: ['ptr'], ret: 'int', handler: sysOldSelect },
  { name: '_newselect', x86_64: -1, i386: 142, args: ['int', 'ptr', 'ptr', 'ptr', 'ptr'], ret: 'int', handler: sysSelect },
  { name: 'pselect6', x86_64: 270, i386: 308, args: ['int', 'ptr', 'ptr', 'ptr', 'timespecIn', 'ptr'], ret: 'int', handler: pselect6(native) },
  { name: 'pselect6_time64', x86_64: -1, i386: 413, args: ['int', 'ptr', 'ptr', 'ptr', 'timespecIn', 'ptr'], ret: 'int', handler: pselect6(time64) },
];
