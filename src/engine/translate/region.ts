/**
 * What a region is made of: the basic blocks reached from its start by direct jumps and branches, without entering the
 * functions it calls, except small ones, whose blocks are taken in once for each call. Code that has never run is left out.
 * Discovery only decodes; lifting and emission come after.
 */
import { decode } from '../../isa/decode/decode.ts';
import { BASE_RIP, Instruction, Kind } from '../../isa/instruction.ts';
import { rowAt } from '../../isa/rows.ts';
import { jumpTargets } from './jumpTable.ts';

/** How a block ends. */
export const End = {
  /** falls into the next block */
  fall: 0,
  /** successors[0] = target */
  jump: 1,
  /** successors = [target, next] */
  branch: 2,
  /** direct call: `target`; successors[0] = the return address */
  call: 3,
  /** indirect call; successors[0] = the return address */
  callTo: 4,
  /** ret, system call, anything the dispatcher has to see */
  leave: 5,
  /** cannot be translated: the interpreter takes this instruction */
  interpret: 6,
  /** indirect jump, out of the region */
  jumpTo: 7,
  /** direct call of a function whose blocks are in the region; successors[0] = its first block */
  inlined: 8,
  /** ret of such a function; successors[0] = the block behind the call, when the guest does return there */
  return: 9,
} as const;

export class Block {
  readonly start: number;
  /** Address behind the last instruction. */
  end = 0;
  readonly instructions: Instruction[] = [];
  readonly addresses: number[] = [];
  kind: number = End.leave;
  /** Guest address of a direct call or jump. */
  target = 0;
  /** Of a call through a stub `jmp [slot]` of a procedure linkage table: where the stub has its target, and what that is. */
  slot: { address: number; value: number; stub: number; stubEnd: number } | null = null;
  /** The call the block was taken in for; null: a block of the region's own function. */
  readonly inside: InlinedCall | null;
  /** Block numbers; -1 = outside of the region (`outside[k]` is the address). */
  successors: number[] = [];
  outside: number[] = [];
  constructor(start: number, inside: InlinedCall | null = null) {
    this.start = start;
    this.inside = inside;
  }
}

/** A call whose callee's blocks are in the region. */
export interface InlinedCall {
  readonly caller: InlinedCall | null;
  readonly callee: number;
  readonly returnTo: number;
  readonly depth: number;
}

export class Region {
  /** Address the region is entered at, where blocks[0] begins. */
  readonly start: number;
  readonly mode: 32 | 64;
  readonly blocks: Block[] = [];
  instructionCount = 0;
  /** Where its indirect jumps lead to, as far as their tables were found; also what has never run. */
  readonly jumpTargets = new Set<number>();
  /** Addresses it leaves for that have never run. */
  readonly cold = new Set<number>();
  constructor(start: number, mode: 32 | 64) {
    this.start = start;
    this.mode = mode;
  }

  /** Guest bytes the region was made from: one [first, end) a page. */
  ranges(): { first: number; end: number }[] {
    const pages = new Map<number, { first: number; end: number }>();
    for (const block of this.blocks) {
      addRange(pages, block.start, block.end);
      if (block.slot !== null) addRange(pages, block.slot.stub, block.slot.stubEnd);
    }
    return [...pages.values()];
  }
}

function addRange(pages: Map<number, { first: number; end: number }>, from: number, to: number): void {
  for (let page = from >>> 12; page <= (to - 1) >>> 12; page++) {
    const first = Math.max(from, page * 4096), end = Math.min(to, (page + 1) * 4096);
    const range = pages.get(page);
    if (range === undefined) pages.set(page, { first, end });
    else {
      range.first = Math.min(range.first, first);
      range.end = Math.max(range.end, end);
    }
  }
}

/** Reads guest code; `available` bytes from `address` may be executed (0 = none). */
export interface CodeReader {
  readonly bytes: Uint8Array;
  /** Position of guest address `address` in `bytes`. */
  position(address: number): number;
  available(address: number): number;
  /** A copy of the bytes at `address` to decode from, when they may change; told then what was decoded. */
  fetch?(address: number): Uint8Array;
  decoded?(address: number, length: number): void;
  /** Whether the instruction at `address` has run, as far as that is known; without it everything counts as run. */
  warm?(address: number): boolean;
  /** Whether data at `address` may be read. */
  readable?(address: number): boolean;
}

interface RegionLimits {
  instructions: number;
  blocks: number;
}
const REGION_LIMITS: RegionLimits = { instructions: 5000, blocks: 150 };
/** Of a function that is taken in where it is called. */
const INLINE_LIMITS: RegionLimits = { instructions: 40, blocks: 12 };
/** Instructions of a region, with all that is taken in. */
const MOST_WITH_INLINED = 1200;
/** Calls within calls that are taken in. */
const INLINE_DEPTH = 3;

