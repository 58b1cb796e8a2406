/**
 * Programs that change their own code while it runs: a loop of `mov reg, imm32`, stores of random widths into the immediates
 * (and now and then the registers) of other slots before and behind, in a page that is writable and executable.
 */
import { Area, OracleState, type OracleCase } from '../oracle/oracle.ts';
import type { Random } from './random.ts';

const RCX = 1;
/** rsp and rcx (the loop counter) are left alone; rsi, rdi, rbp too, so that byte forms differ little between modes. */
const targets = [0, 2, 3, 0, 2, 3] as const;

function little32(value: number): number[] {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
}

/** A store of `size` bytes of an immediate to an absolute address (through a base register of 0 plus disp32). */
function store(mode: 32 | 64, address: number, size: 1 | 2 | 4, value: number): number[] {
  const prefix = size === 2 ? [0x66] : [];
  // [disp32]: in 64-bit mode that needs a SIB byte.
  const modrm = mode === 64 ? [0x04, 0x25] : [0x05];
  return [...prefix, size === 1 ? 0xc6 : 0xc7, ...modrm, ...little32(address), ...little32(value).slice(0, size)];
}

export function selfModifyingCase(mode: 32 | 64, random: Random): OracleCase {
  const start = Area.self + 0x100 + random.below(0xa00);
  const bytes: number[] = [];
  const slots: number[] = [];
  const holes: { at: number; size: 1 | 2 | 4 }[] = [];
  const count = 4 + random.below(10);
  for (let k = 0; k < count; k++) {
    if (random.chance(0.6)) {
      slots.push(bytes.length);
      bytes.push(0xb8 + random.pick(targets), ...little32(random.u32()));
    } else if (random.chance(0.4)) bytes.push(0x01, 0xc0 | (random.pick(targets) << 3) | random.pick([0, 2, 3]));
    else {
      const size = random.pick([1, 2, 4] as const);
      holes.push({ at: bytes.length, size });
      bytes.push(...store(mode, 0, size, 0));
    }
  }
  if (slots.length === 0) return selfModifyingCase(mode, random);
  // dec ecx; jnz start
  bytes.push(0x83, 0xe9, 0x01, 0x0f, 0x85, ...little32(-(bytes.length + 9)));
  for (const hole of holes) {
    const slot = random.pick(slots);
    const opcode = random.chance(0.15);
    const offset = opcode ? 0 : 1 + random.below(5 - hole.size);
    const value = opcode ? 0xb8 + random.pick(targets) : random.u32();
    bytes.splice(hole.at, 0);
    const code = store(mode, start + slot + offset, opcode ? 1 : hole.size, value);
    if (code.length <= store(mode, 0, hole.size, 0).length) code.forEach((byte, k) => (bytes[hole.at + k] = byte));
    // A shorter store leaves the tail of the longer: fill with nops.
    for (let k = code.length; k < store(mode, 0, hole.size, 0).length; k++) bytes[hole.at + k] = 0x90;
  }
  const state = new OracleState();
  for (let k = 0; k < 8; k++) state.setGpr(k, random.u32());
  state.setGpr(4, Area.data + 0x1000);
  state.setGpr(RCX, 1 + random.below(4));
  return { code: Uint8Array.of(0xcc), state, startAt: start, usesSelf: true, patches: [{ addr: start, bytes: Uint8Array.from(bytes) }] };
}

/** A hot inner loop of arithmetic with immediates; between its runs the outer loop changes some of them. */
export function changedWhenHotCase(mode: 32 | 64, random: Random): OracleCase {
  const start = Area.self + 0x80 + random.below(0x800);
  const bytes: number[] = [];
  const turns = 20_000 + random.below(30_000);
  bytes.push(0xb8 + RCX, ...little32(turns));
  const top = bytes.length;
  const slots: number[] = [];
  for (let k = 0; k < 2 + random.below(5); k++) {
    const form = random.below(4);
    if (form === 0) bytes.push(0x05);
    else if (form === 1) bytes.push(0x81, 0xf2);
    else if (form === 2) bytes.push(0x69, 0xdb);
    else bytes.push(0x8d, 0x84, 0x10);
    slots.push(bytes.length);
    bytes.push(...little32(random.u32() | 1));
  }
  // A function call in the loop now and then, its immediate changed like the others.
  const callAt = random.chance(0.5) ? bytes.length : -1;
  if (callAt >= 0) bytes.push(0xe8, 0, 0, 0, 0);
  bytes.push(0x83, 0xe9, 1, 0x0f, 0x85, ...little32(top - (bytes.length + 9)));
  for (const slot of slots) if (random.chance(0.5)) bytes.push(...store(mode, start + slot, random.pick([1, 2, 4] as const), random.u32()));
  const functionPatch = callAt >= 0 ? bytes.length : -1;
  if (callAt >= 0) bytes.push(...store(mode, 0, 4, random.u32()));
  // dec dword [rsi]; jnz start
  bytes.push(0xff, 0x0e, 0x0f, 0x85, ...little32(-(bytes.length + 8)));
  bytes.push(0xcc);
  if (callAt >= 0) {
    const target = bytes.length;
    little32(target - (callAt + 5)).forEach((byte, k) => (bytes[callAt + 1 + k] = byte));
    bytes.push(0x81, 0xc3, ...little32(random.u32()), 0xc3);
    const patch = store(mode, start + target + 2, 4, random.u32());
    patch.forEach((byte, k) => (bytes[functionPatch + k] = byte));
  }
  const state = new OracleState();
  for (let k = 0; k < 8; k++) state.setGpr(k, random.u32());
  state.setGpr(4, Area.data + 0x1000);
  state.setGpr(6, Area.data + 0x800);
  const counter = { addr: Area.data + 0x800, bytes: Uint8Array.from(little32(3 + random.below(4))) };
  return { code: Uint8Array.of(0xcc), state, startAt: start, usesSelf: true, patches: [{ addr: start, bytes: Uint8Array.from(bytes) }, counter] };
}
