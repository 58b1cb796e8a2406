import { EACCES, ENOENT, EPERM } from '../../abi/linux/errno.ts';
import { S_IFLNK } from '../../abi/linux/fileMode.ts';
import { Prot, type Vma } from '../../kernel/mm/vma.ts';
import type { Task } from '../../kernel/task/task.ts';
import { Cap } from '../../vfs/cred.ts';
import type { FileSystem } from '../../vfs/fileSystem.ts';
import type { Path, PathContext } from '../../vfs/path.ts';
import { linkName } from './format.ts';
import { InfoDir, InfoNode, type Owner } from './nodes.ts';

const nameOf = (vma: Vma): string => `${vma.start.toString(16)}-${vma.end.toString(16)}`;

/** /proc/PID/map_files: a link for each area that shows a file. */
export class MapFilesDir extends InfoDir {
  private readonly task: () => Task;

  constructor(fs: FileSystem, owner: Owner, task: () => Task) {
    super(fs, owner, 0o500);
    this.task = task;
  }
  private areas(): readonly Vma[] {
    const t = this.task();
    return t.state === 'dead' ? [] : t.mm.areas.items.filter((vma) => vma.file !== null);
  }
  override names(): string[] {
    return this.areas().map(nameOf);
  }
  override child(name: string): InfoNode | null {
    const vma = this.areas().find((area) => nameOf(area) === name);
    return vma === undefined ? null : new MapLink(this.fs, this.owner, vma);
  }
}

class MapLink extends InfoNode {
  private readonly vma: Vma;

  constructor(fs: FileSystem, owner: Owner, vma: Vma) {
    super(fs, S_IFLNK | ((vma.prot & Prot.R) !== 0 ? 0o400 : 0) | ((vma.prot & Prot.W) !== 0 ? 0o200 : 0), owner);
    this.vma = vma;
  }
  protected override size(): number {
    return 64;
  }
  override readlink(reader?: PathContext): string | number {
    if (reader === undefined) return -EACCES;
    const path = this.vma.file?.path;
    return path === undefined ? -ENOENT : linkName(path, reader.fs.root);
  }
  /** It would go past the permissions of directories on the way. */
  override followMagic(reader: PathContext): Path | number {
    const { cred } = reader as Task;
    if (!cred.has(Cap.SYS_ADMIN) && !cred.has(Cap.CHECKPOINT_RESTORE)) return -EPERM;
    return this.vma.file?.path ?? -ENOENT;
  }
}