interface Decoded {
  instruction: Instruction;
  kind: number;
  target: number;
}

const BRANCHES = new Set(['loop', 'loopz', 'loopnz', 'jcxz']);
const LEAVES = new Set(['ret', 'retf', 'iret', 'syscall', 'sysenter', 'int', 'int1', 'int3', 'into', 'jmpf', 'callf', 'hlt', 'ud0', 'ud1', 'ud2']);

function classify(i: Instruction, next: number): { kind: number; target: number } {
  const row = rowAt(i.row);
  const relative = i.op0.kind === Kind.rel;
  const mask = i.mode === 32 && i.operandSize === 2 ? 0xffff : 0xffffffff;
  const target = relative ? ((next + i.op0.imm) & mask) >>> 0 : 0;
  const name = row.mnemonic;
  if (name === 'jmp') return relative ? { kind: End.jump, target } : { kind: End.jumpTo, target };
  if (name === 'call') return relative ? { kind: End.call, target } : { kind: End.callTo, target };
  if (relative) return row.cc >= 0 || BRANCHES.has(name) ? { kind: End.branch, target } : { kind: End.leave, target };
  if (LEAVES.has(name) || row.privileged) return { kind: End.leave, target };
  return { kind: End.fall, target };
}

/**
 * Finds the region that begins at `start`, or null when the instruction there cannot be decoded. Breadth first, so that the code
 * around a loop comes first.
 */
export function discover(reader: CodeReader, start: number, mode: 32 | 64): Region | null {
  const body = findBody(reader, start, mode, REGION_LIMITS);
  if (!body.decoded.has(start)) return null;
  const region = new Region(start, mode);
  region.instructionCount = body.decoded.size;
  addBlocks(region, body, start, null);
  for (const block of region.blocks) {
    const targets = block.kind === End.jumpTo ? jumpTargets(reader, block.instructions, block.addresses, mode) : [];
    for (const target of targets) region.jumpTargets.add(target);
  }
  takeInCalls(region, reader);
  for (const address of body.cold) region.cold.add(address);
  return region;
}

/** The instructions of one function, as far as limits and warmth let. */
interface Body {
  decoded: Map<number, Decoded>;
  leaders: Set<number>;
  cold: Set<number>;
}

function findBody(reader: CodeReader, start: number, mode: 32 | 64, limits: RegionLimits): Body {
  const decoded = new Map<number, Decoded>(), leaders = new Set<number>([start]), cold = new Set<number>();
  const queue: number[] = [start];
  const follow = (target: number): void => {
    if (leaders.has(target) || cold.has(target)) return;
    if (!decoded.has(target) && reader.warm?.(target) === false) {
      cold.add(target);
      return;
    }
    leaders.add(target);
    queue.push(target);
  };
  for (let q = 0; q < queue.length && leaders.size <= limits.blocks; q++) {
    let address = queue[q]!;
    while (!decoded.has(address) && decoded.size < limits.instructions) {
      const d = decodeAt(reader, address, mode);
      if (d === null) break;
      const next = address + d.instruction.length;
      decoded.set(address, d);
      if (d.kind === End.jump || d.kind === End.branch) follow(d.target);
      if (d.kind === End.branch || d.kind === End.call || d.kind === End.callTo) follow(next);
      if (d.kind !== End.fall) break;
      address = next;
      if (leaders.has(address)) break;
    }
  }
  return { decoded, leaders, cold };
}

function decodeAt(reader: CodeReader, address: number, mode: 32 | 64): Decoded | null {
  const available = reader.available(address), instruction = new Instruction();
  if (available <= 0) return null;
  const copy = reader.fetch?.(address);
  const length = copy === undefined ? decode(reader.bytes, reader.position(address), available, mode, instruction) : decode(copy, 0, available, mode, instruction);
  if (length <= 0) return null;
  reader.decoded?.(address, length);
  return { instruction, ...classify(instruction, address + instruction.length) };
}

/** Appends the blocks of one body, the one at `start` first; `inside`: the call it is taken in for. Successors outside of the body are -1. */
function addBlocks(region: Region, body: Body, start: number, inside: InlinedCall | null): void {
  const starts = [start, ...[...body.leaders].filter((a) => a !== start && body.decoded.has(a)).sort((a, b) => a - b)];
  const numbers = new Map<number, number>(), first = region.blocks.length;
  for (const address of starts) {
    numbers.set(address, region.blocks.length);
    region.blocks.push(new Block(address, inside));
  }
  for (let n = first; n < region.blocks.length; n++) {
    const block = region.blocks[n]!;
    fillBlock(block, body.decoded, body.leaders);
    const link = (address: number): void => {
      block.successors.push(numbers.get(address) ?? -1);
      block.outside.push(address);
    };
    if (block.kind === End.jump || block.kind === End.branch) link(block.target);
    if (block.kind !== End.jump && block.kind !== End.leave && block.kind !== End.jumpTo) link(block.end);
  }
}

