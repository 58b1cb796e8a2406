import { PROC_SUPER_MAGIC } from '../../abi/linux/fs.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Process } from '../../kernel/task/process.ts';
import type { Task } from '../../kernel/task/task.ts';
import { Dentry } from '../../vfs/dentry.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import type { StatFs } from '../../vfs/stat.ts';
import type { SystemFacts } from '../systemFacts.ts';
import { InfoLink, type InfoNode, type MakeNode, TableDir } from './nodes.ts';
import { processDir } from './pidDir.ts';
import { systemTable } from './system.ts';

/** /proc of one kernel. */
export class ProcFs extends FileSystem {
  override readonly typeName = 'proc';
  override readonly nameCache = 'never';

  constructor(env: FsEnv, kernel: Kernel, facts: SystemFacts) {
    super(env);
    this.root = new Dentry('/', null, new ProcRoot(this, kernel, systemTable(kernel, facts)));
  }

  override statfs(): StatFs {
    return { type: PROC_SUPER_MAGIC, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [0, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
}

class ProcRoot extends TableDir {
  private readonly kernel: Kernel;
  private readonly processes = new WeakMap<Process | Task, InfoNode>();
  private readonly self: InfoNode;
  private readonly threadSelf: InfoNode;

  constructor(fs: FileSystem, kernel: Kernel, table: Readonly<Record<string, MakeNode>>) {
    super(fs, table);
    this.kernel = kernel;
    this.self = new InfoLink(fs, (t) => String(t.tgid));
    this.threadSelf = new InfoLink(fs, (t) => `${t.tgid}/task/${t.tid}`);
  }

  override names(): string[] {
    const pids = [...this.kernel.pids.processes.keys()].sort((a, b) => a - b).map(String);
    return [...super.names(), 'self', 'thread-self', ...pids];
  }

  override child(name: string): InfoNode | null {
    if (name === 'self') return this.self;
    if (name === 'thread-self') return this.threadSelf;
    if (/^[1-9]\d*$/.test(name)) return this.process(Number(name));
    return super.child(name);
  }

  private process(id: number): InfoNode | null {
    const process = this.kernel.pids.processes.get(id);
    // A thread's id is a name too, though not a listed one.
    const thread = process === undefined ? this.kernel.pids.tasks.get(id) : undefined;
    const who = process ?? thread;
    if (who === undefined) return null;
    let node = this.processes.get(who);
    if (node === undefined) this.processes.set(who, (node = processDir(this.fs, process ?? thread!.process, thread ?? null)));
    return node;
  }

  protected override links(): number {
    return 2 + this.kernel.pids.processes.size;
  }
}
