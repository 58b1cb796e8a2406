/** Builds one Linux system from the host's ports and the options, runs the first program, tells how it ended. */
import { ENOENT, ENOEXEC } from '../abi/linux/errno.ts';
import { errnoText } from '../abi/linux/errnoText.ts';
import { anonPath } from '../fs/anon/anonFs.ts';
import { SIGCONT, SIGSEGV, SIGWINCH } from '../abi/linux/signal.ts';
import { registerMemoryDevices } from '../fs/devfs/memoryDevices.ts';
import { DevPts } from '../fs/devpts/devpts.ts';
import { openFifo } from '../fs/pipefs/pipeFile.ts';
import { installNetTables } from '../fs/procfs/net.ts';
import { ProcFs } from '../fs/procfs/procFs.ts';
import { mqueueFs } from '../fs/mqueue/mqueueFs.ts';
import { SysFs } from '../fs/sysfs/sysFs.ts';
import type { SystemFacts } from '../fs/systemFacts.ts';
import type { Clock } from '../host/clock.ts';
import type { Console } from '../host/console.ts';
import type { HostFiles } from '../host/hostFiles.ts';
import type { Random } from '../host/random.ts';
import type { Sockets } from '../host/sockets.ts';
import type { Workers } from '../host/workers.ts';
import { HWCAP } from '../isa/cpuid.ts';
import { archI386 } from '../kernel/arch/i386/arch.ts';
import { archX86_64 } from '../kernel/arch/x86_64/arch.ts';
import { installPidfd } from '../kernel/ipc/pidfd.ts';
import { Kernel } from '../kernel/kernel.ts';
import { siginfo } from '../kernel/signal/siginfo.ts';
import { sendToGroup, sendToProcess } from '../kernel/signal/send.ts';
import { becomeProgram, prepareProgram } from '../kernel/task/exec.ts';
import type { Process } from '../kernel/task/process.ts';
import { Timer } from '../kernel/time/timerHeap.ts';
import type { Task } from '../kernel/task/task.ts';
import { dropPageCode } from './dropPageCode.ts';
import { COARSE_NS } from '../machine/localState.ts';
import { MailboxKernel } from '../machine/mailbox.ts';
import { installNetStack, NetStack, netStackOf } from '../net/netStack.ts';
import { netTables } from '../net/procNet.ts';
import { allRows } from '../syscalls/table.ts';
import { ttyServices } from '../tty/services.ts';
import { TtySystem } from '../tty/ttySystem.ts';
import type { Timespec } from '../vfs/stat.ts';
import { DeviceTable, type FsEnv } from '../vfs/fsEnv.ts';
import { mayExecute } from '../vfs/open.ts';
import type { Path } from '../vfs/path.ts';
import { Walk, walkPath } from '../vfs/walk.ts';
import { firstTask } from './firstTask.ts';
import { type RunOptions, type RunResult, StartError } from './options.ts';
import { DEVPTS_FLAGS, PROC_FLAGS, RootTree } from './rootTree.ts';
import { type DescriptorInfo, Stdio } from './stdio.ts';
import { syscallTables } from './syscallTables.ts';
import { shownMemory } from './shownMemory.ts';
import { systemFacts } from './systemFacts.ts';

/** What the host gives. */
export type Ports = {
  readonly files: HostFiles;
  readonly console: Console;
  readonly clock: Clock;
  readonly random: Random;
  readonly sockets: Sockets;
  readonly workers: Workers;
  readonly cpus: number;
  readonly memory: SystemFacts['memory'];
  readonly loadAverages: () => readonly number[];
  readonly mailbox: SharedArrayBuffer;
  readonly yieldTurn: () => Promise<void>;
  readonly descriptorInfo: DescriptorInfo;
  readonly warn: (message: string) => void;
};

/** The kernel thread spins this long for the next call: a guest that makes many does not pay for waking it. */
const SPIN_NS = 50_000;
/** As long as this a host event may wait while guests run. */
const BLOCK_MS = 1;
/** When the host's SIGCONT should have come. */
const CONTINUE_NS = 100_000_000;

export class Emulator {
  readonly kernel: Kernel;
  readonly task: Task;
  readonly #ports: Ports;
  readonly #options: RunOptions;
  readonly #net: NetStack;
  readonly #stdio: Stdio;
  #result: RunResult = { code: 125 };
  /** The first process has ended; a signal has come from outside. */
  #over = false;
  #signalled = false;