/** Small callees become part of the region; calls through stubs learn where those lead. */
function takeInCalls(region: Region, reader: CodeReader): void {
  const bodies = new Map<number, Body | null>();
  for (let n = 0; n < region.blocks.length; n++) {
    const block = region.blocks[n]!;
    if (block.kind !== End.call) continue;
    block.slot = stubSlot(reader, block.target, region.mode);
    const callee = block.target, depth = (block.inside?.depth ?? 0) + 1;
    if (block.slot !== null || depth > INLINE_DEPTH || block.successors[0]! < 0 || region.start === callee || isActive(block.inside, callee)) continue;
    let body = bodies.get(callee);
    if (body === undefined) bodies.set(callee, (body = smallBody(reader, callee, region.mode)));
    if (body === null || region.instructionCount + body.decoded.size > MOST_WITH_INLINED) continue;
    takeIn(region, block, body, { caller: block.inside, callee, returnTo: block.end, depth });
  }
}

function takeIn(region: Region, call: Block, body: Body, inside: InlinedCall): void {
  const returnBlock = call.successors[0]!, first = region.blocks.length;
  region.instructionCount += body.decoded.size;
  addBlocks(region, body, inside.callee, inside);
  for (let n = first; n < region.blocks.length; n++) {
    const block = region.blocks[n]!;
    if (block.kind !== End.leave) continue;
    block.kind = End.return;
    block.successors = [returnBlock];
    block.outside = [inside.returnTo];
  }
  call.kind = End.inlined;
  call.successors = [first];
  call.outside = [inside.callee];
  for (const address of body.cold) region.cold.add(address);
}

function isActive(inside: InlinedCall | null, callee: number): boolean {
  for (let at = inside; at !== null; at = at.caller) if (at.callee === callee) return true;
  return false;
}

/** The body of a function that is small and ends in nothing but `ret`; else null. */
function smallBody(reader: CodeReader, callee: number, mode: 32 | 64): Body | null {
  if (reader.warm?.(callee) === false) return null;
  const body = findBody(reader, callee, mode, INLINE_LIMITS);
  if (body.decoded.size === 0 || body.decoded.size >= INLINE_LIMITS.instructions || body.leaders.size > INLINE_LIMITS.blocks) return null;
  let returns = false;
  for (const { instruction, kind, target } of body.decoded.values()) {
    if (kind === End.jumpTo) return null;
    if (kind === End.jump && !body.decoded.has(target)) return null;
    if (kind !== End.leave) continue;
    if (rowAt(instruction.row).mnemonic !== 'ret') return null;
    returns = true;
  }
  return returns ? body : null;
}

/** What a procedure linkage table's stub at `address` jumps through, if it is one. */
function stubSlot(reader: CodeReader, address: number, mode: 32 | 64): Block['slot'] {
  let at = address, d = decodeAt(reader, at, mode);
  if (d !== null && rowAt(d.instruction.row).mnemonic === 'nop') d = decodeAt(reader, (at += d.instruction.length), mode);
  if (d === null || d.kind !== End.jumpTo || d.instruction.op0.kind !== Kind.mem || d.instruction.index >= 0 || d.instruction.segment >= 0) return null;
  const { base, disp, length, operandSize } = d.instruction, end = at + length;
  if (base !== BASE_RIP && !(base < 0 && mode === 32)) return null;
  const slot = (base === BASE_RIP ? end + disp : disp) >>> 0;
  if (operandSize !== mode / 8 || reader.readable?.(slot) !== true || reader.readable(slot + 7) !== true) return null;
  const view = new DataView(reader.bytes.buffer, reader.bytes.byteOffset), position = reader.position(slot);
  if (mode === 64 && view.getUint32(position + 4, true) !== 0) return null;
  const value = view.getUint32(position, true);
  return reader.available(value) > 0 ? { address: slot, value, stub: address, stubEnd: end } : null;
}

function fillBlock(block: Block, decoded: Map<number, Decoded>, leaders: Set<number>): void {
  let address = block.start;
  block.kind = End.fall;
  for (;;) {
    const d = decoded.get(address);
    if (d === undefined) break;
    block.instructions.push(d.instruction);
    block.addresses.push(address);
    address += d.instruction.length;
    if (d.kind !== End.fall) {
      block.kind = d.kind;
      block.target = d.target;
      break;
    }
    if (leaders.has(address)) break;
  }
  block.end = address;
}
