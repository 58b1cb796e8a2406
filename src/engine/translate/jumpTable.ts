/**
 * Where an indirect jump of a `switch` may lead: the table it reads is looked for in the code around it, as compilers write
 * such jumps. What is found is only a guess that says which addresses are worth a region of their own.
 */
import { BASE_RIP, type Instruction, Kind } from '../../isa/instruction.ts';
import { rowAt } from '../../isa/rows.ts';
import type { CodeReader } from './region.ts';

/** Bytes before and behind the jump in which the table's address is looked for. */
const NEAR = 0x4000;
/** How far a case lies from its jump at the most. */
const FAR = 0x40000;
const MAX_CASES = 1024;
/** Fewer plausible entries are no table. */
const MIN_CASES = 2;

interface Table {
  /** Register with the address that the entries count from, or the table's; -1 = `address` is whole. */
  base: number;
  /** Added to the base. */
  address: number;
  /** Bytes of an entry. */
  size: 4 | 8;
  /** Entries are distances from the base register. */
  relative: boolean;
}

/** Addresses the jump at the end of the block may lead to; empty: no table was found. */
export function jumpTargets(reader: CodeReader, instructions: readonly Instruction[], addresses: readonly number[], mode: 32 | 64): number[] {
  const last = instructions.length - 1, jump = instructions[last]!, from = addresses[last]!;
  const table = tableOf(instructions, addresses, jump, mode);
  if (table === null || reader.readable === undefined) return [];
  if (table.base < 0) return entriesAt(reader, table, table.address >>> 0, 0, from);
  if (mode === 32) return [];
  for (const base of loadedBases(reader, table.base, from)) {
    const found = entriesAt(reader, table, base + table.address, base, from);
    if (found.length >= MIN_CASES) return found;
  }
  return [];
}

function tableOf(instructions: readonly Instruction[], addresses: readonly number[], jump: Instruction, mode: 32 | 64): Table | null {
  const size = mode === 64 ? 8 : 4;
  if (jump.op0.kind === Kind.mem) return jump.index >= 0 ? { base: jump.base, address: jump.disp, size, relative: false } : null;
  if (jump.op0.kind !== Kind.gpr) return null;
  let register = jump.op0.reg, relativeTo = -1;
  for (let k = instructions.length - 2; k >= 0; k--) {
    const i = instructions[k]!, name = rowAt(i.row).mnemonic;
    if (i.op0.kind !== Kind.gpr || i.op0.reg !== register) continue;
    if (name === 'add' && i.op1.kind === Kind.gpr && relativeTo < 0) {
      // add offset, base; jmp offset
      relativeTo = i.op1.reg;
      const load = loadOf(instructions, k, register) ?? loadOf(instructions, k, relativeTo);
      if (load === null) return null;
      if (load.op0.reg === relativeTo) [register, relativeTo] = [relativeTo, register];
      return load.base === relativeTo ? { base: relativeTo, address: load.disp, size: 4, relative: true } : null;
    }
    if (name === 'mov' && i.op1.kind === Kind.mem && i.index >= 0) {
      if (i.base === BASE_RIP) return { base: -1, address: addresses[k]! + i.length + i.disp, size, relative: false };
      return { base: i.base, address: i.disp, size, relative: false };
    }
    return null;
  }
  return null;
}

/** In 32-bit code nothing needs extending. */
const LOADS = new Set(['movsxd', 'mov']);

/** The load that gives `register` its value before instruction `before`. */
function loadOf(instructions: readonly Instruction[], before: number, register: number): Instruction | null {
  for (let k = before - 1; k >= 0; k--) {
    const i = instructions[k]!;
    if (i.op0.kind !== Kind.gpr || i.op0.reg !== register) continue;
    return LOADS.has(rowAt(i.row).mnemonic) && i.op1.kind === Kind.mem && i.index >= 0 && i.op1.size === 4 ? i : null;
  }
  return null;
}

/** Addresses that `lea register, [rip + ...]` near the jump loads, nearest before it first, then behind it. */
function loadedBases(reader: CodeReader, register: number, jump: number): number[] {
  const { bytes } = reader, rex = register >= 8 ? 0x4c : 0x48, modrm = 0x05 | ((register & 7) << 3);
  const found: number[] = [];
  const look = (at: number): void => {
    if (reader.available(at) < 7) return;
    const p = reader.position(at);
    if (bytes[p] !== rex || bytes[p + 1] !== 0x8d || bytes[p + 2] !== modrm) return;
    const disp = bytes[p + 3]! | (bytes[p + 4]! << 8) | (bytes[p + 5]! << 16) | (bytes[p + 6]! << 24);
    found.push(at + 7 + disp);
  };
  for (let at = jump - 7; at > jump - NEAR && reader.available(at) > 0; at--) look(at);
  for (let at = jump + 2; at < jump + NEAR && reader.available(at) > 0; at++) look(at);
  return found;
}

/** The plausible entries from `table` on. */
function entriesAt(reader: CodeReader, { size, relative }: Table, table: number, base: number, jump: number): number[] {
  const view = new DataView(reader.bytes.buffer, reader.bytes.byteOffset), targets = new Set<number>();
  for (let k = 0; k < MAX_CASES; k++) {
    const at = table + size * k;
    if (at < 0 || at > 0xffff_0000 || !reader.readable!(at) || !reader.readable!(at + size - 1)) break;
    const p = reader.position(at);
    if (size === 8 && view.getUint32(p + 4, true) !== 0) break;
    const target = relative ? base + view.getInt32(p, true) : view.getUint32(p, true);
    if (Math.abs(target - jump) > FAR || reader.available(target) <= 0) break;
    targets.add(target);
  }
  return [...targets];
}
