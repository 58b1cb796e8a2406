import { PAGE_SIZE } from '../../machine/memoryLayout.ts';
import type { AddressSpace } from '../../kernel/mm/addressSpace.ts';
import { Page, pageOf } from '../../kernel/mm/page.ts';
import { Prot, type Vma } from '../../kernel/mm/vma.ts';

/** Pages of one area, or of all, by what they hold. */
export interface Use {
  rss: number;
  /** Private pages of ours that differ from any file. */
  anon: number;
  fileBacked: number;
  shmem: number;
  /** Present pages that another process has too. */
  shared: number;
}

export const noUse = (): Use => ({ rss: 0, anon: 0, fileBacked: 0, shmem: 0, shared: 0 });

export function useOfArea(mm: AddressSpace, vma: Vma, into: Use = noUse()): Use {
  const end = pageOf(vma.end);
  for (let page = pageOf(vma.start); page < end; page++) {
    const state = mm.pages[page]!;
    if ((state & (Page.present | Page.lazy | Page.shared)) === 0) continue;
    into.rss++;
    const isShared = (state & (Page.shared | Page.lazy | Page.needed)) !== 0;
    if (isShared) into.shared++;
    if (vma.file !== null && (vma.shared || (vma.prot & Prot.W) === 0)) into.fileBacked++;
    else if (vma.shared) into.shmem++;
    else into.anon++;
  }
  return into;
}

export function useOf(mm: AddressSpace): Use {
  const use = noUse();
  for (const vma of mm.areas.items) useOfArea(mm, vma, use);
  return use;
}

/** The byte totals that status and statm show. */
export interface Sizes {
  total: number;
  locked: number;
  data: number;
  stack: number;
  exec: number;
  lib: number;
}

export function sizesOf(mm: AddressSpace): Sizes {
  const s: Sizes = { total: 0, locked: 0, data: 0, stack: 0, exec: 0, lib: 0 };
  const { codeStart, codeEnd } = mm.layout;
  const text = Math.ceil(codeEnd / PAGE_SIZE) * PAGE_SIZE - Math.floor(codeStart / PAGE_SIZE) * PAGE_SIZE;
  let executable = 0;
  for (const vma of mm.areas.items) {
    const size = vma.end - vma.start;
    s.total += size;
    if (vma.locked) s.locked += size;
    if (vma.growsDown) s.stack += size;
    else if ((vma.prot & Prot.X) !== 0 && (vma.prot & Prot.W) === 0) executable += size;
    else if ((vma.prot & Prot.W) !== 0 && !vma.shared) s.data += size;
  }
  s.exec = Math.min(text, executable);
  s.lib = executable - s.exec;
  return s;
}
