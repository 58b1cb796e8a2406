import { EACCES, EIO, ESRCH } from '../../abi/linux/errno.ts';
import type { Task } from '../../kernel/task/task.ts';
import { forcedBytes } from '../../kernel/trace/memory.ts';
import { Access } from '../../machine/exit.ts';
import { S_IFREG } from '../../abi/linux/fileMode.ts';
import { Cap } from '../../vfs/cred.ts';
import type { FileCaller, FileDescription } from '../../vfs/fileDescription.ts';
import type { FileSystem } from '../../vfs/fileSystem.ts';
import type { Path } from '../../vfs/path.ts';
import { MemoryView } from './memoryView.ts';
import { InfoNode, type Owner } from './nodes.ts';
import { hasMemory } from './pidStatus.ts';

/** /proc/PID/mem: the file position is an address. */
export class MemFile extends InfoNode {
  readonly task: () => Task;

  constructor(fs: FileSystem, owner: Owner, task: () => Task) {
    super(fs, S_IFREG | 0o600, owner);
    this.task = task;
  }

  override open(flags: number, path: Path, caller: FileCaller): FileDescription | number {
    const t = this.task();
    const reader = caller as Task;
    if (reader.process !== t.process && reader.cred.fsuid !== t.cred.euid && !reader.cred.hasIn(Cap.SYS_PTRACE, t.cred.userNs)) return -EACCES;
    if (!hasMemory(t)) return -ESRCH;
    return new MemDescription(t, path, flags, caller);
  }
}

class MemDescription extends MemoryView {
  override pread(buf: Uint8Array, offset: number): number {
    if (!hasMemory(this.target)) return 0;
    if (offset >= this.target.mm.limit) return -EIO;
    const bytes = forcedBytes(this.target, offset, buf.length, Access.read);
    if (bytes === null) return -EIO;
    buf.set(bytes);
    return bytes.length;
  }
  override pwrite(buf: Uint8Array, offset: number): number {
    if (!hasMemory(this.target)) return 0;
    if (offset >= this.target.mm.limit) return -EIO;
    const bytes = forcedBytes(this.target, offset, buf.length, Access.write);
    if (bytes === null) return -EIO;
    bytes.set(buf.subarray(0, bytes.length));
    return bytes.length;
  }
}
