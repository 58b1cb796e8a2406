import { EACCES, EINVAL, ENOENT, ESRCH } from '../../abi/linux/errno.ts';
import { S_IFDIR } from '../../abi/linux/fileMode.ts';
import type { PidNamespace } from '../../kernel/task/pidNamespace.ts';
import type { Process } from '../../kernel/task/process.ts';
import type { Task } from '../../kernel/task/task.ts';
import { GUEST_END } from '../../machine/memoryLayout.ts';
import { Cap, type Cred } from '../../vfs/cred.ts';
import type { DirEntry, Inode } from '../../vfs/inode.ts';
import type { FileSystem } from '../../vfs/fileSystem.ts';
import type { Path } from '../../vfs/path.ts';
import { type AnyNamespace, CLONE_FLAG, namespaceOf, type NamespaceKind } from '../../kernel/task/namespaces.ts';
import { namespacePath } from '../nsfs/nsFs.ts';
import { timeOffsetsFile } from './timeOffsets.ts';
import { mapFile, setgroupsFile } from './idMaps.ts';
import { mayControl } from '../../kernel/trace/attach.ts';
import { FdDir, FdInfoDir } from './fdDir.ts';
import { Gpr } from '../../machine/cpuState.ts';
import { hex, linkName } from './format.ts';
import { MapFilesDir } from './mapFilesDir.ts';
import { MemFile } from './memFile.ts';
import { PagemapFile } from './pagemapFile.ts';
import { mapsText, smapsRollupText, smapsText } from './pidMaps.ts';
import { hasMemory, limitsText, statmText, statText, statusText } from './pidStatus.ts';
import { mountinfoText, mountstatsText, mountsText } from './mounts.ts';
import { InfoDir, InfoFile, InfoLink, type InfoNode, type MakeNode, type Owner, TableDir } from './nodes.ts';
import { netTable } from './net.ts';

/** Whether `reader` may look into `target` (PTRACE_MODE_READ): same identity, or CAP_SYS_PTRACE. 0 or -EACCES. */
export function mayInspect(reader: Task, target: Task): number {
  if (reader.process === target.process) return 0;
  const r = reader.cred;
  const c = target.cred;
  const same = r.fsuid === c.uid && r.fsuid === c.euid && r.fsuid === c.suid && r.fsgid === c.gid && r.fsgid === c.egid && r.fsgid === c.sgid;
  return (same && target.mm.dumpable === 1 && mayControl(r, c)) || r.hasIn(Cap.SYS_PTRACE, c.userNs) ? 0 : -EACCES;
}

/** What a thread is in: its call with six arguments, stack pointer and where it goes on; -1 when it stands still outside of one. */
function syscallText(t: Task): string {
  if (t.state === 'running' && !t.kernel.guests.takeOver(t)) return 'running\n';
  const { regs } = t;
  const place = `0x${hex(regs.gpr(Gpr.rsp), 0)} 0x${hex(regs.rip, 0)}\n`;
  if (t.syscallNumber < 0) return `-1 ${place}`;
  return `${t.syscallNumber} ${t.arch.argumentRegisters.map((n) => `0x${hex(regs.gpr(n), 0)} `).join('')}${place}`;
}

/** Bytes [start, end) of the target's memory, as far as they can be read. */
function memoryText(t: Task, start: number, end: number): string {
  if (!hasMemory(t) || !(end > start) || end > GUEST_END) return '';
  const bytes = t.memory.readablePrefix(start, end - start);
  let out = '';
  if (bytes !== null) for (const b of bytes) out += String.fromCharCode(b);
  return out;
}

/** Arguments as the program left them: setproctitle may have overwritten their end, and then the environment follows. */
function cmdline(t: Task): string {
  if (!hasMemory(t)) return '';
  const { argStart, argEnd, envEnd } = t.mm.layout;
  const text = memoryText(t, argStart, argEnd);
  if (text === '' || text.endsWith('\0')) return text;
  const more = memoryText(t, argStart, Math.max(argEnd, envEnd));
  const nul = more.indexOf('\0');
  return nul < 0 ? more : more.slice(0, nul + 1);
}