  constructor(ports: Ports, options: RunOptions) {
    this.#ports = ports;
    this.#options = options;
    this.kernel = new Kernel({
      mailbox: new MailboxKernel(ports.mailbox),
      workers: ports.workers,
      clock: ports.clock,
      random: ports.random,
      dropCode: dropPageCode,
      tables: syscallTables(allRows),
      archs: { x86_64: archX86_64, i386: archI386 },
      hostname: options.hostname,
      release: options.release,
      version: '#1 SMP PREEMPT_DYNAMIC tuxlate',
      hwcap: HWCAP,
      cpus: ports.cpus,
      memory: shownMemory(ports.memory),
      loadAverages: ports.loadAverages,
      yieldTurn: ports.yieldTurn,
      spinNs: SPIN_NS,
      blockMs: BLOCK_MS,
      warn: ports.warn,
    });
    this.kernel.openPidfd = (t, process, thread, nonblock) => installPidfd(t, anonPath(t, '[pidfd]'), process, thread, nonblock);
    this.#net = new NetStack(this.kernel, options.network === 'host' ? ports.sockets : null);
    installNetStack(this.#net);
    installNetTables(this.kernel, (t) => netTables(netStackOf(t)));
    const tree = this.#buildTree();
    this.task = firstTask(this.kernel, tree.namespace, options);
    this.#stdio = new Stdio(this.task, ports.files, ports.descriptorInfo);
    this.#stdio.install(ports.console);
    this.#enterDirectory(tree);
  }

  #buildTree(): RootTree {
    const { clock, files, random, console, cpus, memory } = this.#ports;
    const { kernel } = this;
    const options = this.#options;
    const env: FsEnv = { now: () => lastTick(kernel.realtime()), ticks: () => clock.monotonicNs() / 1e6, memoryBytes: () => memory().total / 2, devices: new DeviceTable(), openFifo };
    const ttys = new TtySystem(ttyServices(kernel), console.terminal, options, () => kernel.realtime().sec);
    ttys.register(env.devices);
    registerMemoryDevices(env.devices, random);
    const facts = systemFacts(random, cpus, shownMemory(memory));
    this.kernel.fileSystemTypes = facts.fileSystems.map(({ name }) => name);
    const tree = new RootTree(env, files, options);
    tree.mountDev();
    tree.mount(new DevPts(env, ttys), '/dev/pts', DEVPTS_FLAGS);
    tree.mount(mqueueFs(kernel.namespaces.ipc, env), '/dev/mqueue', PROC_FLAGS);
    tree.mount(new ProcFs(env, kernel, facts), '/proc', PROC_FLAGS);
    tree.mount(new SysFs(env, facts), '/sys', PROC_FLAGS);
    if (options.root === null) tree.mountTmp();
    for (const mount of options.mounts) tree.mountVolume(mount);
    return tree;
  }

