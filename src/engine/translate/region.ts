/**
 * What a region is made of: the basic blocks reached from a hot entry by direct jumps and branches, without entering the
 * functions it calls. Discovery only decodes; lifting and emission come after.
 */
import { decode } from '../../isa/decode/decode.ts';
import { Instruction, Kind } from '../../isa/instruction.ts';
import { rowAt } from '../../isa/rows.ts';

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
  /** indirect jump: to one of the region's entries, or out of it */
  jumpTo: 7,
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
  /** Block numbers; -1 = outside of the region (`outside[k]` is the address). */
  successors: number[] = [];
  outside: number[] = [];
  constructor(start: number) {
    this.start = start;
  }
}

export class Region {
  /** Addresses the region can be entered at; blocks[k] begins at entries[k]. */
  readonly entries: readonly number[];
  readonly mode: 32 | 64;
  readonly blocks: Block[] = [];
  instructionCount = 0;
  constructor(entries: readonly number[], mode: 32 | 64) {
    this.entries = entries;
    this.mode = mode;
  }

  hasIndirectJump(): boolean {
    return this.blocks.some((block) => block.kind === End.jumpTo);
  }

  /** Guest bytes the region was made from: one [first, end) a page. */
  ranges(): { first: number; end: number }[] {
    const pages = new Map<number, { first: number; end: number }>();
    for (const block of this.blocks) {
      for (let page = block.start >>> 12; page <= (block.end - 1) >>> 12; page++) {
        const first = Math.max(block.start, page * 4096), end = Math.min(block.end, (page + 1) * 4096);
        const range = pages.get(page);
        if (range === undefined) pages.set(page, { first, end });
        else {
          range.first = Math.min(range.first, first);
          range.end = Math.max(range.end, end);
        }
      }
    }
    return [...pages.values()];
  }
}

/** Reads guest code; `available` bytes from `address` may be executed (0 = none). */
export interface CodeReader {
  readonly bytes: Uint8Array;
  /** Position of guest address `address` in `bytes`. */
  position(address: number): number;
  available(address: number): number;
}

export interface RegionLimits {
  instructions: number;
  blocks: number;
}
export const DEFAULT_LIMITS: RegionLimits = { instructions: 400, blocks: 100 };
/** Of a region with many entries. */
export const MERGED_LIMITS: RegionLimits = { instructions: 4000, blocks: 1000 };

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
 * Finds the region of some entries, or null when none of their first instructions can be decoded (others are left out).
 * Breadth first, so that the code around a loop comes first.
 */
export function discover(reader: CodeReader, entries: readonly number[], mode: 32 | 64, limits: RegionLimits = DEFAULT_LIMITS): Region | null {
  const decoded = new Map<number, Decoded>();
  const leaders = new Set<number>(entries);
  const queue: number[] = [...entries];
  let count = 0;
  for (let q = 0; q < queue.length && leaders.size <= limits.blocks; q++) {
    let address = queue[q]!;
    while (!decoded.has(address) && count < limits.instructions) {
      const available = reader.available(address);
      const instruction = new Instruction();
      if (available <= 0 || decode(reader.bytes, reader.position(address), available, mode, instruction) <= 0) break;
      const next = address + instruction.length;
      const { kind, target } = classify(instruction, next);
      decoded.set(address, { instruction, kind, target });
      count++;
      if (kind === End.jump || kind === End.branch) follow(target);
      if (kind === End.branch || kind === End.call || kind === End.callTo) follow(next);
      if (kind !== End.fall) break;
      address = next;
      if (leaders.has(address)) break;
    }
  }
  const found = entries.filter((entry) => decoded.has(entry));
  return found.length === 0 ? null : build(found, mode, decoded, leaders);

  function follow(target: number): void {
    if (leaders.has(target)) return;
    leaders.add(target);
    queue.push(target);
  }
}

function build(entries: readonly number[], mode: 32 | 64, decoded: Map<number, Decoded>, leaders: Set<number>): Region {
  const region = new Region(entries, mode);
  region.instructionCount = decoded.size;
  const numbers = new Map<number, number>();
  const starts = [...entries, ...[...leaders].filter((a) => !entries.includes(a) && decoded.has(a)).sort((a, b) => a - b)];
  for (const start of starts) {
    numbers.set(start, region.blocks.length);
    region.blocks.push(new Block(start));
  }
  for (const block of region.blocks) fillBlock(block, decoded, leaders);
  for (const block of region.blocks) {
    const link = (address: number): void => {
      block.successors.push(numbers.get(address) ?? -1);
      block.outside.push(address);
    };
    if (block.kind === End.jump || block.kind === End.branch) link(block.target);
    if (block.kind !== End.jump && block.kind !== End.leave && block.kind !== End.jumpTo) link(block.end);
  }
  return region;
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
