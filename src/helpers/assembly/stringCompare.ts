// pcmpestri, pcmpestrm, pcmpistri, pcmpistrm (SDM vol. 2, 4.1). The lifter turns the bits into an index or a mask.

import { SCRATCH } from './layout';

const EQUAL_ANY: u32 = 0;
const RANGES: u32 = 1;
const EQUAL_EACH: u32 = 2;

/** The operands in the thread's own scratch slots 1 and 2, so that elements can be indexed. (Static memory is all threads'.) */
let elements: usize = 0;

// @ts-ignore: decorator
@inline
function element(operand: u32, i: u32, format: u32): i32 {
  const at = elements + <usize>(operand << 4);
  if (format == 0) return load<u8>(at + i);
  if (format == 1) return load<u16>(at + (i << 1));
  return format == 2 ? load<i8>(at + i) : load<i16>(at + (i << 1));
}

/** Number of elements before the first zero. */
function implicitLength(operand: u32, count: u32, format: u32): u32 {
  for (let i: u32 = 0; i < count; i++) if (element(operand, i, format) == 0) return i;
  return count;
}

function equalOrdered(i: u32, count: u32, format: u32, la: u32, lb: u32): bool {
  for (let k: u32 = 0; i + k < count; k++) {
    if (k >= la) return true;
    if (i + k >= lb || element(0, k, format) != element(1, i + k, format)) return false;
  }
  return true;
}

/** Bit i of IntRes1. */
function matches(i: u32, count: u32, control: u32, la: u32, lb: u32): bool {
  const format = control & 3;
  const aggregation = (control >>> 2) & 3;
  if (aggregation == EQUAL_EACH) {
    return i < la && i < lb ? element(0, i, format) == element(1, i, format) : i >= la && i >= lb;
  }
  if (aggregation > EQUAL_EACH) return equalOrdered(i, count, format, la, lb);
  if (i >= lb) return false;
  const x = element(1, i, format);
  if (aggregation == EQUAL_ANY) {
    for (let j: u32 = 0; j < la; j++) if (element(0, j, format) == x) return true;
    return false;
  }
  for (let j: u32 = 0; j + 1 < la; j += 2) if (x >= element(0, j, format) && x <= element(0, j + 1, format)) return true;
  return false;
}

/**
 * control: immediate in bits 7:0; bit 31 set = explicit lengths, the first operand's in bits 15:8, the second's in 23:16
 * (at most 16 each). Returns IntRes2 with the status flags, in their EFLAGS positions, 16 bits further up.
 */
export function compareStrings(cpu: usize, a: v128, b: v128, control: u32): u32 {
  elements = cpu + SCRATCH + 16;
  v128.store(elements, a);
  v128.store(elements, b, 16);
  const format = control & 3;
  const count: u32 = (format & 1) != 0 ? 8 : 16;
  let la: u32;
  let lb: u32;
  if ((control & 0x80000000) != 0) {
    la = min<u32>((control >>> 8) & 0xff, count);
    lb = min<u32>((control >>> 16) & 0xff, count);
  } else {
    la = implicitLength(0, count, format);
    lb = implicitLength(1, count, format);
  }
  let result: u32 = 0;
  for (let i: u32 = 0; i < count; i++) result |= u32(matches(i, count, control, la, lb)) << i;
  if ((control & 0x10) != 0) result ^= (control & 0x20) != 0 ? ((<u32>1 << lb) - 1) : ((<u32>1 << count) - 1);
  let flags = u32(result != 0);
  if (lb < count) flags |= 0x40;
  if (la < count) flags |= 0x80;
  if ((result & 1) != 0) flags |= 0x800;
  return result | (flags << 16);
}