  #enterDirectory(tree: RootTree): void {
    const { cwd, makeCwd } = this.#options;
    const found = makeCwd ? tree.directory(cwd) : tree.find(cwd);
    if (found?.inode.isDirectory) this.task.fs.cwd = found;
  }

  /** Runs the first program to its end. Throws StartError when it cannot be started. */
  async run(): Promise<RunResult> {
    const { task, kernel } = this;
    kernel.hooks.processExit = (process) => this.#ended(process);
    kernel.hooks.processStop = (process) => this.#stopped(process);
    task.process.group.continuedByHost = this.#ports.console.terminal !== null;
    this.#options.observe?.(kernel, allRows, task.process);
    const busy = await this.#net.openPublished(this.#ports.sockets, this.#options.published);
    if (busy !== null) throw new StartError(125, `${busy.host.ip}:${busy.host.port}: the port cannot be opened`);
    const program = this.#prepare();
    becomeProgram(task, program);
    await kernel.run();
    return this.#result;
  }

  #ended(process: Process): void {
    if (process !== this.task.process) return;
    const status = process.exitStatus;
    const signal = status & 0x7f;
    this.#result = signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
    // What runs on in the background ends with the first process, unless the reader of our output still waits for it: then a
    // native run would not be over either.
    this.#over = true;
    this.#stdio.onPipeClosed = () => this.#stopIfOver();
    if (signal !== 0 || this.#signalled) this.kernel.stop();
    else this.#stopIfOver();
  }

  /** The first process has stopped: so does the emulator, for the shell that it was started from. */
  #stopped(process: Process): void {
    const { terminal } = this.#ports.console;
    if (process !== this.task.process || terminal === null) return;
    const { kernel } = this;
    kernel.defer(() => {
      if (process.stopSignal === 0) return;
      terminal.suspend();
      // The shell's SIGCONT comes by the host's way. None comes where the host did not stop us.
      const late = new Timer(() => {
        if (process.stopSignal !== 0) sendToGroup(process.group, siginfo(SIGCONT, 0));
      });
      kernel.timers.set(late, kernel.nowNs() + CONTINUE_NS);
    });
  }

  #stopIfOver(): void {
    if (!this.#stdio.pipesHeld) this.kernel.stop();
  }

  #prepare(): Exclude<ReturnType<typeof prepareProgram>, number> {
    const { program: name, argv, env } = this.#options;
    const { path, filename } = this.#find(name);
    const program = prepareProgram(this.task, { path, filename, argv, envp: env });
    if (typeof program !== 'number') {
      if (program.broken !== 0) throw new StartError(128 + SIGSEGV, `${name}: Segmentation fault (loading it: ${errnoText[-program.broken]})`);
      return program;
    }
    // A text file without #! is the shell's business, as execvp(3) has it.
    if (program === -ENOEXEC && this.#isText(path)) return this.#script(filename);
    throw refused(name, program);
  }

  #isText(path: Path): boolean {
    const head = new Uint8Array(128);
    const count = path.inode.readAt(head, 0);
    return count >= 0 && !head.subarray(0, count).includes(0) && !(head[0] === 0x7f && head[1] === 0x45);
  }

  #script(filename: string): Exclude<ReturnType<typeof prepareProgram>, number> {
    const { argv, env } = this.#options;
    const shell = walkPath(this.task, null, '/bin/sh', Walk.follow);
    if (typeof shell === 'number') throw refused(filename, -ENOEXEC);
    const program = prepareProgram(this.task, { path: shell, filename: '/bin/sh', argv: ['/bin/sh', filename, ...argv.slice(1)], envp: env });
    if (typeof program === 'number') throw refused(filename, program);
    return program;
  }

  /** As execvp: through PATH when the name has no slash. */
  #find(name: string): { path: Path; filename: string } {
    if (name.includes('/')) {
      const found = walkPath(this.task, null, name, Walk.follow);
      if (typeof found === 'number') throw refused(name, found);
      return { path: found, filename: name };
    }
    const search = this.#options.env.find((word) => word.startsWith('PATH='))?.slice(5) ?? '/usr/local/bin:/usr/bin:/bin';
    let error = -ENOENT;
    for (const directory of search.split(':')) {
      const filename = `${directory === '' ? '.' : directory}/${name}`;
      const found = walkPath(this.task, null, filename, Walk.follow);
      if (typeof found === 'number') continue;
      const allowed = mayExecute(this.task, found);
      if (allowed >= 0) return { path: found, filename };
      error = allowed;
    }
    if (error === -ENOENT) throw new StartError(127, `${name}: command not found`);
    throw refused(name, error);
  }

  /** A signal that was sent to the emulator: `group` as by a terminal's key, else to the first process alone. */
  signal(signo: number, group: boolean): void {
    this.kernel.defer(() => {
      this.#signalled ||= signo !== SIGWINCH && signo !== SIGCONT;
      if (this.#over && this.#signalled) return this.kernel.stop();
      const { process } = this.task;
      const info = siginfo(signo, 0);
      if (group) sendToGroup(process.group, info);
      else sendToProcess(process, info);
    });
  }
}

/** Times of files are those of the timer's last tick (ktime_get_coarse_real_ts64): what is made in one has equal times. */
function lastTick({ sec, nsec }: Timespec): Timespec {
  return { sec, nsec: nsec - (nsec % COARSE_NS) };
}

/** What execve says, as a shell's exit status: 127 not there, 126 there but not executable. */
function refused(name: string, errno: number): StartError {
  return new StartError(errno === -ENOENT ? 127 : 126, `${name}: ${errnoText[-errno] ?? `error ${-errno}`}`);
}