function auxv(t: Task): string {
  let out = '';
  for (const b of t.mm.layout.auxv) out += String.fromCharCode(b);
  return out;
}

function ioText(process: Process): string {
  const use = process.ownUsage;
  const { io } = process;
  return `rchar: ${io.readBytes}\nwchar: ${io.writtenBytes}\nsyscr: ${io.reads}\nsyscw: ${io.writes}\nread_bytes: ${use.inBlocks * 512}\nwrite_bytes: ${use.outBlocks * 512}\ncancelled_write_bytes: 0\n`;
}

function schedText(t: Task, pidNs: PidNamespace): string {
  const line = (name: string, value: string | number): string => `${name.padEnd(45)}:${String(value).padStart(21)}\n`;
  const run = (t.kernel.cpuClock.userNs(t) + t.usage.systemNs) / 1e6;
  return `${t.comm} (${pidNs.out(t.tid)}, #threads: ${t.process.tasks.size})\n${'-'.repeat(67)}\n` +
    line('se.exec_start', (t.kernel.nowNs() / 1e6).toFixed(6)) + line('se.vruntime', run.toFixed(6)) + line('se.sum_exec_runtime', run.toFixed(6)) +
    line('se.nr_migrations', 0) + line('nr_switches', t.usage.voluntarySwitches + t.usage.involuntarySwitches) +
    line('nr_voluntary_switches', t.usage.voluntarySwitches) + line('nr_involuntary_switches', t.usage.involuntarySwitches) +
    line('policy', t.schedPolicy) + line('prio', 120 + t.nice);
}

/** Whether a task has been waited for, or was a thread that has ended. */
const isGone = (t: Task): boolean => t.process.state === 'reaped' || (t.state === 'dead' && t !== t.process.leader);

interface FileRule {
  /** It shows what an open file keeps alive (the memory's description, the mounts), not the task. */
  readonly outlives?: boolean;
  /** What open(2) answers when the task has no memory any more. */
  readonly withoutMemory?: number;
  /** SEEK_END is 0, rather than refused. */
  readonly seeksEnd?: boolean;
}
/** Of memory that is opened with the file. */
const MEMORY: FileRule = { outlives: true, withoutMemory: -ESRCH, seeksEnd: true };
const MOUNTS: FileRule = { outlives: true, withoutMemory: -EINVAL };
const SEEKS_END: FileRule = { seeksEnd: true };

/** Of a pair of tables, one for /proc/PID, one for /proc/PID/task/TID. */
export class TaskNodes {
  private readonly task: () => Task;
  /** Whose numbers are shown. */
  private readonly pidNs: PidNamespace;

  constructor(task: () => Task, pidNs: PidNamespace) {
    this.task = task;
    this.pidNs = pidNs;
  }

  /** A file about the task; `secret` ones only for who may trace it. Who has it open when the task is gone is told so. */
  private file(show: (t: Task, reader: Task) => string | number, permissions = 0o444, secret = false, store: ((text: string, t: Task, writer: Task) => number) | null = null, rule: FileRule = {}): MakeNode {
    const guard = (reader: Task): number => {
      const t = this.task();
      const refused = secret ? mayInspect(reader, t) : 0;
      return refused < 0 || rule.withoutMemory === undefined || hasMemory(t) ? refused : rule.withoutMemory;
    };
    const put = (text: string, writer: Task): number => {
      const t = this.task();
      return isGone(t) ? -ESRCH : store === null ? -EINVAL : store(text, t, writer);
    };
    const get = (reader: Task): string | number => {
      const t = this.task();
      return isGone(t) && rule.outlives !== true ? -ESRCH : show(t, reader);
    };
    return (fs, owner) => new InfoFile(fs, permissions, owner, get, put, guard, rule.seeksEnd);
  }

