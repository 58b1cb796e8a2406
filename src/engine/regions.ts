/**
 * The hot tier of one process: which addresses are hot, and the installation of their translations behind `Case.region`
 * records. Dropping happens with the records (codePages.ts): a region is entered only through its live record.
 */
import type { CodeCache } from './codeCache.ts';
import type { Heats } from './heats.ts';
import { type CodeMode, TALL, type Translation, type TranslationRequest, type Translator } from './translate/translation.ts';
import { Globals } from '../machine/codeLayout.ts';
import { Cpu } from '../machine/cpuState.ts';

/**
 * Heat at which an address is translated; a call from a region that finds no region counts 1. gcc's compiler has so many functions that are
 * warm that with 64 it took a third more processor time for the two compilers than with this, and with 16 twice as long.
 */
const HOT = 160;
/** Heat of one sample of the interpreter's jumps. */
const SAMPLE_HEAT = 8;
/** What has become hot so often while it was waited for is worth the start of the translator. */
const URGENT = 3;
/** Regions of one generation of a process's code; with more, everything is dropped and the next begins. */
export const MAX_REGIONS = 16_384;
/** With so many dropped, instances of this worker's that nothing leads to are let go. */
const SWEEP_AFTER = 256;
/** The table grows by so many. */
const SLOTS_AT_ONCE = 64;

/** What regions import from the interpreter's instance. */
export interface RegionHost {
  enter: (cpu: number, pc: number, depth: number, returnTo: number) => number;
  statusFlags: (cpu: number) => number;
  learn: (slot: number, place: number, address: number) => number;
  table: WebAssembly.Table;
  /** Fills the places of regions that only other workers of the process have. */
  noRegion: unknown;
}

/** A region that this worker has an instance of. */
interface Installed {
  readonly translation: Translation;
  readonly exports: Record<string, unknown>;
  /** Place in the interpreter's table. */
  readonly slot: number;
  /** How often its indirect calls may call something else until they learn again, by place. */
  readonly turns: Map<number, number>;
}

/** An indirect call learns what it calls more and more rarely. */
const LEARN_AGAIN = { first: 32, factor: 4, most: 1 << 20 } as const;

export class Regions {
  private readonly memory: WebAssembly.Memory;
  private readonly code: CodeCache;
  private readonly host: RegionHost;
  private readonly helpers: Record<string, WebAssembly.ImportValue>;
  private readonly translator: Translator | null;
  private readonly heats: Heats;
  /** Asked for and not yet answered; how often it has become hot again since. */
  private readonly waiting = new Map<number, number>();
  /** Addresses that have been answered with nothing. */
  private readonly hopeless = new Set<number>();
  /** By slot, those too that a warmer one has taken the place of. */
  private readonly bySlot = new Map<number, Installed>();
  /** By entry. */
  private readonly installed = new Map<number, Installed>();
  /** By address: the regions that call it directly. */
  private readonly callers = new Map<number, Set<Installed>>();
  /** Globals.regionsDropped when an address was last found hopeless, and at the last sweep. */
  private dropped = 0;
  private swept = 0;
  /** CodeCache.generation that the places in the table belong to. */
  private generation: number;
  /** Places in the table before it are the interpreter's cases. */
  private readonly firstSlot: number;
  private readonly tall: boolean;

  /** `tall`: `host` is the interpreter for tall address spaces. */
  constructor(memory: WebAssembly.Memory, code: CodeCache, host: RegionHost, helpers: Record<string, WebAssembly.ImportValue>, translator: Translator | null, heats: Heats, tall: boolean) {
    this.tall = tall;
    this.memory = memory;
    this.code = code;
    this.host = host;
    this.firstSlot = host.table.length;
    this.helpers = helpers;
    this.translator = translator;
    this.heats = heats;
    this.generation = code.generation;
  }

  get count(): number {
    return this.installed.size;
  }

