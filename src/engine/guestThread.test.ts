import { beforeAll, describe, expect, test, vi } from 'vitest';
import { Cpu, Eflags } from '../machine/cpuState.ts';
import { EngineField, Globals } from '../machine/codeLayout.ts';
import { CodePages } from '../machine/codePages.ts';
import { Access, Exit, STEPPED, Vector } from '../machine/exit.ts';
import { BIAS, Perm, RECORD_ARENA_END } from '../machine/memoryLayout.ts';
import { instantiateHelpers } from '../helpers/testing/instance.ts';
import { MAX_REGIONS, Regions } from './regions.ts';
import { OwnTranslator } from './translate/service.ts';
import type { TranslationRequest } from './translate/translation.ts';
import { TestGuest } from './testing/testGuest.ts';

let helpers: Uint8Array<ArrayBuffer>;
beforeAll(async () => { helpers = (await instantiateHelpers()).bytes; });

const CODE = 0x10000, DATA = 0x20000;
const RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSP = 4, RSI = 6, RDI = 7, R8 = 8, R9 = 9;

function guest(mode: 32 | 64, hex: string, permission?: number): TestGuest {
  const g = new TestGuest(mode, helpers);
  g.code(CODE, hex, permission);
  g.map(DATA, 0x2000, Perm.R | Perm.W);
  g.setGpr(RSP, DATA + 0x1800);
  g.rip = CODE;
  return g;
}

