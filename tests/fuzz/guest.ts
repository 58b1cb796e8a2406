/**
 * A guest memory laid out like the oracle's: code, data, read-only data, nothing else; loads cases into a CPU state and
 * reads results out of it.
 */
import { Cpu, Eflags, Seg } from '../../src/machine/cpuState.ts';
import { packDescriptor } from '../../src/machine/descriptors.ts';
import { Access, Exit, Vector } from '../../src/machine/exit.ts';
import { BIAS, CPU_AREA, PAGE_SHIFT, PERMISSION_TABLE, Perm } from '../../src/machine/memoryLayout.ts';
import { sseExactFor } from '../../src/machine/mxcsr.ts';
import { Area, DEFAULT_CODE_OFFSET, type OracleCase, type OracleResult, OracleState, type Patch, seededData, St } from '../oracle/oracle.ts';

const KEPT = Eflags.STATUS | Eflags.DF | Eflags.FIXED | Eflags.IF;
const END = Area.readOnly + Area.readOnlySize;
const filled = Area.dataSize + Area.readOnlySize;

export class Guest {
  readonly mode: 32 | 64;
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly cpu = CPU_AREA;
  private readonly seeds = new Map<number, Uint8Array>();
  /** Data and read-only area before the case. */
  private readonly before = new Uint8Array(filled);
  private codeUsed: [number, number] = [Area.code, Area.code + Area.codeSize];

  constructor(mode: 32 | 64) {
    this.mode = mode;
    this.memory = new WebAssembly.Memory({ initial: (BIAS + END + 0x100000) >>> 16, maximum: 65536, shared: true });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
  }

  resetPermissions(): void {
    const permit = (addr: number, size: number, bits: number): void => {
      this.bytes.fill(bits, PERMISSION_TABLE + (addr >>> PAGE_SHIFT), PERMISSION_TABLE + ((addr + size) >>> PAGE_SHIFT));
    };
    permit(Area.code, Area.codeSize, Perm.R | Perm.X);
    permit(Area.data, Area.dataSize, Perm.R | Perm.W);
    permit(Area.readOnly, Area.readOnlySize, Perm.R);
  }

  /** `exact`: SSE arithmetic goes through the helpers although MXCSR is at its reset value. */
  load(c: OracleCase, exact: boolean): void {
    this.resetPermissions();
    this.bytes.fill(0xcc, BIAS + this.codeUsed[0], BIAS + this.codeUsed[1]);
    const start = Area.code + (c.codeOffset ?? DEFAULT_CODE_OFFSET);
    this.bytes.set(c.code, BIAS + start);
    this.codeUsed = [start, start + c.code.length];
    const seed = c.seed ?? 0;
    let contents = this.seeds.get(seed);
    if (contents === undefined) this.seeds.set(seed, (contents = seededData(seed)));
    this.before.set(contents);
    this.loadSelf(c);
    for (const p of c.patches ?? []) if (p.addr >= Area.data) this.before.set(p.bytes, p.addr - Area.data);
    this.bytes.set(this.before, BIAS + Area.data);
    this.loadCpu(c.state, c.startAt ?? start, exact);
  }

  /** The writable and executable page of cases that change their own code. */
  private loadSelf(c: OracleCase): void {
    if (c.usesSelf !== true) return;
    this.bytes[PERMISSION_TABLE + (Area.self >>> PAGE_SHIFT)] = Perm.R | Perm.W | Perm.X;
    this.bytes.fill(0xcc, BIAS + Area.self, BIAS + Area.self + Area.selfSize);
    for (const p of c.patches ?? []) if (p.addr < Area.data) this.bytes.set(p.bytes, BIAS + p.addr);
  }

  private loadCpu(s: OracleState, rip: number, exact: boolean): void {
    const at = this.cpu, v = this.view, long = this.mode === 64;
    this.bytes.fill(0, at, at + Cpu.size);
    this.bytes.set(s.bytes.subarray(0, long ? 128 : 64), at + Cpu.gpr);
    if (!long) for (let k = 0; k < 8; k++) v.setUint32(at + Cpu.gpr + k * 8 + 4, 0, true);
    v.setBigUint64(at + Cpu.rip, BigInt(rip), true);
    v.setUint32(at + Cpu.ccOp, 0, true);
    v.setUint32(at + Cpu.ccSrc, s.eflags & Eflags.STATUS, true);
    v.setInt32(at + Cpu.df, (s.eflags & Eflags.DF) !== 0 ? -1 : 1, true);
    v.setUint32(at + Cpu.eflagsSystem, s.eflags & ~KEPT, true);
    v.setUint32(at + Cpu.long, long ? 1 : 0, true);
    v.setBigUint64(at + Cpu.segBase + Seg.fs * 8, s.u64[St.fsBase >> 3]!, true);
    v.setBigUint64(at + Cpu.segBase + Seg.gs * 8, s.u64[St.gsBase >> 3]!, true);
    const selectors = long ? [0, 0x33, 0x2b, 0, 0, 0] : [0x2b, 0x23, 0x2b, 0x2b, 0x6b, 0x73];
    for (const [k, place] of [[1, St.fsBase], [2, St.gsBase]] as const) {
      const [lo, hi] = packDescriptor(s.u32[place >> 2]!, 0xfffff, 0x51);
      v.setUint32(this.cpu + Cpu.tls + 8 * k, lo, true);
      v.setUint32(this.cpu + Cpu.tls + 8 * k + 4, hi, true);
    }
    selectors.forEach((selector, k) => v.setUint32(at + Cpu.segSelector + k * 4, selector, true));
    const status = s.u16[(St.fx >> 1) + 1]!, top = (status >> 11) & 7;
    v.setUint32(at + Cpu.x87Control, s.u16[St.fx >> 1]!, true);
    v.setUint32(at + Cpu.x87Status, status & ~0x3800, true);
    v.setUint32(at + Cpu.x87Top, top, true);
    for (let k = 0; k < 8; k++) {
      this.bytes[at + Cpu.x87Tag + k] = ((s.bytes[St.fx + 4]! >> k) & 1) ^ 1;
      const st = St.fx + 32 + ((k - top) & 7) * 16;
      this.bytes.set(s.bytes.subarray(st, st + 10), at + Cpu.x87Reg + k * 16);
    }
    this.bytes.set(s.bytes.subarray(St.xmm, St.xmm + (long ? 256 : 128)), at + Cpu.xmm);
    v.setUint32(at + Cpu.mxcsr, s.mxcsr, true);
    v.setUint32(at + Cpu.sseExact, exact ? 1 : sseExactFor(s.mxcsr), true);
  }

