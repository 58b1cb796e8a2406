import { ENOENT } from '../../abi/linux/errno.ts';
import { PROC_SUPER_MAGIC } from '../../abi/linux/fs.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { PidNamespace } from '../../kernel/task/pidNamespace.ts';
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

/** /proc of one kernel: its processes by their numbers in one space of them. */
export class ProcFs extends FileSystem {
  override readonly typeName = 'proc';
  override readonly noExec = true;
  override readonly namesAreFixed = true;
  override readonly nameCache = 'never';

  private readonly kernel: Kernel;
  private readonly facts: SystemFacts;
  /** One for each space of process numbers. */
  private readonly views: WeakMap<PidNamespace, ProcFs>;

  constructor(env: FsEnv, kernel: Kernel, facts: SystemFacts, pidNs = kernel.namespaces.pid, views = new WeakMap<PidNamespace, ProcFs>()) {
    super(env);
    this.kernel = kernel;
    this.facts = facts;
    this.views = views;
    views.set(pidNs, this);
    this.root = new Dentry('/', null, new ProcRoot(this, kernel, pidNs, systemTable(kernel, facts)));
  }

  /** What processes of `pidNs` mount. */
  viewOf(pidNs: PidNamespace): ProcFs {
    return this.views.get(pidNs) ?? new ProcFs(this.env, this.kernel, this.facts, pidNs, this.views);
  }

  override statfs(): StatFs {
    return { type: PROC_SUPER_MAGIC, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [0, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
}

class ProcRoot extends TableDir {
  private readonly kernel: Kernel;
  private readonly pidNs: PidNamespace;
  private readonly processes = new WeakMap<Process | Task, InfoNode>();
  private readonly self: InfoNode;
  private readonly threadSelf: InfoNode;

  constructor(fs: FileSystem, kernel: Kernel, pidNs: PidNamespace, table: Readonly<Record<string, MakeNode>>) {
    super(fs, table);
    this.kernel = kernel;
    this.pidNs = pidNs;
    this.self = new InfoLink(fs, (t) => this.numberOf(t.tgid));
    this.threadSelf = new InfoLink(fs, (t) => {
      const process = this.numberOf(t.tgid);
      return typeof process === 'number' ? process : `${process}/task/${pidNs.out(t.tid)}`;
    });
  }

  /** A process of another space has no directory here. */
  private numberOf(id: number): string | number {
    const number = this.pidNs.out(id);
    return number === 0 ? -ENOENT : String(number);
  }

  /** Numbers of all processes that are seen here. */
  private numbers(): number[] {
    return [...this.kernel.pids.processes.keys()].map((id) => this.pidNs.out(id)).filter((number) => number !== 0);
  }

  override names(): string[] {
    const pids = this.numbers().sort((a, b) => a - b).map(String);
    return [...super.names(), 'self', 'thread-self', ...pids];
  }

  override child(name: string): InfoNode | null {
    if (name === 'self') return this.self;
    if (name === 'thread-self') return this.threadSelf;
    if (/^[1-9]\d*$/.test(name)) return this.process(Number(name));
    return super.child(name);
  }

  private process(number: number): InfoNode | null {
    const id = this.pidNs.in(number);
    const process = this.kernel.pids.processes.get(id);
    // A thread's id is a name too, though not a listed one.
    const thread = process === undefined ? this.kernel.pids.tasks.get(id) : undefined;
    const who = process ?? thread;
    if (who === undefined) return null;
    let node = this.processes.get(who);
    if (node === undefined) this.processes.set(who, (node = processDir(this.fs, process ?? thread!.process, thread ?? null, this.pidNs)));
    return node;
  }

  protected override links(): number {
    return 2 + this.numbers().length;
  }
}