  /** A link to a place the task has open. */
  private link(place: (t: Task) => Path | null): MakeNode {
    const jump = (reader: Task): Path | number => {
      const t = this.task();
      if (mayInspect(reader, t) < 0) return -EACCES;
      if (t.state === 'dead') return -ENOENT;
      return place(t) ?? -ENOENT;
    };
    const target = (reader: Task): string | number => {
      const path = jump(reader);
      return typeof path === 'number' ? path : linkName(path, reader.fs.root);
    };
    return (fs, owner) => new InfoLink(fs, target, jump, owner);
  }

  private withMemory(show: (t: Task) => string): (t: Task) => string {
    return (t) => (hasMemory(t) ? show(t) : '');
  }

  /** As without a security module: there, and nothing in them. */
  private securityAttributes(): Record<string, MakeNode> {
    const names = ['current', 'exec', 'fscreate', 'keycreate', 'sockcreate'];
    const file = this.file(() => -EINVAL, 0o666, false, () => -EINVAL, SEEKS_END);
    return { prev: this.file(() => -EINVAL, 0o444, false, null, SEEKS_END), ...Object.fromEntries(names.map((name) => [name, file])) };
  }

  common(): Record<string, MakeNode> {
    const { task, pidNs } = this;
    const kept = (initial: string): MakeNode => {
      let value = initial;
      return this.file(() => value, 0o644, false, (text) => {
        value = text.endsWith('\n') ? text : `${text}\n`;
        return text.length;
      }, SEEKS_END);
    };
    return {
      attr: (fs, owner) => new TableDir(fs, this.securityAttributes(), owner),
      auxv: this.file(auxv, 0o400, true, null, MEMORY),
      cgroup: this.file(() => '0::/\n'),
      clear_refs: this.file(() => -EINVAL, 0o200, false, (text) => (/^\s*[1-5]\s*$/.test(text) ? text.length : -EINVAL)),
      cmdline: this.file(cmdline, 0o444, false, null, SEEKS_END),
      comm: this.file((t) => `${t.comm}\n`, 0o644, false, (text, t, writer) => {
        if (writer.process !== t.process) return -EINVAL;
        t.comm = text.slice(0, 15).replace(/\0.*$/s, '');
        return text.length;
      }),
      cpuset: this.file(() => '/\n'),
      cwd: this.link((t) => t.fs.cwd),
      environ: this.file((t) => memoryText(t, t.mm.layout.envStart, t.mm.layout.envEnd), 0o400, true, null, MEMORY),
      exe: this.link((t) => t.mm.exe?.path ?? null),
      fd: (fs, owner) => new FdDir(fs, owner, task),
      fdinfo: (fs, owner) => new FdInfoDir(fs, owner, task, pidNs),
      gid_map: mapFile(task, 'gids'),
      io: this.file((t) => ioText(t.process), 0o400, true),
      limits: this.file((t) => limitsText(t.process)),
      loginuid: kept('4294967295'),
      map_files: (fs, owner) => new MapFilesDir(fs, owner, task),
      maps: this.file(this.withMemory(mapsText), 0o444, true),
      mem: (fs, owner) => new MemFile(fs, owner, task),
      mountinfo: this.file(mountinfoText, 0o444, false, null, MOUNTS),
      mounts: this.file(mountsText, 0o444, false, null, MOUNTS),
      net: (fs, owner) => new TableDir(fs, netTable(), owner),
      ns: (fs, owner) => new OneTaskDir(fs, task, namespaces(task), owner, 0o511),
      oom_adj: this.file((t) => `${Math.trunc((t.process.oomScoreAdj * 17) / 1000)}\n`, 0o644, false, (text, t) => this.setOom(text, t, 1000 / 17), SEEKS_END),
      oom_score: this.file((t) => `${Math.max(0, 666 + Math.trunc((t.process.oomScoreAdj * 2) / 3))}\n`),
      oom_score_adj: this.file((t) => `${t.process.oomScoreAdj}\n`, 0o644, false, (text, t) => this.setOom(text, t, 1), SEEKS_END),
      pagemap: (fs, owner) => new PagemapFile(fs, owner, task, (reader) => mayInspect(reader, task())),
      personality: this.file((t) => `${hex(t.personality, 8)}\n`, 0o400, true),
      projid_map: mapFile(task, 'projects'),
      root: this.link((t) => t.fs.root),
      sched: this.file((t) => schedText(t, pidNs), 0o644),
      schedstat: this.file((t) => `${t.kernel.cpuClock.userNs(t) + t.usage.systemNs} 0 ${t.usage.voluntarySwitches}\n`),
      sessionid: this.file(() => '4294967295', 0o444, false, null, SEEKS_END),
      setgroups: setgroupsFile(task),
      smaps: this.file(this.withMemory(smapsText), 0o444, true),
      smaps_rollup: this.file(this.withMemory(smapsRollupText), 0o444, true),
      stack: this.file(() => '', 0o400, true),
      statm: this.file(statmText),
      status: this.file((t, reader) => statusText(t, reader, pidNs)),
      syscall: this.file(syscallText, 0o400, true),
      uid_map: mapFile(task, 'uids'),
      wchan: this.file((t) => (t.state === 'parked' || t.kernel.guests.waitsLocally(t) ? 'do_wait' : '0')),
    };
  }

