import { EINVAL } from '../../abi/linux/errno.ts';
import type { Task } from '../../kernel/task/task.ts';
import { SEEK_CUR } from '../../vfs/inodeFile.ts';
import { type FileCaller, RWF_HIPRI } from '../../vfs/fileDescription.ts';
import type { Path } from '../../vfs/path.ts';
import { PositionedFile } from '../../vfs/positionedFile.ts';

/** An open file of /proc/PID whose positions stand for addresses (mem_lseek): they have no end to count from. */
export abstract class MemoryView extends PositionedFile {
  protected readonly target: Task;

  constructor(target: Task, path: Path, flags: number, caller: FileCaller) {
    super(path, flags, caller.cred);
    this.target = target;
  }
  override get rwFlags(): number {
    return RWF_HIPRI;
  }
  override get canBeSpliced(): boolean {
    return false;
  }
  override get canTakeSplice(): boolean {
    return false;
  }
  override seek(offset: number, whence: number): number {
    if (whence > SEEK_CUR) return -EINVAL;
    this.pos = whence === SEEK_CUR ? this.pos + offset : offset;
    return this.pos;
  }
}
