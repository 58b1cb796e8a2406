/** Guest code as the translator reads it from a process's memory, and what the process is known to have run. */
import { Case, PAGE_HEADER_BITMAP, Run } from '../../machine/codeLayout.ts';
import type { CodePages } from '../../machine/codePages.ts';
import { BIAS, CODE_PAGE_TABLE, PERMISSION_TABLE, Perm } from '../../machine/memoryLayout.ts';
import type { CodeReader } from './region.ts';

/** A list that is changed while it is read may be longer than it is: looked at no further. */
const MAX_RUNS = 10_000;

/** Every page it looks at is watched for writes from then on. */
export function readerOf(pages: CodePages): CodeReader {
  const bytes = pages.bytes;
  return {
    bytes,
    position: (address) => address + BIAS,
    available: (address) => {
      const page = address >>> 12;
      if ((bytes[PERMISSION_TABLE + page]! & Perm.X) === 0) return 0;
      pages.watch(page);
      const here = 4096 - (address & 4095);
      if (here >= 15 || (bytes[PERMISSION_TABLE + page + 1]! & Perm.X) === 0) return here;
      pages.watch(page + 1);
      return here + 4096;
    },
    warm: (address) => wasDecoded(pages, address),
    readable: (address) => (bytes[PERMISSION_TABLE + (address >>> 12)]! & Perm.R) !== 0,
  };
}

/** Whether the interpreter has decoded the code at `address`, in a run that began there or before it. */
function wasDecoded({ words, halves }: CodePages, address: number): boolean {
  const header = words[(CODE_PAGE_TABLE >> 2) + (address >>> 12)]!;
  if (header === 0) return false;
  const line = (address & 0xfff) >> 5;
  if (((words[((header + PAGE_HEADER_BITMAP) >> 2) + (line >> 5)]! >>> (line & 31)) & 1) === 0) return false;
  let run = words[header >> 2]!;
  for (let n = 0; run !== 0 && n < MAX_RUNS; n++) {
    const first = words[(run + Run.first) >> 2]! >>> 0, end = words[(run + Run.end) >> 2]! >>> 0;
    // The entry of a region stands in the list for all bytes the region was made from.
    if (address >= first && address < end && halves[words[(run + Run.records) >> 2]! >> 1] !== Case.region) return true;
    run = words[(run + Run.next) >> 2]!;
  }
  return false;
}
