import { E2BIG, EACCES, ELOOP, ENOEXEC, ENOMEM } from '../../abi/linux/errno.ts';
import * as AT from '../../abi/linux/elf.ts';
import { READ_IMPLIES_EXEC } from '../../abi/linux/personality.ts';
import { MAP_ANONYMOUS, MAP_PRIVATE } from '../../abi/linux/mman.ts';
import type { Cred } from '../../vfs/cred.ts';
import type { FileDescription } from '../../vfs/fileDescription.ts';
import { ProgramFile } from '../../vfs/inodeFile.ts';
import { mayExecute } from '../../vfs/open.ts';
import { pathName, type Path } from '../../vfs/path.ts';
import { Walk, walkPath } from '../../vfs/walk.ts';
import { MAY_READ, inodePermission } from '../../vfs/permission.ts';
import { FRAME_FPU_BYTES } from '../arch/fpuState.ts';
import { Registers } from '../arch/registers.ts';
import { Rlimit } from '../fd/rlimits.ts';
import { AddressSpace } from '../mm/addressSpace.ts';
import { mapMemory } from '../mm/mapping.ts';
import { readElf, readInterpreter, segmentsError, type ElfImage, type ElfReader } from '../loader/elf.ts';
import { mapImage, mapStack, placeProgram, type Loaded } from '../loader/load.ts';
import { buildStack } from '../loader/stack.ts';
import { type Vdso, vdsoOf } from '../loader/vdso.ts';
import { forgetTrace } from '../trace/attach.ts';
import { endStep } from '../trace/trace.ts';
import { credForExec } from './execCred.ts';
import { exitTask } from './exit.ts';
import type { Kernel } from '../kernel.ts';
import { enterTime } from './namespaces.ts';
import type { Task } from './task.ts';

const MAX_ARG_STRLEN = 131072;
const MAX_SCRIPT_DEPTH = 5;
const BINPRM_BUF_SIZE = 256;

/** A program ready to run: everything that can fail has succeeded. */
export interface Program {
  mm: AddressSpace;
  image: ElfImage;
  entry: number;
  sp: number;
  comm: string;
  /** The file whose set-ID bits count. */
  cred: Cred;
  /** Set-ID or capabilities changed the identity: AT_SECURE. */
  secure: boolean;
  personality: number;
  path: Path;
  /** -errno of what failed after the point of no return, else 0: there is nothing at the entry then, and SIGSEGV is its first signal. */
  broken: number;
}

export interface ExecRequest {
  path: Path;
  /** What AT_EXECFN and scripts' interpreters are told. */
  filename: string;
  argv: readonly string[];
  envp: readonly string[];
}

function fileReader(file: FileDescription): ElfReader {
  const { inode } = file;
  return (offset, length) => {
    const buf = new Uint8Array(Math.min(length, 1 << 20));
    if (!(offset >= 0) || offset > Number.MAX_SAFE_INTEGER) return new Uint8Array(0);
    inode.mappings?.beforeRead(offset, buf.length);
    let done = 0;
    while (done < buf.length) {
      const n = inode.readAt(buf.subarray(done), offset + done);
      if (n < 0) return n;
      if (n === 0) break;
      done += n;
    }
    return buf.subarray(0, done);
  };
}

/** #! lines: interpreter and its one optional argument (fs/binfmt_script.c). null: not a script. */
function parseScript(head: Uint8Array): { interpreter: string; argument: string | null } | null | number {
  if (head[0] !== 0x23 || head[1] !== 0x21) return null;
  let end = head.indexOf(10);
  const cut = end < 0;
  // The last of the 256 bytes is where Linux puts its terminating 0.
  if (cut) end = Math.min(head.length, BINPRM_BUF_SIZE - 1);
  let text = String.fromCharCode(...head.subarray(2, end));
  const nul = text.indexOf('\0');
  if (nul >= 0) text = text.slice(0, nul);
  const full = cut && nul < 0 && head.length === BINPRM_BUF_SIZE;
  const trimmed = text.replace(/^[ \t]+/, '');
  // An interpreter name that may have been cut off is refused.
  if (trimmed === '' || (full && !/[ \t]/.test(trimmed))) return -ENOEXEC;
  const line = full ? trimmed : trimmed.replace(/[ \t]+$/, '');
  const space = line.search(/[ \t]/);
  if (space < 0) return { interpreter: line, argument: null };
  const argument = line.slice(space).replace(/^[ \t]+/, '');
  return { interpreter: line.slice(0, space), argument: argument === '' ? null : argument };
}

