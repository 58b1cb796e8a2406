import { PARKED } from '../kernel/task/block.ts';
import { giveBack, sharedAreas } from '../kernel/mm/mapping.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import type { FileMappings } from '../vfs/inode.ts';
import { PAGE_SIZE } from '../machine/memoryLayout.ts';
import { RegularFile } from '../vfs/inodeFile.ts';

/** There is more to do. Outside of every result. */
export const MORE = -0x7ffffffd;
/** Bytes that are copied at a time: well under a millisecond. */
export const PIECE = 1 << 20;

/**
 * A call that takes long: the kernel's thread serves others between two pieces. `piece` answers MORE or the result; only the end of the process
 * ends the call before. What it works on must not go meanwhile: `files` are held.
 */
export function inPieces(t: Task, files: readonly FileDescription[], piece: () => number): number {
  const first = piece();
  if (first !== MORE) return first;
  for (const file of files) file.acquire();
  t.block({
    queues: [],
    uninterruptible: true,
    retry: () => {
      const n = piece();
      if (n !== MORE) return n;
      t.parked?.queue();
      return PARKED;
    },
    cleanup: () => {
      for (const file of files) file.release();
    },
  });
  t.parked?.queue();
  return PARKED;
}

/** `file` is a regular one, and nobody else moves its position, so that others may come between two pieces of a transfer. */
export const isAlone = (t: Task, file: FileDescription): boolean => file instanceof RegularFile && file.references === 1 && !t.fds.shared;

/** Moves `total` bytes, `step(done, count)` up to `size` of them at a time: n or -errno, as `told` has the last word on it. */
export function moveInPieces(
  t: Task, files: readonly FileDescription[], total: number, step: (done: number, count: number) => number, size = PIECE, told = (n: number): number => n,
): number {
  let done = 0;
  return inPieces(t, files, () => {
    const count = Math.min(size, total - done), n = step(done, count);
    if (n < 0) return told(done > 0 ? done : n);
    done += n;
    return n === count && done < total ? MORE : told(done);
  });
}

const NO_PAGES = new Float64Array(0);

/** What mappings have changed of a file's bytes [offset, offset + length) goes to it; then `finish`: 0 or -errno. */
export interface WrittenPart {
  readonly file: FileDescription;
  readonly mappings: FileMappings | null;
  readonly offset: number;
  readonly length: number;
  readonly finish: () => number;
}

/** Writes `parts`, one after the other, for `result`. */
export function writeBackInPieces(t: Task, parts: readonly WrittenPart[], result: number): number {
  let part = 0, done = 0, pages: Float64Array | null = null;
  return inPieces(t, parts.map(({ file }) => file), () => {
    let left = PIECE / PAGE_SIZE;
    for (; part < parts.length && left > 0; part++) {
      const { mappings, offset, length, finish } = parts[part]!;
      pages ??= mappings?.changed(offset, length) ?? NO_PAGES;
      const some = pages.subarray(done, done + left);
      if (some.length > 0) mappings!.writeBack(some);
      done += some.length;
      left -= some.length;
      if (done < pages.length) return MORE;
      pages = null;
      done = 0;
      const n = finish();
      if (n < 0) return n;
    }
    return part < parts.length ? MORE : result;
  });
}

/** Before shared memory in [start, end) is unmapped by `then`: gives most of it back. */
export function giveBackInPieces(t: Task, start: number, end: number, then: () => number): number {
  const { mm } = t;
  let length = 0, at = start;
  for (const vma of sharedAreas(mm, start, end)) length += Math.min(vma.end, end) - Math.max(vma.start, start);
  if (length <= PIECE) return then();
  return inPieces(t, [], () => {
    at = giveBack(mm, at, end, PIECE / PAGE_SIZE);
    return at < end ? MORE : then();
  });
}
