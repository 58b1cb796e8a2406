/**
 * The hot tier of one process: which addresses are hot, their translation, and its installation behind `Case.region`
 * records. Dropping happens with the records (codePages.ts): a region is entered only through its live record.
 */
import type { CodeCache } from './codeCache.ts';
import { type CodeReader, DEFAULT_LIMITS, discover, type Region } from './translate/region.ts';
import { emitModule, liftRegion, type LifterOf } from './translate/translate.ts';
import { rows } from '../isa/rows.ts';
import { lifters } from '../lift/lifters.ts';
import { Cpu } from '../machine/cpuState.ts';
import { BIAS, PERMISSION_TABLE, Perm } from '../machine/memoryLayout.ts';

/** Samples at one address after which it is translated. */
const HOT_SAMPLES = 2;
/** Calls from regions to an address that has none, after which it is translated. */
const HOT_MISSES = 12;
/** Addresses with samples that are remembered; beyond, all counts start anew. */
const MAX_COUNTED = 20_000;
/** Regions of one process; beyond, no more are made until its code is dropped as a whole. */
const MAX_REGIONS = 20_000;

const lifterOf: LifterOf = (row) => lifters[rows[row]!.mnemonic];

/** What regions import from the interpreter's instance. */
export interface RegionHost {
  enter: (cpu: number, pc: number, depth: number, returnTo: number) => number;
  statusFlags: (cpu: number) => number;
  table: WebAssembly.Table;
}

/** Slots of `--trace=wasm` and the profiler. */
export const regionHooks: {
  translated: ((region: Region, bytes: Uint8Array, milliseconds: number) => void) | null;
} = { translated: null };

export class Regions {
  private readonly memory: WebAssembly.Memory;
  private readonly code: CodeCache;
  private readonly host: RegionHost;
  private readonly helpers: Record<string, WebAssembly.ImportValue>;
  private readonly counts = new Map<number, number>();
  private count = 0;

  constructor(memory: WebAssembly.Memory, code: CodeCache, host: RegionHost, helpers: Record<string, WebAssembly.ImportValue>) {
    this.memory = memory;
    this.code = code;
    this.host = host;
    this.helpers = helpers;
  }

  /** The interpreter was seen jumping to `rip`. */
  sample(rip: number, cpu: number): void {
    this.heat(rip, cpu, HOT_MISSES / HOT_SAMPLES);
  }

  /** A region has called `rip`, which has no region. */
  missed(rip: number, cpu: number): void {
    this.heat(rip, cpu, 1);
  }

  private heat(rip: number, cpu: number, weight: number): void {
    const seen = (this.counts.get(rip) ?? 0) + weight;
    if (seen < HOT_MISSES) {
      if (this.counts.size >= MAX_COUNTED) this.counts.clear();
      this.counts.set(rip, seen);
      return;
    }
    this.counts.delete(rip);
    if (this.count < MAX_REGIONS) this.translate(rip, cpu);
  }

  /** Translates the region of `rip` and installs it. */
  private translate(rip: number, cpu: number): void {
    const pages = this.code.current();
    const mode = pages.words[(cpu + Cpu.long) >> 2] !== 0 ? 64 : 32;
    if (this.code.hasRegion(rip)) return;
    const began = performance.now();
    const generation = this.code.generation;
    const region = discover(this.reader(), rip, mode, DEFAULT_LIMITS);
    if (region === null) return;
    const lifted = liftRegion(region, lifterOf);
    if (lifted.nodes[0]!.addresses.length === 0) return;
    const bytes = emitModule([lifted]);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: this.memory },
      engine: { enter: this.host.enter, statusFlags: this.host.statusFlags },
      helpers: this.helpers,
    });
    const slot = this.host.table.grow(1, instance.exports['r0']);
    this.count++;
    if (this.code.generation === generation) this.code.installRegion(rip, cpu, slot, region.ranges());
    regionHooks.translated?.(region, bytes, performance.now() - began);
  }

  /** Guest code as discovery reads it: every page it looks at is watched for writes from then on. */
  private reader(): CodeReader {
    const pages = this.code.current();
    const bytes = pages.bytes;
    return {
      bytes,
      position: (address) => address + BIAS,
      available: (address) => {
        const page = address >>> 12;
        if ((bytes[PERMISSION_TABLE + page]! & Perm.X) === 0) return 0;
        this.code.watch(page);
        const here = 4096 - (address & 4095);
        if (here >= 15 || (bytes[PERMISSION_TABLE + page + 1]! & Perm.X) === 0) return here;
        this.code.watch(page + 1);
        return here + 4096;
      },
    };
  }
}
