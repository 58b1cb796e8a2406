import { EFAULT, EINVAL, ENOMEM } from '../../abi/linux/errno.ts';
import { PF_R, PF_W, PF_X } from '../../abi/linux/elf.ts';
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE } from '../../abi/linux/mman.ts';
import { GUEST_END, GUEST_MIN, PAGE_SIZE } from '../../machine/memoryLayout.ts';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import type { AddressSpace } from '../mm/addressSpace.ts';
import { addArea, findFree, mapMemory, pageDown, pageUp } from '../mm/mapping.ts';
import { Prot, Vma } from '../mm/vma.ts';
import type { ElfImage, Segment } from './elf.ts';

/** Memory is laid out from below so that it stays small: stack, libraries and mappings, then a program that can be placed, then its heap. */
const STACK_ROOM_MAX = 64 << 20;
const LOW_MAPPINGS = 8 << 20;
/** Room left for the heap of programs linked at a low address, before the stack and mappings. */
const HEAP_ROOM = 32 << 20;
const MIB = 1 << 20;

/** Where the parts of a program go. */
export interface Placement {
  /** Added to the program's linked addresses. */
  bias: number;
  stackTop: number;
  stackRoom: number;
  mmapBase: number;
  reserved: (readonly [number, number])[];
}

/** Chooses the layout for a program. -ENOMEM when it does not fit into guest space. */
export function placeProgram(image: ElfImage, stackLimit: number): Placement | number {
  const stackRoom = Math.min(STACK_ROOM_MAX, Math.max(pageUp(stackLimit), MIB / 4));
  const span = image.high - image.low;
  if (span <= 0 || span > GUEST_END - GUEST_MIN) return -ENOMEM;
  // Stack, guard page and the first mappings fit below the program when there is a place below it.
  const lowEnd = Math.ceil((GUEST_MIN + PAGE_SIZE + stackRoom) / MIB) * MIB;
  let base = image.low;
  if (image.dynamic) {
    const align = Math.max(PAGE_SIZE, ...image.segments.map((s) => (isPowerOfTwo(s.align) ? s.align : PAGE_SIZE)));
    base = Math.ceil((lowEnd + LOW_MAPPINGS) / align) * align;
    if (base + span > GUEST_END) return -ENOMEM;
  } else {
    if (image.low < GUEST_MIN || image.high > GUEST_END) return -ENOMEM;
    if (image.low < lowEnd + LOW_MAPPINGS) {
      const heapEnd = Math.ceil((image.high + HEAP_ROOM) / MIB) * MIB;
      const stackTop = heapEnd + stackRoom;
      if (stackTop + LOW_MAPPINGS > GUEST_END) return -ENOMEM;
      return { bias: 0, stackTop, stackRoom, mmapBase: stackTop, reserved: [] };
    }
  }
  const programEnd = base + span;
  const heapEnd = Math.min(GUEST_END, programEnd + HEAP_ROOM);
  return { bias: base - image.low, stackTop: lowEnd, stackRoom, mmapBase: lowEnd, reserved: [[base, heapEnd]] };
}

const isPowerOfTwo = (n: number): boolean => n > 0 && Number.isInteger(Math.log2(n));

function protOf(flags: number, readImpliesExec: boolean): number {
  const prot = ((flags & PF_R) !== 0 ? Prot.R : 0) | ((flags & PF_W) !== 0 ? Prot.W : 0) | ((flags & PF_X) !== 0 ? Prot.X : 0);
  return readImpliesExec && (prot & Prot.R) !== 0 ? prot | Prot.X : prot;
}

/** What mapping an image tells the rest of the loader. */
export interface Loaded {
  bias: number;
  entry: number;
  /** Where the program headers are in memory; 0 when no segment holds them. */
  headers: number;
  codeStart: number;
  codeEnd: number;
  dataStart: number;
  dataEnd: number;
  /** First address after bss. */
  end: number;
}

