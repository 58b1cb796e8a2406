/** --profile: where guests spend their time. Looks at all threads every millisecond, from the kernel's thread. */
import type { Kernel } from '../kernel/kernel.ts';
import type { Process } from '../kernel/task/process.ts';
import type { Task } from '../kernel/task/task.ts';
import { Timer } from '../kernel/time/timerHeap.ts';
import { EngineField } from '../machine/codeLayout.ts';
import { pathName } from '../vfs/path.ts';
import type { Inode } from '../vfs/inode.ts';
import { addHold, newHolds, newSum, type Profiled, type Place, profileText, type TranslatorFigures } from './profileText.ts';

const TICK_NS = 1_000_000;
/** A look that comes later than this was itself kept waiting: what lies between is nobody's. */
const LONGEST_TICK_NS = 20_000_000;

export class Profile {
  readonly #kernel: Kernel;
  readonly #write: (text: string) => void;
  readonly #translator: () => TranslatorFigures;
  readonly #startNs: number;
  readonly #timer = new Timer(() => this.#look());
  #lastNs: number;
  readonly #profiled: Profiled = { totalNs: 0, threads: { translated: 0, interpreted: 0, dispatcher: 0, waiting: 0 }, calls: new Map(), faults: newSum(), files: new Map(), elsewhere: new Map(), holds: { kernel: newHolds(), host: newHolds() } };

  /** Until `process` has ended. `translator`: what it has done by then. */
  constructor(kernel: Kernel, process: Process, write: (text: string) => void, translator: () => TranslatorFigures) {
    this.#kernel = kernel;
    this.#write = write;
    this.#translator = translator;
    this.#startNs = this.#lastNs = kernel.nowNs();
    const { hooks } = kernel, ended = hooks.processExit;
    hooks.served = (name, ns) => this.#served(name, ns);
    hooks.held = (what, ns) => addHold(this.#profiled.holds[what], ns);
    hooks.processExit = (which) => {
      ended?.(which);
      if (which === process) this.#report();
    };
    kernel.timers.set(this.#timer, this.#lastNs + TICK_NS);
  }

  /** A system call (null: a page fault) kept the kernel's thread for so long. */
  #served(name: string | null, ns: number): void {
    const { calls, faults } = this.#profiled;
    let sum = faults;
    if (name !== null) {
      const known = calls.get(name);
      if (known === undefined) calls.set(name, (sum = newSum()));
      else sum = known;
    }
    sum.count++;
    sum.ns += ns;
    sum.longestNs = Math.max(sum.longestNs, ns);
  }

  #look(): void {
    const now = this.#kernel.nowNs(), ns = Math.min(now - this.#lastNs, LONGEST_TICK_NS);
    this.#lastNs = now;
    for (const t of this.#kernel.pids.tasks.values()) this.#lookAt(t, ns);
    this.#kernel.timers.set(this.#timer, now + TICK_NS);
  }

  #lookAt(t: Task, ns: number): void {
    const { threads } = this.#profiled;
    if (t.state === 'dead' || t.process === this.#kernel.init) return;
    if (t.state !== 'running' || this.#kernel.parts.mailbox.isPosted(t.slot) || this.#kernel.guests.waitsLocally(t)) {
      threads.waiting += ns;
      return;
    }
    const region = t.regs.u32(EngineField.region);
    if (region !== 0) {
      threads.translated += ns;
      this.#place(t, region).translatedNs += ns;
    } else if (t.regs.u32(EngineField.inside) !== 0) {
      threads.interpreted += ns;
      this.#place(t, t.regs.u32(EngineField.sampled)).interpretedNs += ns;
    } else threads.dispatcher += ns;
  }

  #place(t: Task, address: number): Place {
    const area = t.mm.areas.find(address);
    if (area === null || area.file === null || area.inode === null) {
      const { elsewhere } = this.#profiled, name = area === null || area.name === '' ? `[memory of ${t.comm}]` : area.name;
      return placeIn(elsewhere, name);
    }
    const { files } = this.#profiled, inode: Inode = area.inode;
    let file = files.get(inode);
    if (file === undefined) files.set(inode, (file = { path: pathName(area.file.path, t.fs.root), places: new Map() }));
    return placeIn(file.places, address - area.start + area.offset);
  }

  #report(): void {
    this.#kernel.timers.cancel(this.#timer);
    this.#profiled.totalNs = this.#kernel.nowNs() - this.#startNs;
    this.#write(profileText(this.#profiled, this.#translator(), Object.values(this.#kernel.parts.archs)));
  }
}

function placeIn<K>(places: Map<K, Place>, key: K): Place {
  let place = places.get(key);
  if (place === undefined) places.set(key, (place = { translatedNs: 0, interpretedNs: 0 }));
  return place;
}
