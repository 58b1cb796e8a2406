/**
 * Calls of a region: straight into the callee's region where it is known or was called last, through `enter` otherwise. All registers are
 * in the CPU state, the callee's address is in the local `pc`; so is the address it comes back with.
 */
import { Field } from '../ir/ops.ts';
import { Case } from '../machine/codeLayout.ts';
import { BIAS, PERMISSION_TABLE, Perm } from '../machine/memoryLayout.ts';
import type { Code } from '../wasm/code.ts';
import type { NodeEnd } from './regionNode.ts';
import type { RegionImports } from './regionTarget.ts';

interface Callee {
  readonly place: number;
  readonly record: number;
}

export interface CallImports extends RegionImports {
  /** Number of the region's own function. */
  readonly itself: number;
  /** Its type. */
  readonly signature: number;
  /** Another region's place in table 0, and the number of the global with its record (0: it has none). */
  callee(address: number): Callee;
  /** The same for what an indirect call has called, and the number of the global that counts down how often it may yet call something else. */
  site(): Callee & { turns: number };
  /** Global: the region's own place in the interpreter's table. */
  readonly slot: number;
  /** (slot, place, guest address) -> i32: calls of the site go there now; how often it may call something else until the next time. */
  readonly learn: number;
  /** (cpu, guest address, depth, return address) -> i32: runs the guest from the address until it is at the return address; anything else returned unwinds. */
  readonly enter: number;
  /** --profile: EngineField.region says which region runs. */
  readonly profiled: boolean;
}

/** Parameters of the region's function. */
export const CPU = 0, DEPTH = 1;

export class RegionCalls {
  private readonly wasm: Code;
  private readonly imports: CallImports;
  private readonly wide: boolean;
  /** Where the region begins. */
  private readonly start: number;
  private readonly pc: number;
  /** Label behind all that writes registers back. */
  out = 0;

  constructor(wasm: Code, imports: CallImports, wide: boolean, start: number, pc: number) {
    this.wasm = wasm;
    this.imports = imports;
    this.wide = wide;
    this.start = start;
    this.pc = pc;
  }

  /** A call whose callee is known, its address in `pc`: straight into its region while the record it was bound to lives. */
  direct(end: Extract<NodeEnd, { kind: 'call' }>): void {
    const { wasm, pc } = this;
    const address = end.slot?.value ?? end.target;
    const done = wasm.block(), unknown = wasm.block();
    if (end.slot !== null) {
      wasm.get(pc);
      wasm.i32(address | 0);
      wasm.op('i32.ne');
      wasm.brIf(unknown);
    }
    const callee = address === this.start ? null : this.imports.callee(address);
    if (callee !== null) this.unlessLive(callee, unknown);
    this.callRegion(callee, end.returnTo, done);
    wasm.end();
    this.enter(end.returnTo);
    wasm.end();
  }

  /** A call to the address in `pc`: straight into the region that was called there last, if it is that one's. */
  indirect(returnTo: number): void {
    const { wasm, pc } = this, site = this.imports.site();
    const done = wasm.block(), unknown = wasm.block();
    wasm.globalGet(site.record);
    wasm.mem('i32.load', Field.rip, 2);
    wasm.get(pc);
    wasm.op('i32.ne');
    wasm.brIf(unknown);
    this.unlessLive(site, unknown);
    this.callRegion(site, returnTo, done);
    wasm.end();
    wasm.globalGet(site.turns);
    wasm.i32(1);
    wasm.op('i32.sub');
    wasm.globalSet(site.turns);
    wasm.globalGet(site.turns);
    wasm.op('i32.eqz');
    wasm.if();
    wasm.globalGet(this.imports.slot);
    wasm.i32(site.place);
    wasm.get(pc);
    wasm.call(this.imports.learn);
    wasm.globalSet(site.turns);
    wasm.end();
    this.enter(returnTo);
    wasm.end();
  }

  private unlessLive({ record }: Callee, unknown: number): void {
    const { wasm } = this;
    wasm.globalGet(record);
    wasm.mem('i32.load16_u', Field.caseId, 1);
    wasm.i32(Case.region);
    wasm.op('i32.ne');
    wasm.brIf(unknown);
  }

  /** `callee`: null is the region itself. To `done` when it has returned. */
  private callRegion(callee: Callee | null, returnTo: number, done: number): void {
    const { wasm } = this;
    wasm.get(CPU);
    this.deeper();
    if (callee === null) wasm.call(this.imports.itself);
    else {
      wasm.i32(callee.place);
      wasm.callIndirect(this.imports.signature);
    }
    wasm.tee(this.pc);
    wasm.i32(returnTo | 0);
    wasm.op('i32.eq');
    wasm.brIf(done);
  }

  /** The callee's address on the stack: a stub is skipped while its slot, which may be read, has the value it had. */
  address({ target, slot }: Extract<NodeEnd, { kind: 'call' }>): void {
    const { wasm } = this;
    if (slot === null) {
      wasm.i32(target | 0);
      return;
    }
    const { address, value } = slot, word = this.wide ? 'i64' : 'i32';
    wasm.i32(value | 0);
    wasm.i32(target | 0);
    wasm.i32(0);
    wasm.mem(`${word}.load`, address + BIAS);
    if (this.wide) wasm.i64(value | 0, 0);
    else wasm.i32(value | 0);
    wasm.op(`${word}.eq`);
    wasm.i32(0);
    wasm.mem('i32.load8_u', PERMISSION_TABLE + (address >>> 12));
    wasm.i32(Perm.R);
    wasm.op('i32.and');
    wasm.i32(0);
    wasm.op('i32.ne');
    wasm.op('i32.and');
    wasm.op('select');
  }

  private deeper(): void {
    this.wasm.get(DEPTH);
    this.wasm.i32(1);
    this.wasm.op('i32.add');
  }

  /** Runs on from `pc` until the guest is at `returnTo`; everything else unwinds. */
  private enter(returnTo: number): void {
    const { wasm, pc } = this;
    wasm.get(CPU);
    wasm.get(pc);
    this.deeper();
    wasm.i32(returnTo | 0);
    wasm.call(this.imports.enter);
    wasm.tee(pc);
    wasm.i32(returnTo | 0);
    wasm.op('i32.ne');
    wasm.brIf(this.out);
  }
}
