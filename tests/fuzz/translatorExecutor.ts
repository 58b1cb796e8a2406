/** Runs a case as one translated region: tests the lifters with constant operands and the region emitter. */
import { readFileSync } from 'node:fs';
import { emitModule, liftRegion } from '../../src/engine/translate/translate.ts';
import { type CodeReader, discover } from '../../src/engine/translate/region.ts';
import { rows } from '../../src/isa/rows.ts';
import { lifters } from '../../src/lift/lifters.ts';
import { Cpu } from '../../src/machine/cpuState.ts';
import { BIAS, PAGE_SIZE } from '../../src/machine/memoryLayout.ts';
import { Area, DEFAULT_CODE_OFFSET, type OracleResult } from '../oracle/oracle.ts';
import type { Executor } from './fuzz.ts';
import type { FuzzCase } from './fuzzCase.ts';
import { Guest } from './guest.ts';
import { lazyStatus } from './lazyFlags.ts';

type RegionFunction = (cpu: number, depth: number) => number;

export class TranslatorExecutor implements Executor {
  readonly mode: 32 | 64;
  readonly guest: Guest;
  private readonly helpers: WebAssembly.Exports;
  private readonly tall: boolean;
  /** Cases left to the interpreter since the last look. */
  refused = 0;

  constructor(mode: 32 | 64, helperPath: string, tall = false) {
    this.mode = mode;
    this.tall = tall;
    this.guest = new Guest(mode);
    const module = new WebAssembly.Module(readFileSync(helperPath));
    this.helpers = new WebAssembly.Instance(module, { env: { memory: this.guest.memory } }).exports;
  }

  /** The region that begins where the loaded case does; null: there is none. */
  region(start: number): RegionFunction | null {
    const { guest } = this, end = Area.code + Area.codeSize;
    const reader: CodeReader = {
      bytes: guest.bytes,
      position: (address) => BIAS + address,
      available: (address) => (address >= Area.code && address < end ? Math.min(end - address, PAGE_SIZE) : 0),
    };
    const region = discover(reader, start, this.mode);
    if (region === null) return null;
    const lifted = liftRegion(region, (row) => lifters[rows[row]!.mnemonic]);
    const module = new WebAssembly.Module(emitModule(lifted, { tall: this.tall }));
    const instance = new WebAssembly.Instance(module, {
      env: { memory: guest.memory },
      engine: { enter: (_cpu: number, address: number) => address, statusFlags: (cpu: number) => lazyStatus(guest.view, cpu), learn: () => 1 },
      helpers: this.helpers as WebAssembly.ModuleImports,
    });
    return instance.exports['region'] as RegionFunction;
  }

  /** Null: the region leaves the case to the interpreter. */
  run(c: FuzzCase): OracleResult | null {
    const guest = this.guest;
    guest.load(c, c.exactSse);
    const start = c.startAt ?? Area.code + (c.codeOffset ?? DEFAULT_CODE_OFFSET), end = Area.code + Area.codeSize;
    const region = this.region(start);
    if (region === null) return this.refuse();
    const next = region(guest.cpu, 0);
    const rip = next === -1 ? guest.view.getUint32(guest.cpu + Cpu.rip, true) : next >>> 0;
    // Where the filler is, the processor traps: that is the end. Anything else goes to the interpreter.
    const inCode = rip >= Area.code && rip < end && (rip < start || rip >= start + c.code.length);
    if (!inCode || guest.view.getUint32(guest.cpu + Cpu.rip + 4, true) !== 0 && next === -1) return this.refuse();
    guest.view.setBigUint64(guest.cpu + Cpu.rip, BigInt(rip + 1), true);
    return guest.result(c, lazyStatus(guest.view, guest.cpu), true);
  }

  private refuse(): null {
    this.refused++;
    return null;
  }
}