  private setOom(text: string, t: Task, scale: number): number {
    const trimmed = text.trim();
    const value = Math.trunc(Number(trimmed) * scale);
    if (!/^-?\d+$/.test(trimmed) || value < -1000 || value > 1000) return -EINVAL;
    t.process.oomScoreAdj = value;
    return text.length;
  }

  /** What only the process's own directory has. */
  processOnly(process: Process): Record<string, MakeNode> {
    return {
      autogroup: this.file((t) => `/autogroup-${this.pidNs.out(t.process.sid)} nice ${t.nice}\n`, 0o644),
      coredump_filter: this.file((t) => !hasMemory(t) ? '' : `${t.process.coredumpFilter.toString(16).padStart(8, '0')}\n`, 0o644, false, (text, t) => {
        if (!/^\s*(0x[0-9a-f]+|\d+)\s*$/i.test(text)) return -EINVAL;
        t.process.coredumpFilter = Number(text) & 0x1ff;
        return text.length;
      }, SEEKS_END),
      mountstats: this.file(mountstatsText, 0o400, false, null, MOUNTS),
      stat: this.file((t, reader) => statText(t, reader, true, this.pidNs)),
      task: (fs, owner) => new TaskDir(fs, process, owner, this.pidNs),
      timens_offsets: timeOffsetsFile(this.task),
      timers: this.file(() => ''),
      timerslack_ns: this.file((t) => `${t.timerSlackNs}\n`, 0o666, false, (text, t) => {
        if (!/^\s*\d+\s*$/.test(text)) return -EINVAL;
        t.timerSlackNs = Number(text);
        return text.length;
      }),
    };
  }

  taskOnly(): Record<string, MakeNode> {
    return {
      children: this.file((t) => [...t.process.children].filter((c) => c.state !== 'reaped').map((c) => `${this.pidNs.out(c.pid)} `).join('')),
      stat: this.file((t, reader) => statText(t, reader, false, this.pidNs)),
    };
  }
}

