import { beforeAll, describe, expect, test } from 'vitest';
import { instantiateHelpers } from '../helpers/testing/instance.ts';
import { Cpu } from '../machine/cpuState.ts';
import { Access, Exit, Vector } from '../machine/exit.ts';
import { BIAS, Perm } from '../machine/memoryLayout.ts';
import { generateInterpreter } from './interpreter/generate.ts';
import { TestGuest } from './testing/testGuest.ts';

let helpers: Uint8Array<ArrayBuffer>;
beforeAll(async () => { helpers = (await instantiateHelpers()).bytes; });

const CODE = 0x10000, DATA = 0x20000, ABOVE = 0x4200000000n;
const RAX = 0, RDX = 2, RSP = 4, RSI = 6, RDI = 7;

function guest(hex: string, isTall = true): TestGuest {
  const g = new TestGuest(64, helpers);
  g.code(CODE, hex);
  g.map(DATA, 0x2000, Perm.R | Perm.W);
  g.setGpr(RSP, ABOVE + BigInt(DATA + 0x1800));
  g.rip = CODE;
  if (isTall) g.grow();
  return g;
}

function exit(g: TestGuest): unknown[] {
  return [g.u32(Cpu.exitReason), g.u32(Cpu.exitCode), g.view.getBigUint64(g.cpu + Cpu.exitAddr, true), g.rip];
}

describe('a tall address space', () => {
  test('has an interpreter with the same cases by the same numbers', () => {
    const [usual, tall] = [false, true].map((is) => new WebAssembly.Module(generateInterpreter(is) as Uint8Array<ArrayBuffer>));
    const table = (module: WebAssembly.Module): string => Buffer.from(WebAssembly.Module.customSections(module, 'cases')[0]!).toString('base64');
    expect(table(tall!)).toBe(table(usual!));
  });

  test.each([1, 100_000])('loads, stores, stack, atomics, vectors, x87 and string instructions above 4 GiB, %i times', (times) => {
    // loop: push rsi; pop rax; add [rdi],rax; lock inc qword [rdi+8]; movdqu xmm0,[rdi]; movdqa [rdi+0x20],xmm0; fld qword [rdi+0x40];
    // fstp qword [rdi+0x48]; sub esi,1; jnz loop; mov rsi,rdi; lea rdi,[rdi+0x100]; mov ecx,0x40; rep movsb; hlt
    const g = guest('56 58 480107 f048ff4708 f30f6f07 660f7f4720 dd4740 dd5f48 83ee01 75e2 4889fe 488dbf00010000 b940000000 f3a4 f4');
    g.setGpr(RDI, ABOVE + BigInt(DATA));
    g.setGpr(RSI, times);
    g.view.setFloat64(BIAS + DATA + 0x40, 2.5, true);
    g.bytes.fill(1, g.cpu + Cpu.x87Tag, g.cpu + Cpu.x87Tag + 8);
    g.run();
    const sum = BigInt(times) * BigInt(times + 1) / 2n, at = (offset: number): bigint => g.view.getBigUint64(BIAS + DATA + offset, true);
    expect([at(0), at(8), at(0x20), at(0x28), at(0x100), at(0x108), at(0x120)]).toEqual([sum, BigInt(times), sum, BigInt(times), sum, BigInt(times), sum]);
    expect(g.view.getFloat64(BIAS + DATA + 0x48, true)).toBe(2.5);
    expect([g.gpr(RDI), g.gpr(RSP)]).toEqual([ABOVE + BigInt(DATA + 0x140), ABOVE + BigInt(DATA + 0x1800)]);
    expect(g.regions()).toBe(times === 1 ? 0 : 1);
  });

  test('faults name the whole address, that of the second page too', () => {
    for (const [low, fault] of [[0x30000, 0x30000], [DATA + 0x1ffc, 0x22000], [0xfffffffc, 0xfffffffc]] as const) {
      // mov rax,[rdi]
      const g = guest('488b07 f4');
      g.setGpr(RDI, ABOVE + BigInt(low));
      g.run();
      expect(exit(g)).toEqual([Exit.fault, Access.read, ABOVE + BigInt(fault), CODE]);
    }
  });

  test('addresses that no processor has are none', () => {
    for (const address of [0x8000_0002_0000n, 0xffff_0000_0002_0000n, 0x7fff_ffff_fffcn]) {
      const g = guest('488b07 f4');
      g.setGpr(RDI, address);
      g.run();
      expect([g.u32(Cpu.exitReason), g.u32(Cpu.exitCode) & 0xff]).toEqual([Exit.trap, Vector.GP]);
    }
  });

  test('a thread amidst translated code goes on when the address space becomes tall', () => {
    // loop: call f; sub esi,1; jnz loop; hlt     f: cmp esi,50000; cmove rdi,rdx; add rax,[rdi]; ret
    const g = guest('e80b000000 83ee01 75f6 f4 9090909090 81fe50c30000 480f44fa 480307 c3', false);
    g.setGpr(RSP, DATA + 0x1800);
    g.setGpr(RDI, DATA);
    g.setGpr(RDX, ABOVE + BigInt(DATA));
    g.setGpr(RSI, 200_000);
    g.view.setBigUint64(BIAS + DATA, 3n, true);
    const seen: unknown[] = [];
    g.kernel = () => {
      if (seen.length > 0) return false;
      seen.push(exit(g), g.regions() > 0);
      g.grow();
      return true;
    };
    g.run();
    expect(seen).toEqual([[Exit.fault, Access.read, ABOVE + BigInt(DATA), CODE + 26], true]);
    expect([g.gpr(RAX), g.gpr(RDI), g.rip, g.regions() > 0]).toEqual([600_000n, ABOVE + BigInt(DATA), CODE + 10, true]);
  });

  test('a memory that becomes that of another process is as any', () => {
    const g = guest('488b07 f4');
    g.setGpr(RDI, ABOVE + BigInt(DATA));
    g.run();
    expect(g.rip).toBe(CODE + 3);
    g.grow(false);
    g.rip = CODE;
    g.run();
    expect(exit(g)).toEqual([Exit.fault, Access.read, ABOVE + BigInt(DATA), CODE]);
  });
});