/** Maps all segments of an image. `fixed` overlaps nothing yet; the interpreter passes bias null to be put anywhere. 0 > is -errno. */
export function mapImage(mm: AddressSpace, image: ElfImage, file: FileDescription, bias: number | null, readImpliesExec: boolean): Loaded | number {
  let shift = bias;
  if (shift === null) {
    if (image.dynamic) {
      const at = findFree(mm, image.high - image.low);
      if (at < 0) return at;
      shift = at - image.low;
    } else shift = 0;
  }
  const loaded: Loaded = { bias: shift, entry: image.entry + shift, headers: 0, codeStart: Infinity, codeEnd: 0, dataStart: 0, dataEnd: 0, end: 0 };
  for (const segment of image.segments) {
    const error = mapSegment(mm, segment, file, shift, readImpliesExec);
    if (error !== 0) return error;
    const start = segment.vaddr + shift;
    const headersAt = image.headerOffset - segment.offset;
    if (headersAt >= 0 && headersAt < segment.fileSize) loaded.headers = start + headersAt;
    if ((segment.flags & PF_X) !== 0) loaded.codeStart = Math.min(loaded.codeStart, start);
    loaded.dataStart = Math.max(loaded.dataStart, start);
    if ((segment.flags & PF_X) !== 0) loaded.codeEnd = Math.max(loaded.codeEnd, start + segment.fileSize);
    loaded.dataEnd = Math.max(loaded.dataEnd, start + segment.fileSize);
    loaded.end = Math.max(loaded.end, start + segment.memSize);
  }
  if (!(loaded.entry >= 0 && loaded.entry < GUEST_END)) return -EINVAL;
  if (loaded.codeStart === Infinity) loaded.codeStart = 0;
  return loaded;
}

/** One PT_LOAD: file pages, the zeroed rest of the last one, anonymous pages after it. */
function mapSegment(mm: AddressSpace, s: Segment, file: FileDescription, shift: number, readImpliesExec: boolean): number {
  if (s.memSize === 0) return 0;
  const start = s.vaddr + shift;
  if (start < GUEST_MIN || start + s.memSize > GUEST_END) return -ENOMEM;
  const prot = protOf(s.flags, readImpliesExec);
  const from = pageDown(start);
  const lead = start - from;
  const fileEnd = s.fileSize > 0 ? pageUp(start + s.fileSize) : from;
  if (s.fileSize > 0) {
    const at = mapMemory(mm, { addr: from, length: s.fileSize + lead, prot, flags: MAP_PRIVATE | MAP_FIXED, file, offset: s.offset - lead }, null);
    if (at < 0) return at;
  }
  const memEnd = pageUp(start + s.memSize);
  if (memEnd > fileEnd) {
    // As brk's memory (vm_brk_flags), whatever the segment says.
    const zeros = Prot.R | Prot.W | (prot & Prot.X);
    const at = mapMemory(mm, { addr: fileEnd, length: memEnd - fileEnd, prot: zeros, flags: MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, file: null, offset: 0 }, null);
    if (at < 0) return at;
  }
  if (s.memSize > s.fileSize && s.fileSize > 0 && fileEnd > start + s.fileSize) {
    const zero = mm.memory.writable(start + s.fileSize, fileEnd - start - s.fileSize);
    // A segment that is not writable keeps what the file has there (Linux ignores the failure in this case).
    if (zero === null) return (prot & Prot.W) !== 0 ? -EFAULT : 0;
    zero.fill(0);
  }
  return 0;
}

/** The first stack: grows down to its limit. Answers its top. */
export function mapStack(mm: AddressSpace, placement: Placement, executable: boolean): number {
  const top = placement.stackTop;
  const size = Math.min(33 * PAGE_SIZE, placement.stackRoom);
  const vma = new Vma(top - size, top, Prot.R | Prot.W | (executable ? Prot.X : 0), false, null, 0, null);
  vma.growsDown = true;
  vma.name = '[stack]';
  addArea(mm, vma);
  mm.stackLimit = mm.stackRoom = placement.stackRoom;
  mm.reserved = [...placement.reserved, [top - placement.stackRoom - PAGE_SIZE, top]];
  mm.mmapBase = placement.mmapBase;
  return top;
}