/** /proc/PID/ns: links to what namespaces are as files. */
function namespaces(task: () => Task): Record<string, MakeNode> {
  const out: Record<string, MakeNode> = {};
  const one = (name: string, kind: NamespaceKind, of: (t: Task) => AnyNamespace | null = (t) => namespaceOf(t, kind)): void => {
    const refused = (reader: Task): number => (mayInspect(reader, task()) < 0 ? -EACCES : task().state === 'dead' || of(task()) === null ? -ENOENT : 0);
    const jump = (reader: Task): Path | number => refused(reader) || namespacePath(reader, of(task())!);
    const target = (reader: Task): string | number => refused(reader) || `${kind}:[${of(task())!.id}]`;
    out[name] = (fs, owner) => new InfoLink(fs, target, jump, owner);
  };
  for (const kind of Object.keys(CLONE_FLAG) as NamespaceKind[]) {
    one(kind, kind);
    // One whose first process is not born yet cannot be entered.
    if (kind === 'pid') one('pid_for_children', kind, (t) => (t.ns.pid.level > 0 && t.ns.pid.init === null ? null : t.ns.pid));
    if (kind === 'time') one('time_for_children', kind, (t) => t.ns.timeForChildren);
  }
  return out;
}

/** Files of a process belong to its effective user, unless it is not dumpable; directories that all may read do anyway (task_dump_owner). */
function ownerOf(task: () => Task): Owner {
  const isTheirs = (mode: number): boolean => task().mm.dumpable === 1 || mode === (S_IFDIR | 0o555);
  return {
    uid: (mode) => (isTheirs(mode) ? task().cred.euid : 0),
    gid: (mode) => (isTheirs(mode) ? task().cred.egid : 0),
  };
}

/** Directories whose table is sorted by name, as Linux lists them nearly. `task`: a thread that is not the leader, whose id was named. */
export function processDir(fs: FileSystem, process: Process, task: Task | null, pidNs: PidNamespace): InfoNode {
  const which = task === null ? (): Task => process.leader : (): Task => task;
  const nodes = new TaskNodes(which, pidNs);
  return new ProcessDir(fs, which, { ...nodes.common(), ...nodes.processOnly(process) }, ownerOf(which));
}

/** Nothing is in the directory of a task that is gone. */
class OneTaskDir extends TableDir {
  protected readonly task: () => Task;

  constructor(fs: FileSystem, task: () => Task, table: Readonly<Record<string, MakeNode>>, owner: Owner, permissions = 0o555) {
    super(fs, table, owner, permissions);
    this.task = task;
  }
  override lookup(name: string, cred: Cred): Inode | number {
    return isGone(this.task()) ? -ENOENT : super.lookup(name, cred);
  }
  override list(): DirEntry[] | number {
    return isGone(this.task()) ? -ENOENT : super.list();
  }
}

/** /proc/PID: it can stand for the process, as a pidfd does. Whoever still has it open when the process is gone is told so. */
export class ProcessDir extends OneTaskDir {
  get process(): Process {
    return this.task().process;
  }
  override permission(mask: number, cred: Cred): number | null {
    return isGone(this.task()) ? -ESRCH : super.permission(mask, cred);
  }
}

class TaskDir extends InfoDir {
  private readonly process: Process;
  private readonly pidNs: PidNamespace;
  private readonly nodes = new WeakMap<Task, InfoNode>();

  constructor(fs: FileSystem, process: Process, owner: Owner, pidNs: PidNamespace) {
    super(fs, owner);
    this.process = process;
    this.pidNs = pidNs;
  }
  private tasks(): Task[] {
    const all = [...this.process.tasks];
    return all.length > 0 ? all : [this.process.leader];
  }
  override list(): DirEntry[] | number {
    return this.process.state === 'reaped' ? -ENOENT : super.list();
  }
  override names(): string[] {
    return this.tasks().map((t) => this.pidNs.out(t.tid)).sort((a, b) => a - b).map(String);
  }
  override child(name: string): InfoNode | null {
    const task = this.tasks().find((t) => String(this.pidNs.out(t.tid)) === name);
    if (task === undefined) return null;
    let node = this.nodes.get(task);
    if (node === undefined) {
      const nodes = new TaskNodes(() => task, this.pidNs);
      node = new OneTaskDir(this.fs, () => task, { ...nodes.common(), ...nodes.taskOnly() }, ownerOf(() => task));
      this.nodes.set(task, node);
    }
    return node;
  }
  protected override links(): number {
    return 2 + this.tasks().length;
  }
}