/** Opens a program for reading its bytes, whatever read permission says. */
function openProgram(t: Task, path: Path): FileDescription | number {
  const allowed = mayExecute(t, path);
  return allowed < 0 ? allowed : new ProgramFile(path, t.cred);
}

/** Finds out what runs, loads it into a new address space and builds its stack. Nothing of `t` changes. */
export function prepareProgram(t: Task, request: ExecRequest): Program | number {
  let { path } = request;
  const { filename } = request;
  let argv = request.argv.length > 0 ? [...request.argv] : [''];
  for (const text of [...argv, ...request.envp]) if (text.length >= MAX_ARG_STRLEN) return -E2BIG;
  let shown = filename;
  for (let depth = 0; ; depth++) {
    const file = openProgram(t, path);
    if (typeof file === 'number') return file;
    const head = fileReader(file)(0, BINPRM_BUF_SIZE);
    const script = typeof head === 'number' ? head : parseScript(head);
    if (script === null) {
      const program = loadProgram(t, path, file, request, filename, argv);
      file.release();
      return program;
    }
    file.release();
    if (typeof script === 'number') return script;
    if (depth >= MAX_SCRIPT_DEPTH) return -ELOOP;
    argv = [script.interpreter, ...(script.argument === null ? [] : [script.argument]), shown, ...argv.slice(1)];
    shown = script.interpreter;
    const next = walkPath(t, null, script.interpreter, Walk.follow);
    if (typeof next === 'number') return next;
    path = next;
  }
}

/** comm: the last component of what was executed, 15 bytes. */
function commOf(filename: string): string {
  return filename.slice(filename.lastIndexOf('/') + 1).slice(0, 15);
}

function loadProgram(t: Task, path: Path, file: FileDescription, request: ExecRequest, filename: string, argv: readonly string[]): Program | number {
  const { kernel } = t;
  const archs = [kernel.parts.archs.x86_64, kernel.parts.archs.i386];
  const image = readElf(fileReader(file), archs);
  if (typeof image === 'number') return image;
  const interpreter = image.interpreter === null ? null : openInterpreter(t, image.interpreter, image);
  if (typeof interpreter === 'number') return interpreter;
  const mm = new AddressSpace(kernel);
  const program = fill(t, mm, path, file, image, interpreter, request, filename, argv);
  interpreter?.file.release();
  if (typeof program === 'number') mm.release();
  return program;
}

interface Interpreter {
  file: FileDescription;
  image: ElfImage;
}

function openInterpreter(t: Task, name: string, program: ElfImage): Interpreter | number {
  // An empty name is the current directory here (getname_kernel lets it through), and that cannot be executed.
  if (name === '') return -EACCES;
  const path = walkPath(t, null, name, Walk.follow);
  if (typeof path === 'number') return path;
  const file = openProgram(t, path);
  if (typeof file === 'number') return file;
  const image = readInterpreter(fileReader(file), program.arch);
  if (typeof image === 'number') {
    file.release();
    return image;
  }
  return { file, image };
}

const nothingLoaded: Loaded = { bias: 0, entry: 0, headers: 0, codeStart: 0, codeEnd: 0, dataStart: 0, dataEnd: 0, end: 0 };

