import { EAGAIN, EFAULT, EINVAL, ENOMEM, EPERM } from '../../abi/linux/errno.ts';
import * as M from '../../abi/linux/mman.ts';
import { GUEST_MIN, PAGE_SIZE } from '../../machine/memoryLayout.ts';
import { Rlimit, type Rlimits } from '../fd/rlimits.ts';
import type { AddressSpace } from './addressSpace.ts';
import { addArea, askAgain, checkLimits, clearPages, findFree, isData, isSealed, pageUp, populate, takeAway, unmapMemory } from './mapping.ts';
import { movePages } from './moved.ts';
import { Page, pageOf } from './page.ts';
import { hasPlace, heightOf, isTaken } from './tall.ts';
import type { Vma } from './vma.ts';

/** mremap(2). Pages may still be on their way when it is answered: mm.moves. */
export function remapMemory(mm: AddressSpace, old: number, oldLength: number, newLength: number, flags: number, to: number, limits: Rlimits): number {
  if ((flags & ~(M.MREMAP_MAYMOVE | M.MREMAP_FIXED | M.MREMAP_DONTUNMAP)) !== 0) return -EINVAL;
  if ((flags & M.MREMAP_FIXED) !== 0 && (flags & M.MREMAP_MAYMOVE) === 0) return -EINVAL;
  const keep = (flags & M.MREMAP_DONTUNMAP) !== 0;
  if (keep && ((flags & M.MREMAP_MAYMOVE) === 0 || oldLength !== newLength)) return -EINVAL;
  if (old % PAGE_SIZE !== 0) return -EINVAL;
  const oldSize = pageUp(oldLength);
  // The highest lengths are rounded up to 2^64, which is nothing.
  const newSize = pageUp(newLength) % 2 ** 64;
  if (!(newSize > 0) || newSize > mm.limit) return -EINVAL;
  const fixed = (flags & M.MREMAP_FIXED) !== 0;
  if (fixed) {
    if (to % PAGE_SIZE !== 0 || !hasPlace(mm, to, to + newSize)) return -EINVAL;
    if (to < old + oldSize && old < to + newSize) return -EINVAL;
    if (to < GUEST_MIN) return -EPERM;
  }
  let vma = mm.areas.find(old);
  if (vma === null) return -EFAULT;
  if (oldSize === 0 && !vma.shared) return -EINVAL;
  if (vma.sealed || isSealed(mm, old, old + oldSize) || (fixed && isSealed(mm, to, to + newSize))) return -EPERM;
  if (fixed) {
    if (isTaken(mm, to, to + newSize)) return -ENOMEM;
    unmapMemory(mm, to, newSize);
    // They may have been one area.
    vma = mm.areas.find(old)!;
  }
  if (oldSize > newSize && !keep) unmapMemory(mm, old + newSize, oldSize - newSize);
  // What does not move and does not grow may lie in several areas.
  if (oldSize >= newSize && !keep && !fixed) return old;
  const size = Math.min(oldSize, newSize);
  if (old + size > vma.end && !mm.areas.covered(old, old + size)) return -EFAULT;
  if (old + size > vma.end) return -EFAULT;
  const grown = newSize - size;
  if (grown > 0) {
    const error = checkLimits(mm, limits, grown / PAGE_SIZE, isData(vma));
    if (error !== 0) return error;
    if (vma.locked && (mm.lockedPages * PAGE_SIZE + grown) > limits.cur[Rlimit.MEMLOCK]!) return -EAGAIN;
  }
  if (!fixed && !keep && old + oldSize === vma.end && hasPlace(mm, old, old + newSize) && !mm.areas.overlaps(vma.end, old + newSize) && !isTaken(mm, vma.end, old + newSize)) {
    const tail = vma.slice(vma.start, vma.end);
    tail.offset = vma.offset + (vma.end - vma.start);
    tail.start = vma.end;
    tail.end = old + newSize;
    addArea(mm, tail);
    if (tail.locked) populate(mm, tail.start, tail.end);
    return old;
  }
  if ((flags & M.MREMAP_MAYMOVE) === 0) return -ENOMEM;
  const target = fixed ? to : findFree(mm, newSize, heightOf(old));
  if (target < 0) return target;
  return moveArea(mm, vma, old, size, target, newSize, keep);
}

/** Moves (or with `keep`: empties) the pages of [old, old + size), which lie in one area, to a free range: its address, or -errno. */
function moveArea(mm: AddressSpace, from: Vma, old: number, size: number, target: number, newSize: number, keep: boolean): number {
  if (from.object === null && !hasRoom(mm, old, size, target)) return -ENOMEM;
  mm.quiesce();
  const [source] = size > 0 ? mm.areas.carve(old, old + size) : [from];
  const moved = source!.slice(source!.start, source!.end);
  moved.offset = source!.offset + (old - source!.start);
  moved.start = target;
  moved.end = target + newSize;
  addArea(mm, moved);
  if (size === 0) return target;
  if (source!.object !== null) {
    if (keep) empty(mm, source!, old, old + size);
    else unmapMemory(mm, old, size);
    return target;
  }
  const pages = movePages(mm, old, target, size);
  if (!keep) {
    takeAway(mm, old, old + size);
    return target;
  }
  // The area stays, and may be touched at once.
  pages.finish();
  empty(mm, source!, old, old + size);
  return target;
}

/** The memory is long enough for what is in [old, old + size) to lie at `target`. */
function hasRoom(mm: AddressSpace, old: number, size: number, target: number): boolean {
  let last = pageOf(old + size - 1);
  while (last >= pageOf(old) && (mm.pages[last]! & (Page.present | Page.lazy)) === 0) last--;
  return mm.reserve((pageOf(target) + last + 1 - pageOf(old)) * PAGE_SIZE);
}

function empty(mm: AddressSpace, vma: Vma, start: number, end: number): void {
  clearPages(mm, vma, start, end);
  askAgain(mm, vma, start, end);
}
