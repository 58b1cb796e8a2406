import type { FileDescription } from '../../../vfs/fileDescription.ts';
import type { Kernel } from '../../kernel.ts';
import type { AddressSpace } from '../../mm/addressSpace.ts';
import type { Vma } from '../../mm/vma.ts';
import type { Task } from '../../task/task.ts';
import { IpcObject, type IpcTable } from './ids.ts';

export const SHMMNI = 4096;
export const SHM_DEST = 0o1000;
export const SHM_LOCKED = 0o2000;

/** A System V shared memory segment: a nameless file that shmat maps. */
export class Segment extends IpcObject {
  readonly size: number;
  readonly file: FileDescription;
  attachTime = 0;
  detachTime = 0;
  changeTime: number;
  readonly creator: number;
  lastUser = 0;

  constructor(t: Task, key: number, mode: number, size: number, file: FileDescription) {
    super(t, key, mode);
    this.size = size;
    this.file = file;
    this.creator = t.tgid;
    this.changeTime = t.kernel.realtime().sec;
  }

  /** Mappings of it in all processes: areas, as Linux counts them. */
  attached(kernel: Kernel): number {
    const seen = new Set<AddressSpace>();
    let n = 0;
    for (const { mm, state } of kernel.pids.tasks.values()) {
      if (state === 'dead' || seen.has(mm)) continue;
      seen.add(mm);
      for (const vma of mm.areas.items) if (vma.file === this.file) n++;
    }
    return n;
  }

  /** The areas of the attachment that starts at `addr`, in order. */
  areasAt(mm: AddressSpace, addr: number): Vma[] {
    return mm.areas.items.filter((vma) => vma.file === this.file && vma.start - vma.offset === addr);
  }
}

/** Segments that were removed while attached go when nobody has them any more. Called before every look at the table. */
export function sweep(kernel: Kernel, table: IpcTable<Segment>): void {
  for (const segment of table.list()) {
    if ((segment.mode & SHM_DEST) === 0 || segment.attached(kernel) > 0) continue;
    table.remove(segment);
    segment.file.release();
  }
}
