import { EINVAL, ESRCH } from '../../abi/linux/errno.ts';
import { putU32 } from '../../abi/layout.ts';
import { S_IFREG } from '../../abi/linux/fileMode.ts';
import { Page, pageOf } from '../../kernel/mm/page.ts';
import type { Task } from '../../kernel/task/task.ts';
import { PAGE_SIZE } from '../../machine/memoryLayout.ts';
import type { FileCaller, FileDescription } from '../../vfs/fileDescription.ts';
import type { FileSystem } from '../../vfs/fileSystem.ts';
import type { Path } from '../../vfs/path.ts';
import { MemoryView } from './memoryView.ts';
import { InfoNode, type Owner } from './nodes.ts';
import { hasMemory } from './pidStatus.ts';

const ENTRY = 8;
/** High words of an entry: in memory; a page of a file or shared; mapped by nobody else. */
const PRESENT = 0x8000_0000, FILE = 0x2000_0000, EXCLUSIVE = 0x0100_0000;

/** /proc/PID/pagemap: eight bytes a page. Frames have no numbers here: they show as to those who may not know them. */
export class PagemapFile extends InfoNode {
  readonly task: () => Task;
  readonly guard: (t: Task) => number;

  constructor(fs: FileSystem, owner: Owner, task: () => Task, guard: (t: Task) => number) {
    super(fs, S_IFREG | 0o400, owner);
    this.task = task;
    this.guard = guard;
  }
  override open(flags: number, path: Path, caller: FileCaller): FileDescription | number {
    const refused = this.guard(caller as Task);
    if (refused >= 0 && !hasMemory(this.task())) return -ESRCH;
    return refused < 0 ? refused : new PagemapDescription(this.task(), path, flags, caller);
  }
}

class PagemapDescription extends MemoryView {
  override pread(buf: Uint8Array, offset: number): number {
    if (!hasMemory(this.target)) return 0;
    if (buf.length % ENTRY !== 0 || offset % ENTRY !== 0) return -EINVAL;
    const { mm } = this.target;
    const first = offset / ENTRY, last = Math.min(first + buf.length / ENTRY, mm.limit / PAGE_SIZE);
    for (let page = first, at = 0; page < last; page++, at += ENTRY) {
      const state = mm.pages[pageOf(page * PAGE_SIZE)]!;
      const vma = (state & (Page.present | Page.lazy | Page.shared)) === 0 ? null : mm.areas.find(page * PAGE_SIZE);
      putU32(buf, at, 0);
      putU32(buf, at + 4, vma === null ? 0 : PRESENT + (vma.anonymous ? EXCLUSIVE : FILE));
    }
    return Math.max(0, last - first) * ENTRY;
  }
}