  /** `status` = the six status flags, the lazy ones evaluated. */
  private readCpu(status: number): OracleState {
    const s = new OracleState(), at = this.cpu, v = this.view, long = this.mode === 64;
    s.bytes.set(this.bytes.subarray(at + Cpu.gpr, at + Cpu.gpr + (long ? 128 : 64)), 0);
    s.u64[St.rip >> 3] = v.getBigUint64(at + Cpu.rip, true);
    s.eflags = status | (v.getInt32(at + Cpu.df, true) < 0 ? Eflags.DF : 0) | v.getUint32(at + Cpu.eflagsSystem, true) | Eflags.FIXED | Eflags.IF;
    s.u64[St.fsBase >> 3] = v.getBigUint64(at + Cpu.segBase + Seg.fs * 8, true);
    s.u64[St.gsBase >> 3] = v.getBigUint64(at + Cpu.segBase + Seg.gs * 8, true);
    for (let k = 0; k < 6; k++) s.u16[(St.selectors >> 1) + k] = v.getUint32(at + Cpu.segSelector + k * 4, true);
    const top = v.getUint32(at + Cpu.x87Top, true) & 7;
    s.u16[St.fx >> 1] = v.getUint32(at + Cpu.x87Control, true);
    s.u16[(St.fx >> 1) + 1] = (v.getUint32(at + Cpu.x87Status, true) & ~0x3800) | (top << 11);
    let tag = 0;
    for (let k = 0; k < 8; k++) {
      if (this.bytes[at + Cpu.x87Tag + k] === 0) tag |= 1 << k;
      const st = St.fx + 32 + ((k - top) & 7) * 16;
      s.bytes.set(this.bytes.subarray(at + Cpu.x87Reg + k * 16, at + Cpu.x87Reg + k * 16 + 10), st);
    }
    s.bytes[St.fx + 4] = tag;
    s.bytes.set(this.bytes.subarray(at + Cpu.xmm, at + Cpu.xmm + (long ? 256 : 128)), St.xmm);
    s.mxcsr = v.getUint32(at + Cpu.mxcsr, true);
    return s;
  }

  private changes(): Patch[] {
    const out: Patch[] = [];
    const base = BIAS + Area.data;
    const now = new BigUint64Array(this.memory.buffer, base, filled / 8), was = new BigUint64Array(this.before.buffer);
    for (let k = 0; k < now.length; k += 2) {
      if (now[k] === was[k] && now[k + 1] === was[k + 1]) continue;
      out.push({ addr: Area.data + k * 8, bytes: this.bytes.slice(base + k * 8, base + k * 8 + 16) });
    }
    return out;
  }

  /** What the oracle would have reported. Call when the guest has left to the kernel, or (`filler`) with rip behind an int3. */
  result(c: OracleCase, status: number, filler = false): OracleResult {
    const state = this.readCpu(status), v = this.view, at = this.cpu;
    const reason = filler ? Exit.trap : v.getUint32(at + Cpu.exitReason, true), code = filler ? Vector.BP : v.getUint32(at + Cpu.exitCode, true);
    const r: OracleResult = { signo: 11, siCode: 0, trapno: 0, err: 0, siAddr: 0, state, changes: this.changes(), lost: false };
    if (reason === Exit.fault) {
      r.trapno = Vector.PF;
      r.siAddr = Number(v.getBigUint64(at + Cpu.exitAddr, true));
      r.err = code === Access.write ? 2 : 0;
      // Beyond the canonical addresses there is the end of the address space.
      const addr = v.getBigInt64(at + Cpu.exitAddr, true);
      if (BigInt.asIntN(48, addr) !== addr) r.trapno = Vector.GP;
    } else if (reason === Exit.trap) {
      r.trapno = code & 0xffff;
      r.err = code >>> 16;
      r.signo = r.trapno === Vector.UD ? 4 : r.trapno === Vector.DE || r.trapno === Vector.MF || r.trapno === Vector.XM ? 8 : r.trapno === Vector.BP || r.trapno === Vector.DB ? 5 : 11;
    } else r.trapno = -reason;
    const start = Area.code + (c.codeOffset ?? DEFAULT_CODE_OFFSET);
    const arrived = state.rip - 1;
    if (r.trapno === Vector.BP && (arrived < start || arrived >= start + c.code.length)) {
      r.signo = 0;
      r.trapno = 0;
      state.rip = arrived;
    }
    return r;
  }
}