  /**
   * All code was dropped since the last call: places in the table are given out anew, and none may lead to what it led to. To be
   * called before records are followed, by a thread that is inside (EngineField.inside): no generation ends then.
   */
  renew(): void {
    if (this.generation === this.code.generation) return;
    this.generation = this.code.generation;
    // Also those of regions that a warmer one has taken the place of.
    for (let slot = this.firstSlot; slot < this.host.table.length; slot++) this.host.table.set(slot, this.host.noRegion);
    this.installed.clear();
    this.bySlot.clear();
    this.callers.clear();
  }

  /** The thread is another process's when the generation has changed: what was found out of the old one does not hold. */
  restart(): void {
    if (this.generation === this.code.generation) return;
    this.renew();
    this.heats.fade();
    this.hopeless.clear();
  }

  /** Lets go of instances whose regions have been dropped. */
  private sweep(): void {
    this.swept = this.code.current().words[Globals.regionsDropped >> 2]!;
    for (const [entry, one] of this.installed) {
      if (this.code.regionSlot(entry) === one.slot) continue;
      this.host.table.set(one.slot, this.host.noRegion);
      this.bySlot.delete(one.slot);
      this.dismiss(entry);
      this.installed.delete(entry);
    }
  }

  /** The interpreter was seen jumping to `rip`. */
  sample(rip: number, cpu: number): void {
    this.collect(cpu);
    this.heat(rip, cpu, SAMPLE_HEAT);
  }

  /** A region has called `rip`, which has no region. */
  missed(rip: number, cpu: number): void {
    this.heat(rip, cpu, 1);
  }

  /** Whether a jump to `entry` finds a region that this worker has an instance of. */
  canEnter(entry: number): boolean {
    const slot = this.code.cachedRegion(entry);
    return slot >= 0 && this.installed.get(entry)?.slot === slot;
  }

  private heat(rip: number, cpu: number, more: number): void {
    const code = this.code.firstBytes(rip), heat = this.heats.add(rip, code, more);
    if (heat < HOT && !(more === SAMPLE_HEAT && this.isKnown(rip, cpu))) return;
    this.heats.forget(rip, code);
    this.want(rip, cpu);
  }

  /** What an earlier run has found hot need not prove it again. */
  private isKnown(rip: number, cpu: number): boolean {
    return !this.hopeless.has(rip) && this.translator?.knows?.(this.requestFor(rip, cpu)) === true;
  }

  private requestFor(entry: number, cpu: number): TranslationRequest {
    return { memory: this.memory, entry, mode: this.mode(cpu) };
  }

  private mode(cpu: number): CodeMode {
    if (this.code.current().words[(cpu + Cpu.long) >> 2] === 0) return 32;
    return this.tall ? TALL : 64;
  }

  private want(entry: number, cpu: number): void {
    const dropped = this.code.current().words[Globals.regionsDropped >> 2]!;
    if (dropped !== this.dropped) {
      // Code has changed somewhere.
      this.hopeless.clear();
      this.dropped = dropped;
    }
    if (this.waiting.has(entry)) return this.urge(entry, cpu);
    if (this.hopeless.has(entry)) return;
    if (this.code.current().words[Globals.regions >> 2]! >= MAX_REGIONS) this.code.dropAll(cpu);
    const slot = this.code.regionSlot(entry);
    if (slot >= 0 && this.installed.get(entry)?.slot === slot) return;
    if (this.translator === null) return;
    this.waiting.set(entry, 0);
    this.translator.request(this.requestFor(entry, cpu));
    this.collect(cpu);
  }

  /** Hot again, and not there yet: the answer may have come, or the translator may not have started. */
  private urge(entry: number, cpu: number): void {
    const times = this.waiting.get(entry)! + 1;
    this.waiting.set(entry, times);
    if (times === URGENT) this.translator?.hurry?.();
    this.collect(cpu);
  }