describe('guest thread', () => {
  test('system calls leave with rip behind them, and go on', () => {
    // mov eax,39; syscall; mov edi,eax; mov eax,60; syscall
    const g = guest(64, 'b8 27000000 0f05 89c7 b8 3c000000 0f05');
    const seen: [number, number][] = [];
    g.kernel = () => {
      seen.push([g.u32(Cpu.exitReason), Number(g.gpr(RAX))]);
      if (seen.length === 2) return false;
      g.setGpr(RAX, 77);
      return true;
    };
    g.run();
    expect(seen).toEqual([[Exit.syscall64, 39], [Exit.syscall64, 60]]);
    expect(g.gpr(RDI)).toBe(77n);
    expect(g.gpr(RCX)).toBe(BigInt(CODE + 16));
    expect(g.rip).toBe(CODE + 16);
  });

  test('int 0x80 and sysenter in 32-bit mode', () => {
    for (const [hex, reason] of [['cd80', Exit.int80], ['0f34', Exit.sysenter], ['0f05', Exit.sysenter]] as const) {
      const g = guest(32, hex);
      g.run();
      expect([g.u32(Cpu.exitReason), g.rip]).toEqual([reason, CODE + 2]);
    }
  });

  test('a loop that another worker has translated, beginning with an address record', () => {
    // loop: add eax,fs:[rdi+0x18]; sub esi,1; jnz loop; hlt
    const g = guest(64, '64034718 83ee01 75f7 f4');
    g.setGpr(RDI, DATA);
    g.view.setUint32(BIAS + DATA + 0x18, 3, true);
    for (const worker of [1, 2]) {
      g.rip = CODE;
      g.setGpr(RAX, 0);
      g.setGpr(RSI, 100_000);
      g.run();
      expect([worker, g.gpr(RAX), g.rip]).toEqual([worker, 300_000n, CODE + 9]);
      g.changeWorker();
    }
  });

  test('a loop of a few jumps is seen to be hot at each of them', () => {
    for (const jumps of [2, 4, 5, 8, 10, 16]) {
      // a: sub ecx,1; jz end; jmp [rdi]; end: hlt. Then jumps from place to place, back to a.
      const g = guest(64, '83e901 7402 ff27 f4'), places = [CODE], asked = new Set<number>();
      for (let k = 1; k < jumps; k++) {
        const at = CODE + 0x100 * k;
        g.code(at, `ff67${(8 * k).toString(16).padStart(2, '0')}`);
        places.push(at);
      }
      places.forEach((_, k) => g.view.setBigUint64(BIAS + DATA + 8 * k, BigInt(places[(k + 1) % jumps]!), true));
      g.setGpr(RDI, DATA);
      g.setGpr(RCX, 1_000_000);
      g.changeWorker(g.worker({ request: ({ entry }) => asked.add(entry), take: () => null }));
      g.run();
      expect([g.u32(Cpu.exitReason), g.gpr(RCX), asked]).toEqual([Exit.trap, 0n, new Set(places)]);
    }
  });

  test('a loop of long straight code is found hot although it jumps rarely', () => {
    // loop: 1000 nops; sub ecx,1; jnz loop; hlt
    const g = guest(64, '90'.repeat(1000) + '83e901 0f850ffcffff f4'), asked = new Set<number>();
    g.setGpr(RCX, 1000);
    g.changeWorker(g.worker({ request: ({ entry }) => asked.add(entry), take: () => null }));
    g.run();
    expect([g.gpr(RCX), asked]).toEqual([0n, new Set([CODE])]);
  });

  test('a recursive function whose translation comes after that of its second half is found and entered', () => {
    // mov edi,24; call fib; hlt. fib (at 0x20): its calls of itself return to 0x2e and 0x38.
    const fib = CODE + 0x20, g = guest(64, 'bf18000000e816000000f466662e0f1f840000000000662e0f1f84000000000083ff027c175783ef01e8f2ffffff5f5083ef02e8e8ffffff5a01d0c3b801000000c3'), own = new OwnTranslator();
    let late: TranslationRequest | null = null, looks = 0, halves = 0;
    g.changeWorker(g.worker({
      request: (r) => { if (r.entry === fib) late = r; else own.request(r); },
      take: () => {
        if (late !== null && halves > 0 && ++looks === 10) own.request(late);
        const made = own.take();
        if (made !== null && made.start !== fib) halves++;
        return made;
      },
    }));
    g.run();
    expect([g.u32(Cpu.exitReason), g.gpr(RAX)]).toEqual([Exit.trap, 75025n]);
    expect(looks).toBeGreaterThanOrEqual(10);
  });

  test('an indirect call goes to what it called last, while that is there', () => {
    // loop: call [rdi]; sub ecx,1; jnz loop; hlt. Three functions: add eax,1 (3, 5); ret
    const g = guest(64, 'ff17 83e901 75f9 f4'), functions = [CODE + 0x100, CODE + 0x200, CODE + 0x1000], learn = vi.spyOn(Regions.prototype, 'learn');
    functions.forEach((at, k) => g.code(at, `83c0${['01', '03', '05'][k]!} c3`));
    g.setGpr(RDI, DATA);
    g.changeWorker(g.worker(new OwnTranslator()));
    const sums: bigint[] = [];
    for (const [k, change] of [[0, false], [1, false], [0, false], [2, false], [2, true], [1, false]] as const) {
      g.view.setBigUint64(BIAS + DATA, BigInt(functions[k]!), true);
      if (change) {
        new CodePages(g.memory.buffer).dropRange(functions[k]!, 4);
        g.code(functions[k]!, '83c007 c3');
      }
      g.rip = CODE;
      g.setGpr(RAX, 0);
      g.setGpr(RCX, 100_000);
      g.run();
      sums.push(g.gpr(RAX) / 100_000n);
    }
    expect(sums).toEqual([1n, 3n, 1n, 5n, 7n, 3n]);
    expect(learn.mock.calls.length).toBeGreaterThan(2);
    expect(learn.mock.calls.length).toBeLessThan(30);
    learn.mockRestore();
  });

  test('a fault changes nothing', () => {
    // add [rdi],eax at an unmapped place; the instruction before sets flags
    const g = guest(64, '31c0 0107');
    g.setGpr(RDI, 0x7000_0000);
    g.run();
    expect([g.u32(Cpu.exitReason), g.u32(Cpu.exitCode), g.u32(Cpu.exitAddr), g.rip]).toEqual([Exit.fault, Access.write, 0x7000_0000, CODE + 2]);
    expect(g.u32(Cpu.ccSrc)).toBe(Eflags.ZF | Eflags.PF);
  });

  test('an access across two pages reports the page that refuses', () => {
    const g = guest(64, '488b07');
    g.setGpr(RDI, DATA + 0x2000 - 3);
    g.run();
    expect([g.u32(Cpu.exitReason), g.u32(Cpu.exitAddr)]).toEqual([Exit.fault, DATA + 0x2000]);
  });

  test('rep movsb over a page that is not there stops at its first byte', () => {
    const g = guest(64, 'f3a4');
    g.setGpr(RSI, DATA);
    g.setGpr(RDI, DATA + 0x1000);
    g.setGpr(RCX, 0x1800);
    g.bytes.fill(0x5a, BIAS + DATA, BIAS + DATA + 0x1000);
    g.run();
    expect([g.u32(Cpu.exitReason), g.u32(Cpu.exitAddr), g.rip]).toEqual([Exit.fault, DATA + 0x2000, CODE]);
    expect([g.gpr(RSI), g.gpr(RDI), g.gpr(RCX)]).toEqual([BigInt(DATA + 0x1000), BigInt(DATA + 0x2000), 0x800n]);
    expect(g.guestU8(DATA + 0x1fff)).toBe(0x5a);
  });

  test('an overlapping forward copy repeats its pattern', () => {
    const g = guest(64, 'f3a4 f4');
    g.bytes.set([1, 2, 3], BIAS + DATA);
    g.setGpr(RSI, DATA);
    g.setGpr(RDI, DATA + 3);
    g.setGpr(RCX, 9);
    g.run();
    expect([...g.bytes.subarray(BIAS + DATA, BIAS + DATA + 13)]).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 0]);
    expect([g.u32(Cpu.exitReason), g.u32(Cpu.exitCode)]).toEqual([Exit.trap, Vector.GP]);
  });

  test('code that writes over the next instruction', () => {
    // mov byte [rip+1],5; mov eax,1 (now 5); hlt
    const g = guest(64, 'c6050100000005 b801000000 f4', Perm.R | Perm.W | Perm.X);
    g.run();
    expect(g.gpr(RAX)).toBe(5n);
    expect(g.u32(Cpu.exitReason)).toBe(Exit.trap);
  });

  test('a 16-byte store over decoded code, whose first bytes stay as they are', () => {
    // call f; mov ebx,eax; movdqa xmm0,[rdi]; movdqa [rsi],xmm0; call f; hlt; f: mov eax,1 (later 2); ret
    const f = 'cccccccc b8 01000000 c3', written = 'cccccccc b8 02000000 c3';
    const g = guest(64, 'e81f000000 89c3 660f6f07 660f7f06 e810000000 f4' + '90'.repeat(11) + f, Perm.R | Perm.W | Perm.X);
    g.bytes.set(Buffer.from(written.replaceAll(' ', ''), 'hex'), BIAS + DATA);
    g.setGpr(RDI, DATA);
    g.setGpr(RSI, CODE + 0x20);
    g.run();
    expect([g.gpr(RBX), g.gpr(RAX)]).toEqual([1n, 2n]);
  });

  test('jumps to the ends of the address space, where no code is', () => {
    for (const to of [0, 0xffff_ffff]) {
      const g = guest(64, 'ffe7');
      g.setGpr(RDI, to);
      g.run();
      expect([g.u32(Cpu.exitReason), g.u32(Cpu.exitCode), g.u32(Cpu.exitAddr), g.rip]).toEqual([Exit.fault, Access.execute, to, to]);
    }
  });

  test('a loop that writes its own code each time round', () => {
    // again: inc byte [rip+imm of mov]; mov al,0 ; loop again ; hlt
    const g = guest(64, 'fe0501000000 b000 e2f6 f4', Perm.R | Perm.W | Perm.X);
    g.setGpr(RCX, 100);
    g.run();
    expect(g.gpr(RAX) & 0xffn).toBe(100n);
  });

  test('data beside code on one page does not disturb it', () => {
    // again: inc dword [rdi]; loop again; hlt
    const g = guest(64, 'ff07 e2fc f4', Perm.R | Perm.W | Perm.X);
    g.setGpr(RDI, CODE + 0x100);
    g.setGpr(RCX, 1000);
    g.run();
    expect(g.view.getUint32(BIAS + CODE + 0x100, true)).toBe(1000);
    expect(g.permission(CODE) & Perm.CODE).toBe(Perm.CODE);
  });

  test('the kernel drops the code of pages and gets their permission back', () => {
    const g = guest(64, 'b801000000 0f05 ebf7', Perm.R | Perm.W | Perm.X);
    let calls = 0;
    g.kernel = () => {
      if (calls++ === 1) return false;
      expect(g.permission(CODE)).toBe(Perm.R | Perm.X | Perm.CODE | Perm.CODE_W | Perm.SETTLED);
      new CodePages(g.memory.buffer).dropPages(CODE >> 12, CODE >> 12);
      expect(g.permission(CODE)).toBe(Perm.R | Perm.W | Perm.X);
      g.bytes[BIAS + CODE + 1] = 9;
      return true;
    };
    g.run();
    expect([calls, g.gpr(RAX)]).toEqual([2, 9n]);
  });

  test('an instruction across a page whose second page changes', () => {
    const g = guest(64, '90', Perm.R | Perm.W | Perm.X);
    const start = CODE + 0xffe;
    g.map(CODE + 0x1000, 0x1000, Perm.R | Perm.W | Perm.X);
    g.bytes.set([0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7], BIAS + start);
    g.rip = start;
    let calls = 0;
    g.kernel = () => {
      if (calls++ === 1) return false;
      new CodePages(g.memory.buffer).dropRange(CODE + 0x1000, 1);
      g.bytes[BIAS + CODE + 0x1000] = 2;
      return true;
    };
    g.run();
    expect(g.gpr(RAX)).toBe(0x201n);
  });

  test('fetching from a page without execute permission', () => {
    const g = guest(64, 'ffe7');
    g.setGpr(RDI, DATA);
    g.run();
    expect([g.u32(Cpu.exitReason), g.u32(Cpu.exitCode), g.u32(Cpu.exitAddr), g.rip]).toEqual([Exit.fault, Access.execute, DATA, DATA]);
  });

  test('the trap flag stops after each instruction', () => {
    // pushf; or dword [rsp],0x100; popf; nop; lea eax,[rdi+1]; nop
    const g = guest(64, '9c 810c2400010000 9d 90 8d4701 90');
    g.setGpr(RDI, 1);
    const stops: number[] = [];
    g.kernel = () => {
      expect([g.u32(Cpu.exitReason), g.u32(Cpu.exitCode)]).toEqual([Exit.trap, STEPPED]);
      stops.push(g.rip - CODE);
      return stops.length < 3;
    };
    g.run();
    expect(stops).toEqual([10, 13, 14]);
    expect(g.gpr(RAX)).toBe(2n);
  });

  test('a translated popf sets the trap flag or alignment checks once', () => {
    for (const flag of [0x100, 0x40000]) {
      // push rbx; popf; add eax,1; cmp esi,2; cmove ebx,ecx; sub esi,1; jnz; hlt
      const g = guest(64, '53 9d 83c001 83fe02 0f44d9 83ee01 75f0 f4'), sp = g.gpr(RSP);
      for (const [register, value] of [[RBX, 0x202], [RCX, 0x202 | flag], [RSI, 200_000]] as const) g.setGpr(register, value);
      g.run();
      const stepped = flag === 0x100;
      expect([g.regions(), g.u32(Cpu.exitReason), g.u32(Cpu.exitCode)]).toEqual([1, Exit.trap, stepped ? STEPPED : Vector.GP]);
      expect([g.rip, g.gpr(RAX), g.gpr(RSP)]).toEqual([CODE + (stepped ? 5 : 16), 200_000n, sp]);
    }
  });

  test('an endless loop can be interrupted', () => {
    const g = guest(64, 'ebfe');
    Atomics.store(new Int32Array(g.memory.buffer), (g.cpu + Cpu.interrupt) >> 2, 1);
    g.run();
    expect([g.u32(Cpu.exitReason), g.rip]).toEqual([Exit.interrupt, CODE]);
  });

  test('unaligned locked operations, across a page too', () => {
    // lock xadd [rdi],eax ; lock cmpxchg [rdi],ecx ; hlt
    const g = guest(64, 'f00fc107 f00fb10f f4');
    const at = DATA + 0xffe;
    g.view.setUint32(BIAS + at, 40, true);
    g.setGpr(RDI, at);
    g.setGpr(RAX, 2);
    g.setGpr(RCX, 99);
    g.run();
    // xadd leaves 42 and eax = 40; the comparison fails and loads 42
    expect([g.gpr(RAX), g.view.getUint32(BIAS + at, true)]).toEqual([42n, 42]);
  });

  test('all code is dropped when the arena is full', () => {
    // again: call to each of 32 pages in turn (inc eax; ret); loop again; hlt
    const g = guest(64, '90');
    const calls: number[] = [];
    for (let page = 0; page < 32; page++) {
      const at = 0x40000 + page * 0x1000;
      g.code(at, 'ffc0 c3');
      const rel = at - (CODE + 5 * (page + 1));
      calls.push(0xe8, rel & 0xff, (rel >> 8) & 0xff, (rel >> 16) & 0xff, (rel >> 24) & 0xff);
    }
    const back = -(calls.length + 6);
    // dec ecx; jnz again; hlt
    calls.push(0xff, 0xc9, 0x0f, 0x85, (back - 2) & 0xff, ((back - 2) >> 8) & 0xff, 0xff, 0xff, 0xf4);
    g.bytes.set(calls, BIAS + CODE);
    g.setGpr(RCX, 50);
    const words = new Int32Array(g.memory.buffer);
    words[Globals.arenaTop >> 2] = RECORD_ARENA_END - 2000;
    g.run();
    expect([g.gpr(RAX), g.gpr(RCX), g.u32(Cpu.exitReason)]).toEqual([1600n, 0n, Exit.trap]);
    expect(words[Globals.generation >> 2]).toBeGreaterThan(0);
  });

  test('code behind a translated region is changed, and a worker without the region runs on', () => {
    // L: dec ecx; jnz M; (invalid); hlt     M: inc r8d; jmp L     elsewhere: mov byte [rdi],0x90 (nop); hlt
    const rounds = 3_000_000;
    const g = guest(64, '90');
    g.code(CODE, 'ffc9 0f85f81f0000 06 f4', Perm.R | Perm.W | Perm.X);
    g.code(CODE + 0x1000, 'c60790 f4');
    g.code(CODE + 0x2000, '41ffc0 e9f8dfffff');
    g.setGpr(RCX, rounds);
    g.run();
    expect([g.gpr(R8), g.rip, g.regions()]).toEqual([BigInt(rounds - 1), CODE + 8, 1]);
    g.setGpr(RDI, CODE + 8);
    g.rip = CODE + 0x1000;
    g.changeWorker();
    g.run();
    g.setGpr(RCX, 3);
    g.rip = CODE;
    g.run();
    expect([g.gpr(R8), g.rip, g.regions()]).toEqual([BigInt(rounds + 1), CODE + 9, 0]);
  });

  test('a function that is changed while a call of it, two direct calls up, is in its translation', () => {
    // main: call A; add r9d,eax; dec ebx; jnz main; hlt     A, B: too long to be taken in
    const g = guest(64, 'e8fb0f0000 4101c1 ffcb 75f4 f4'), nops = '90'.repeat(45), all = Perm.R | Perm.W | Perm.X;
    // A: call B; mov eax,1; ret     B: call rdx; ret     C: dec edi; jnz over; mov [r8],sil; over: ret
    g.code(CODE + 0x1000, `${nops} e8ce0f0000 b801000000 c3`, all);
    g.code(CODE + 0x2000, `${nops} ffd2 c3`);
    g.code(CODE + 0x3000, 'ffcf 7503 418830 c3');
    const calls = 40_000, changed = 30_000;
    for (const [register, value] of [[RDX, CODE + 0x3000], [RBX, calls], [RDI, changed], [R8, CODE + 0x1033], [RSI, 5], [R9, 0]] as const) g.setGpr(register, value);
    g.run();
    expect(g.gpr(R9)).toBe(BigInt(changed - 1 + 5 * (calls - changed + 1)));
  });

  test('places of regions are used again when all code has been dropped, and no worker keeps what it had there', () => {
    // CODE: add eax,[the imm]; sub esi,1; jnz CODE; hlt     two such loops
    const g = guest(64, '05 01000000 83ee01 75f6 f4'), words = new Int32Array(g.memory.buffer);
    const other = CODE + 0x1000;
    g.code(other, '05 03000000 83ee01 75f6 f4');
    const loop = (at: number): bigint => {
      g.rip = at;
      g.setGpr(RAX, 0);
      g.setGpr(RSI, 100_000);
      g.run();
      return g.gpr(RAX);
    };
    expect([loop(CODE), words[Globals.regions >> 2]]).toEqual([100_000n, 1]);
    // The first worker has another region for the same address, in another place.
    new CodePages(g.memory.buffer).dropPages(CODE >>> 12, CODE >>> 12);
    expect([loop(CODE), words[Globals.regions >> 2]]).toEqual([100_000n, 2]);
    const first = g.changeWorker();
    words[Globals.regions >> 2] = MAX_REGIONS;
    // The second worker finds no place left.
    expect([loop(other), words[Globals.regions >> 2], words[Globals.generation >> 2]]).toEqual([300_000n, 1, 1]);
    g.changeWorker(first);
    expect(loop(other)).toBe(300_000n);
    expect(loop(CODE)).toBe(100_000n);
  });

  test('instances of dropped regions are let go', () => {
    const g = guest(64, '90'), pages = new CodePages(g.memory.buffer);
    for (let n = 0; n < 600; n++) {
      // add eax,1; sub esi,1; jnz; hlt
      const at = 0x100000 + n * 0x1000;
      g.code(at, '05 01000000 83ee01 75f6 f4');
      g.rip = at;
      g.setGpr(RSI, 120_000);
      g.run();
      pages.dropPages(at >>> 12, at >>> 12);
    }
    expect(pages.words[Globals.regionsDropped >> 2]).toBeGreaterThan(500);
    expect(g.regions()).toBeLessThan(300);
  });

  test('what a thread whose worker has died was doing does not stop the others', () => {
    const g = guest(64, 'b807000000 f4'), words = new Int32Array(g.memory.buffer), dead = g.cpu + Cpu.size;
    words[Globals.lock >> 2] = dead;
    words[Globals.flushing >> 2] = 1;
    words[(dead + EngineField.inside) >> 2] = 1;
    new CodePages(g.memory.buffer).abandon(dead);
    words[Globals.arenaTop >> 2] = RECORD_ARENA_END;
    g.run();
    expect(g.gpr(RAX)).toBe(7n);
  });

  test('waits for the lock of the decoded code outside the interpreter: its holder may be waiting for that', () => {
    const g = guest(64, 'f4'), words = new Int32Array(g.memory.buffer);
    const { compareExchange } = Atomics;
    let looks = 0;
    Atomics.store(words, Globals.lock >> 2, 1);
    Atomics.compareExchange = ((...args: Parameters<typeof compareExchange>) => {
      const found = compareExchange(...args);
      if (Number(args[1]) === Globals.lock >> 2 && Number(found) === 1) {
        // As flush() does it: the holder goes on when nobody is inside.
        if (Atomics.load(words, (g.cpu + EngineField.inside) >> 2) === 0) Atomics.store(words, Globals.lock >> 2, 0);
        else if (++looks > 1000) throw new Error('both wait for ever');
      }
      return found;
    }) as typeof compareExchange;
    try {
      g.run();
    } finally {
      Atomics.compareExchange = compareExchange;
    }
    expect([g.rip, looks]).toEqual([CODE, 1]);
  });
});
