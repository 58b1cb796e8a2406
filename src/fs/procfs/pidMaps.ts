import { isLongProgram } from '../../kernel/arch/segments.ts';
import { PAGE_SIZE } from '../../machine/memoryLayout.ts';
import type { AddressSpace } from '../../kernel/mm/addressSpace.ts';
import { Prot, type Vma } from '../../kernel/mm/vma.ts';
import type { Task } from '../../kernel/task/task.ts';
import type { Path } from '../../vfs/path.ts';
import { majorOf, minorOf } from '../../vfs/stat.ts';
import { escapePath, hex, kb, placeName } from './format.ts';
import { noUse, useOfArea, type Use } from './memoryUse.ts';

/** Column of the name: 25 + 6 words of the (64-bit) kernel. */
const NAME_COLUMN = 73;

function areaName(mm: AddressSpace, vma: Vma, root: Path): string {
  if (vma.file !== null && vma.name === '') return escapePath(placeName(vma.file.path, root), '\n');
  if (vma.name !== '') return vma.name;
  if (vma.object !== null) return '/dev/zero (deleted)';
  const { brkStart, brk, stackStart } = mm.layout;
  if (brk > brkStart && vma.start <= brk && vma.end >= brkStart && vma.start >= brkStart - PAGE_SIZE) return '[heap]';
  return vma.start <= stackStart && stackStart < vma.end ? '[stack]' : '';
}

function header(mm: AddressSpace, vma: Vma, root: Path): string {
  const flag = (bit: number, letter: string): string => ((vma.prot & bit) !== 0 ? letter : '-');
  const stat = vma.file?.inode.stat() ?? null;
  const offset = vma.file === null ? 0 : vma.offset;
  const line = `${hex(vma.start, 8)}-${hex(vma.end, 8)} ${flag(Prot.R, 'r')}${flag(Prot.W, 'w')}${flag(Prot.X, 'x')}${vma.shared ? 's' : 'p'} ` +
    `${hex(offset, 8)} ${hex(stat === null ? 0 : majorOf(stat.dev), 2)}:${hex(stat === null ? 0 : minorOf(stat.dev), 2)} ${stat?.ino ?? 0} `;
  const name = areaName(mm, vma, root);
  return name === '' ? `${line}\n` : `${line.padEnd(NAME_COLUMN)}${name}\n`;
}

/** The page of calls at a fixed address that 64-bit programs have besides their areas (kernel/arch/x86_64/vsyscall.ts). */
const VSYSCALL = `ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n`;

export function mapsText(t: Task): string {
  return t.mm.areas.items.map((vma) => header(t.mm, vma, t.fs.root)).join('') + (isLongProgram(t) ? VSYSCALL : '');
}

const kbRow = (name: string, pages: number): string => `${`${name}:`.padEnd(16)}${String(kb(pages * PAGE_SIZE)).padStart(8)} kB\n`;

function vmFlags(vma: Vma): string {
  const flags: string[] = [];
  if (vma.prot & Prot.R) flags.push('rd');
  if (vma.prot & Prot.W) flags.push('wr');
  if (vma.prot & Prot.X) flags.push('ex');
  if (vma.shared) flags.push('sh');
  flags.push('mr');
  if (vma.mayWrite) flags.push('mw');
  if (vma.mayExec) flags.push('me');
  if (vma.shared) flags.push('ms');
  if (vma.growsDown) flags.push('gd');
  if (vma.locked) flags.push('lo');
  if (vma.dontFork) flags.push('dc');
  if (!vma.shared && (vma.prot & Prot.W)) flags.push('ac');
  if (vma.noReserve) flags.push('nr');
  if (vma.dontDump) flags.push('dd');
  if (vma.wipeOnFork) flags.push('wf');
  return flags.map((f) => `${f} `).join('');
}

/** The rows of smaps that count pages; `rollup` has a few more and others not. */
function useRows(use: Use, locked: number, rollup: boolean): string {
  const own = use.rss - use.shared;
  const clean = use.fileBacked;
  const pss = own + Math.floor(use.shared / 2);
  return kbRow('Rss', use.rss) + kbRow('Pss', pss) + kbRow('Pss_Dirty', Math.max(0, pss - clean)) +
    (rollup ? kbRow('Pss_Anon', use.anon) + kbRow('Pss_File', use.fileBacked) + kbRow('Pss_Shmem', use.shmem) : '') +
    kbRow('Shared_Clean', Math.min(use.shared, clean)) + kbRow('Shared_Dirty', Math.max(0, use.shared - clean)) +
    kbRow('Private_Clean', Math.max(0, clean - use.shared)) + kbRow('Private_Dirty', Math.max(0, own - Math.max(0, clean - use.shared))) +
    kbRow('Referenced', use.rss) + kbRow('Anonymous', use.anon) + kbRow('KSM', 0) + kbRow('LazyFree', 0) + kbRow('AnonHugePages', 0) +
    kbRow('ShmemPmdMapped', 0) + kbRow('FilePmdMapped', 0) + kbRow('Shared_Hugetlb', 0) + kbRow('Private_Hugetlb', 0) + kbRow('Swap', 0) + kbRow('SwapPss', 0) +
    kbRow('Locked', locked);
}

export function smapsText(t: Task): string {
  let out = '';
  for (const vma of t.mm.areas.items) {
    const use = useOfArea(t.mm, vma);
    out += header(t.mm, vma, t.fs.root) + kbRow('Size', vma.pages) + kbRow('KernelPageSize', 1) + kbRow('MMUPageSize', 1) +
      useRows(use, vma.locked ? use.rss : 0, false) + `THPeligible:${'0'.padStart(12)}\nVmFlags: ${vmFlags(vma)}\n`;
  }
  return out;
}

export function smapsRollupText(t: Task): string {
  const { items } = t.mm.areas;
  if (items.length === 0) return '';
  const use = noUse();
  let locked = 0;
  for (const vma of items) {
    const before = use.rss;
    useOfArea(t.mm, vma, use);
    if (vma.locked) locked += use.rss - before;
  }
  const line = `${hex(items[0]!.start, 8)}-${hex(items[items.length - 1]!.end, 8)} ---p 00000000 00:00 0 `;
  return `${line.padEnd(NAME_COLUMN)}[rollup]\n${useRows(use, locked, true)}`;
}