  /** Takes what the translator has finished. */
  private collect(cpu: number): void {
    if (this.translator === null) return;
    while (this.waiting.size > 0) {
      const translation = this.translator.take();
      if (translation === null) return;
      // An answer for the worker's previous process is not ours.
      if (this.waiting.delete(translation.entry)) this.install(translation, cpu);
    }
  }

  private install(t: Translation, cpu: number): void {
    if (t.mode !== this.mode(cpu)) return;
    if (t.module === null) {
      this.hopeless.add(t.entry);
      return;
    }
    const before = this.installed.get(t.start);
    if (before !== undefined && before.translation.id === t.id && before.slot === this.code.regionSlot(t.start)) return;
    const instance = new WebAssembly.Instance(t.module, {
      env: { memory: this.memory },
      engine: { enter: this.host.enter, statusFlags: this.host.statusFlags, learn: this.host.learn },
      helpers: this.helpers,
    });
    const { words } = this.code.current();
    if (words[Globals.regionsDropped >> 2]! - this.swept >= SWEEP_AFTER) this.sweep();
    this.makeEnterable(t, instance.exports, cpu);
  }

  /** Makes the region's start lead into it, unless the code has changed. */
  private makeEnterable(t: Translation, exports: Record<string, unknown>, cpu: number): void {
    const { table } = this.host, entry = t.start;
    // Another worker of the process may have it already: then this one only lacks the instance.
    const known = this.code.regionSlot(entry), mine = this.installed.get(entry)?.slot === known;
    const shared = known >= 0 && !mine;
    if (shared && !this.code.watchRegion(entry, cpu, known, t.ranges)) return;
    const slot = shared ? known : this.code.installRegion(entry, cpu, this.firstSlot, MAX_REGIONS, t.ranges);
    if (slot < 0) return;
    if (slot >= table.length) table.grow(slot + SLOTS_AT_ONCE - table.length, this.host.noRegion);
    table.set(slot, exports['region']);
    const one: Installed = { translation: t, exports, slot, turns: new Map() };
    const own = exports['slot'] as WebAssembly.Global | undefined;
    if (own !== undefined) own.value = slot;
    this.bySlot.set(slot, one);
    this.dismiss(entry);
    this.installed.set(entry, one);
    for (const callee of t.callees) {
      let callers = this.callers.get(callee);
      if (callers === undefined) this.callers.set(callee, (callers = new Set()));
      callers.add(one);
      this.bind(one, callee);
    }
    for (const caller of this.callers.get(entry) ?? []) this.bind(caller, entry);
  }

  /** The region at `entry` that is about to be replaced is not told of new callees any more. */
  private dismiss(entry: number): void {
    const old = this.installed.get(entry);
    if (old === undefined) return;
    for (const callee of old.translation.callees) {
      const callers = this.callers.get(callee);
      if (callers?.delete(old) === true && callers.size === 0) this.callers.delete(callee);
    }
  }

  /** Lets `caller` call the region at `callee` directly, if there is one. */
  private bind(caller: Installed, callee: number): void {
    this.fill(caller, caller.translation.callees.indexOf(callee), callee);
  }

  /** Indirect call `place` of the region in `slot` calls `address`, and will do so again: returns how often it may call something else meanwhile. */
  learn(slot: number, place: number, address: number): number {
    const caller = this.bySlot.get(slot);
    if (caller === undefined) return LEARN_AGAIN.most;
    this.fill(caller, place, address);
    const turns = caller.turns.get(place) ?? LEARN_AGAIN.first;
    caller.turns.set(place, Math.min(turns * LEARN_AGAIN.factor, LEARN_AGAIN.most));
    return turns;
  }

  private fill(caller: Installed, place: number, callee: number): void {
    const target = this.installed.get(callee), record = this.code.regionRecord(callee);
    if (target === undefined || record === 0 || this.code.regionSlot(callee) !== target.slot) return;
    (caller.exports['callees'] as WebAssembly.Table).set(place, target.exports['region']);
    (caller.exports[`record${place}`] as WebAssembly.Global).value = record;
  }
}
