import { EACCES, ENOENT } from '../../abi/linux/errno.ts';
import { S_IFLNK } from '../../abi/linux/fileMode.ts';
import { O_CLOEXEC } from '../../abi/linux/openFlags.ts';
import { PidFile } from '../../kernel/ipc/pidfd.ts';
import type { PidNamespace } from '../../kernel/task/pidNamespace.ts';
import type { Task } from '../../kernel/task/task.ts';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import type { FileSystem } from '../../vfs/fileSystem.ts';
import type { DirEntry } from '../../vfs/inode.ts';
import type { Path, PathContext } from '../../vfs/path.ts';
import { linkName } from './format.ts';
import { InfoDir, InfoFile, InfoNode, type Owner } from './nodes.ts';

const isNumber = (name: string): boolean => /^(0|[1-9]\d*)$/.test(name);

/** Names are the open descriptors of a task. */
abstract class DescriptorDir extends InfoDir {
  protected readonly task: () => Task;
  /** By descriptor; a node serves as long as the same file is open there. */
  private readonly nodes = new Map<number, { file: FileDescription; node: InfoNode }>();

  constructor(fs: FileSystem, owner: Owner, permissions: number, task: () => Task) {
    super(fs, owner, permissions);
    this.task = task;
  }
  protected abstract make(fd: number): InfoNode;

  override list(): DirEntry[] | number {
    return this.task().process.state === 'reaped' ? -ENOENT : super.list();
  }
  override names(): string[] {
    const t = this.task();
    return t.state === 'dead' ? [] : [...t.fds.entries()].map(([fd]) => String(fd));
  }
  override child(name: string): InfoNode | null {
    const t = this.task();
    const fd = Number(name);
    const file = isNumber(name) && t.state !== 'dead' ? t.fds.get(fd) : null;
    if (file === null) {
      this.nodes.delete(fd);
      return null;
    }
    const known = this.nodes.get(fd);
    if (known !== undefined && known.file === file) return known.node;
    const node = this.make(fd);
    this.nodes.set(fd, { file, node });
    return node;
  }
}

/** /proc/PID/fd: magic links to what is open. */
export class FdDir extends DescriptorDir {
  constructor(fs: FileSystem, owner: Owner, task: () => Task) {
    super(fs, owner, 0o500, task);
  }
  protected override make(fd: number): InfoNode {
    return new FdLink(this.fs, this.owner, this.task, fd);
  }
  protected override size(): number {
    return this.names().length;
  }
}

class FdLink extends InfoNode {
  private readonly task: () => Task;
  private readonly fd: number;

  constructor(fs: FileSystem, owner: Owner, task: () => Task, fd: number) {
    const file = task().fds.get(fd);
    super(fs, S_IFLNK | (file?.readable ? 0o500 : 0) | (file?.writable ? 0o300 : 0), owner);
    this.task = task;
    this.fd = fd;
  }
  protected override size(): number {
    return 64;
  }
  private place(reader: Task): Path | number {
    const t = this.task();
    if (reader.process !== t.process && reader.cred.fsuid !== t.cred.euid && reader.cred.fsuid !== 0) return -EACCES;
    return t.fds.get(this.fd)?.path ?? -ENOENT;
  }
  override readlink(reader?: PathContext): string | number {
    if (reader === undefined) return -EACCES;
    const path = this.place(reader as Task);
    return typeof path === 'number' ? path : linkName(path, reader.fs.root);
  }
  override followMagic(reader: PathContext): Path | number {
    return this.place(reader as Task);
  }
}

export class FdInfoDir extends DescriptorDir {
  private readonly pidNs: PidNamespace;

  constructor(fs: FileSystem, owner: Owner, task: () => Task, pidNs: PidNamespace) {
    super(fs, owner, 0o555, task);
    this.pidNs = pidNs;
  }
  protected override make(fd: number): InfoNode {
    return new InfoFile(this.fs, 0o444, this.owner, () => {
      const t = this.task();
      const file = t.fds.get(fd);
      if (file === null) return -ENOENT;
      const flags = file.flags | (t.fds.isCloexec(fd) ? O_CLOEXEC : 0);
      return `pos:\t${file.pos}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${file.path.mount.id}\nino:\t${file.inode.stat().ino}\n${file instanceof PidFile ? file.numbers(this.pidNs) : file.fdinfo()}`;
    });
  }
}