function fill(
  t: Task, mm: AddressSpace, path: Path, file: FileDescription, image: ElfImage, interpreter: Interpreter | null, request: ExecRequest,
  filename: string, argv: readonly string[],
): Program | number {
  const { kernel } = t;
  const { arch } = image;
  const stackLimit = Math.min(t.rlimits.cur[Rlimit.STACK]!, 1 << 30);
  let broken = segmentsError(image);
  if (broken === 0 && interpreter !== null) broken = segmentsError(interpreter.image);
  const placement = placeProgram(broken === 0 ? image : { ...image, low: 0, high: 4096, dynamic: true }, stackLimit);
  // It would fit into Linux's space, but not into ours.
  if (typeof placement === 'number') return placement;
  // i386 programs without PT_GNU_STACK were linked when everything readable could be executed.
  const readImpliesExec = image.execStack === null && arch.wordSize === 4;
  const personality = readImpliesExec ? t.personality | READ_IMPLIES_EXEC : t.personality & ~READ_IMPLIES_EXEC;
  const mapped = broken === 0 ? mapImage(mm, image, file, placement.bias, readImpliesExec) : broken;
  const main = typeof mapped === 'number' ? nothingLoaded : mapped;
  const top = mapStack(mm, placement, image.execStack === true || readImpliesExec);
  const mappedLd = interpreter === null || typeof mapped === 'number' ? null : mapImage(mm, interpreter.image, interpreter.file, null, readImpliesExec);
  const ld = typeof mappedLd === 'number' ? nothingLoaded : mappedLd;
  broken = typeof mapped === 'number' ? mapped : typeof mappedLd === 'number' ? mappedLd : 0;
  const vdsoAt = mapVdso(mm, vdsoOf(arch.name, kernel.parts.release));
  if (vdsoAt < 0) return vdsoAt;
  const credentials = credForExec(t, path);
  if (typeof credentials === 'number') return credentials;
  const { cred, secure } = credentials;
  const random = new Uint8Array(16);
  kernel.parts.random.fill(random);
  const stack = buildStack(mm, top, arch.wordSize, {
    argv, envp: request.envp, filename, platform: arch.name === 'x86_64' ? 'x86_64' : 'i686', random,
    auxv: (at) => auxiliaryVector(kernel, image, main, ld, vdsoAt, cred, secure, at),
  });
  if (typeof stack === 'number') return stack;
  const vdso = vdsoOf(arch.name, kernel.parts.release);
  const brkStart = Math.ceil(main.end / 4096) * 4096;
  const offset = (n: number): number => (n === 0 ? 0 : vdsoAt + n);
  mm.layout = {
    codeStart: main.codeStart, codeEnd: main.codeEnd, dataStart: main.dataStart, dataEnd: main.dataEnd, brkStart, brk: brkStart,
    stackStart: stack.sp, argStart: stack.argStart, argEnd: stack.argEnd, envStart: stack.envStart, envEnd: stack.envEnd, vdso: vdsoAt,
    sysenterReturn: offset(vdso.sysenterReturn), sigreturn: offset(vdso.sigreturn), rtSigreturn: offset(vdso.rtSigreturn), auxv: stack.auxv,
  };
  mm.exe = file.acquire();
  if (secure || inodePermission(path.inode, MAY_READ, t.cred) < 0) mm.dumpable = 0;
  return { mm, image, entry: (ld ?? main).entry, sp: stack.sp, comm: commOf(/^\/dev\/fd\/\d+$/.test(request.filename) ? request.path.dentry.name : request.filename), cred, secure, personality, path, broken };
}

function mapVdso(mm: AddressSpace, { bytes }: Vdso): number {
  const at = mapMemory(mm, { addr: 0, length: bytes.length, prot: 3, flags: MAP_PRIVATE | MAP_ANONYMOUS, file: null, offset: 0 }, null);
  if (at < 0) return at;
  if (!mm.memory.copyOut(at, bytes)) return -ENOMEM;
  const vma = mm.areas.carve(at, at + bytes.length)[0]!;
  vma.name = '[vdso]';
  vma.prot = 5;
  mm.dataPages -= vma.pages;
  for (let page = at / 4096; page < (at + bytes.length) / 4096; page++) mm.updatePermission(vma, page);
  return at;
}

