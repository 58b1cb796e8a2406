import { describe, expect, it } from 'vitest';
import { Area, DEFAULT_CODE_OFFSET, Oracle, type OracleCase, oracleMissing, OracleState, seededData, St } from './oracle.ts';

const START = Area.code + DEFAULT_CODE_OFFSET;

function make(code: number[], set?: (s: OracleState) => void, more: Partial<OracleCase> = {}): OracleCase {
  const state = new OracleState();
  set?.(state);
  return { code: Uint8Array.from(code), state, ...more };
}

for (const bits of [64, 32] as const) {
  describe.skipIf(oracleMissing(bits) !== undefined)(`native oracle, ${bits} bits`, () => {
    const oracle = new Oracle(bits);
    const one = (c: OracleCase) => oracle.run([c])[0]!;

    it('adds and keeps everything else', () => {
      const r = one(make([0x01, 0xd8], (s) => {
        for (let i = 0; i < (bits === 64 ? 16 : 8); i++) s.setGpr(i, 0x1111111 * (i + 1));
        s.setGpr(0, 0xffffffff);
        s.setGpr(3, 1);
        s.xmm(3).set([1, 2, 3, 4]);
      }));
      expect(r.signo).toBe(0);
      expect(r.state.rip).toBe(START + 2);
      expect(r.state.gpr(0)).toBe(0n);
      expect(r.state.eflags & 0x8d5).toBe(0x55);
      expect(r.state.gpr(4)).toBe(BigInt(0x1111111 * 5));
      expect([...r.state.xmm(3)]).toEqual([1, 2, 3, 4]);
    });

    it('reports memory changes against the seeded contents', () => {
      const addr = Area.data + 0x1ffe;
      const r = one(make([0x89, 0x18], (s) => {
        s.setGpr(0, addr);
        s.setGpr(3, 0xdeadbeef);
      }, { seed: 7 }));
      const expected = seededData(7);
      new DataView(expected.buffer).setUint32(0x1ffe, 0xdeadbeef, true);
      expect(r.changes.map((c) => c.addr)).toEqual([Area.data + 0x1ff0, Area.data + 0x2000]);
      for (const c of r.changes) expect([...c.bytes]).toEqual([...expected.slice(c.addr - Area.data, c.addr - Area.data + 16)]);
    });

    it('reports faults with address and registers of the instruction', () => {
      const r = one(make([0x89, 0x18], (s) => s.setGpr(0, Area.readOnly + 8)));
      expect([r.signo, r.siCode, r.trapno, r.siAddr, r.err & 2, r.state.rip]).toEqual([11, 2, 14, Area.readOnly + 8, 2, START]);
      const beyond = one(make([0x8b, 0x18], (s) => s.setGpr(0, Area.readOnly + 0xffe)));
      expect([beyond.signo, beyond.siCode, beyond.siAddr]).toEqual([11, 1, Area.readOnly + 0x1000]);
      const divide = one(make([0xf7, 0xf1]));
      expect([divide.signo, divide.trapno]).toEqual([8, 0]);
      const own = one(make([0xcc]));
      expect([own.signo, own.trapno, own.state.rip]).toEqual([5, 3, START + 1]);
      const undefinedOp = one(make([0x0f, 0x0b]));
      expect([undefinedOp.signo, undefinedOp.trapno]).toEqual([4, 6]);
    });

    it('single-steps, stops endless loops, survives a wild stack pointer, catches system calls', () => {
      const step = one(make([0x90, 0x90], (s) => (s.eflags |= 0x100)));
      expect([step.signo, step.trapno, step.state.rip]).toEqual([5, 1, START + 1]);
      const loop = one(make([0xeb, 0xfe]));
      expect([loop.signo, loop.state.rip]).toEqual([26, START]);
      const wild = one(make([0x50], (s) => s.setGpr(4, 0x1000)));
      expect([wild.signo, wild.siAddr]).toEqual([11, bits === 64 ? 0xff8 : 0xffc]);
      const call = one(make([0xcd, 0x80], (s) => s.setGpr(0, 1)));
      expect(call.signo).toBe(31);
      expect(call.state.gpr(0)).toBe(1n);
    });

    it('carries x87 and SSE state through', () => {
      // fadd st0, st1; addps xmm0, xmm1
      const r = one(make([0xd8, 0xc1, 0x0f, 0x58, 0xc1], (s) => {
        const fx = St.fx;
        s.u16[(fx + 2) >> 1] = 6 << 11;
        s.bytes[fx + 4] = 0xc0;
        s.bytes.set([0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f], fx + 32);
        s.bytes.set([0, 0, 0, 0, 0, 0, 0, 0x80, 0x00, 0x40], fx + 48);
        s.f32.set([1, 2, 3, 4], St.xmm >> 2);
        s.f32.set([10, 20, 30, 0.1], (St.xmm >> 2) + 4);
      }));
      expect(r.signo).toBe(0);
      expect([...r.state.bytes.slice(St.fx + 32, St.fx + 42)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0x40]);
      expect([...r.state.f32.subarray(St.xmm >> 2, (St.xmm >> 2) + 3)]).toEqual([11, 22, 33]);
      expect(r.state.mxcsr).toBe(0x1fa0);
      expect(r.state.bytes[St.fx + 4]).toBe(0xc0);
    });

    it('has fs and gs bases', () => {
      const r = one(make([0x64, 0x8b, 0x00, 0x65, 0x8b, 0x09], (s) => {
        s.u64[St.fsBase >> 3] = BigInt(Area.data + 0x1000);
        s.u64[St.gsBase >> 3] = BigInt(Area.data + 0x2000);
        s.setGpr(0, 4);
        s.setGpr(1, 8);
      }, { seed: 3 }));
      const view = new DataView(seededData(3).buffer);
      expect([r.state.gpr(0), r.state.gpr(1)]).toEqual([BigInt(view.getUint32(0x1004, true)), BigInt(view.getUint32(0x2008, true))]);
    });

    it('runs self-modifying code in the self area', () => {
      // the code writes hlt over the nop it then jumps to
      const write = [0xc6, 0x00, 0xf4]; // mov byte [eax], hlt
      const r = one(make([0x90], (s) => s.setGpr(0, Area.self + 0x10), {
        usesSelf: true, startAt: Area.self,
        patches: [{ addr: Area.self, bytes: Uint8Array.from([...write, 0xeb, 0x0b]) }, { addr: Area.self + 0x10, bytes: Uint8Array.from([0x90]) }],
      }));
      expect([r.signo, r.trapno, r.state.rip]).toEqual([11, 13, Area.self + 0x10]);
      expect(r.changes.length).toBe(1);
    });

    it('runs thousands of cases a second', () => {
      const c = make([0x01, 0xd8]);
      const started = performance.now();
      expect(oracle.run(Array.from({ length: 5000 }, () => c)).length).toBe(5000);
      expect(performance.now() - started).toBeLessThan(5000);
    });
  });
}