function auxiliaryVector(
  kernel: Kernel, image: ElfImage, main: Loaded, ld: Loaded | null, vdsoAt: number, cred: Cred, secure: boolean,
  at: { random: number; execfn: number; platform: number },
): [number, number][] {
  const vdso = vdsoOf(image.arch.name, kernel.parts.release);
  const frame = image.arch.wordSize === 8 ? 440 + 128 + 64 + 16 : 732 + 112 + 64 + 16;
  return [
    ...(vdso.vsyscall !== 0 ? ([[AT.AT_SYSINFO, vdsoAt + vdso.vsyscall]] as [number, number][]) : []),
    [AT.AT_SYSINFO_EHDR, vdsoAt],
    [AT.AT_MINSIGSTKSZ, Math.ceil((frame + FRAME_FPU_BYTES) / 16) * 16],
    [AT.AT_HWCAP, kernel.parts.hwcap],
    [AT.AT_PAGESZ, 4096],
    [AT.AT_CLKTCK, 100],
    [AT.AT_PHDR, main.headers],
    [AT.AT_PHENT, image.headerSize],
    [AT.AT_PHNUM, image.headerCount],
    [AT.AT_BASE, ld === null ? 0 : ld.bias],
    [AT.AT_FLAGS, 0],
    [AT.AT_ENTRY, main.entry],
    [AT.AT_UID, cred.userNs.uidOut(cred.uid)],
    [AT.AT_EUID, cred.userNs.uidOut(cred.euid)],
    [AT.AT_GID, cred.userNs.gidOut(cred.gid)],
    [AT.AT_EGID, cred.userNs.gidOut(cred.egid)],
    [AT.AT_SECURE, secure ? 1 : 0],
    [AT.AT_RANDOM, at.random],
    // HWCAP2_FSGSBASE
    [AT.AT_HWCAP2, 2],
    [AT.AT_EXECFN, at.execfn],
    [AT.AT_PLATFORM, at.platform],
  ];
}

/** Ends all other threads of the group; `t` becomes the leader. They are in the kernel after quiesce. */
function becomeOnlyThread(t: Task): void {
  const { process, kernel } = t;
  if (t.trace !== null) t.trace.execedFrom = t.tid;
  endStep(t);
  if (process.tasks.size > 1) {
    kernel.guests.quiesce(t.mm);
    for (const other of [...process.tasks]) {
      if (other === t) continue;
      kernel.guests.collect(other);
      // Nobody hears of the old leader's end: its id lives on.
      if (other.trace !== null && other === process.leader) forgetTrace(other);
      else if (other.trace !== null) other.trace.exitReported = true;
      exitTask(other, 0);
    }
  }
  if (process.leader !== t) {
    const { tid } = t;
    kernel.pids.tasks.delete(tid);
    kernel.pids.released(tid);
    t.tid = process.pid;
    process.leader = t;
    kernel.pids.tasks.set(t.tid, t);
  }
}

/** The point of no return: `t` is the new program from here on. Its worker is started (or restarted). */
export function becomeProgram(t: Task, program: Program): void {
  const { kernel, process } = t;
  const first = t.worker === null;
  if (!first) becomeOnlyThread(t);
  t.vforkDone?.();
  t.vforkDone = null;
  if (t.clearChildTid !== 0 && t.mm.shared && t.memory.setU32(t.clearChildTid, 0)) kernel.futexes.wakeAddress(t, t.clearChildTid, 1);
  t.clearChildTid = 0;
  t.robustList = 0;
  if (!first) {
    kernel.guests.dismiss(t.slot);
    kernel.guests.detachCpu(t);
  }
  t.ns = enterTime(t.ns);
  program.mm.inherit(t.mm);
  t.mm.release();
  t.mm = program.mm;
  t.memory = program.mm.memory;
  t.unshareFds();
  t.fds.closeOnExec();
  if (t.handlers.shared) {
    const own = t.handlers.copy();
    t.handlers.release();
    t.handlers = own;
  }
  t.handlers.reset(false);
  if (program.secure) t.parentDeathSignal = 0;
  t.altStack = { sp: 0, size: 0, flags: 2 };
  t.tls = [null, null, null];
  t.cred = program.cred;
  t.comm = program.comm;
  t.personality = program.personality;
  t.restartBlock = null;
  t.userDispatch = null;
  t.trap = { number: 0, error: 0, cr2Lo: 0, cr2Hi: 0 };
  process.timers.dropPosix();
  process.execed = true;
  t.arch = program.image.arch;
  t.abi = t.arch.abi;
  kernel.guests.attachCpu(t, (memory, cpu) => new Registers(memory, cpu));
  t.arch.start(t.regs, program.entry, program.sp);
  kernel.hooks.exec?.(t, pathName(program.path, t.fs.root));
  t.syscallNumber = -1;
  if (first) kernel.guests.start(t);
  else kernel.guests.restart(t);
}

