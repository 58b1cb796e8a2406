/** Descriptors 0, 1 and 2 of the first process, from the streams the emulator was started with. */
import { O_APPEND, O_RDONLY, O_RDWR, O_WRONLY } from '../abi/linux/openFlags.ts';
import { InheritedFile, InheritedFs, type InheritedInode } from '../fs/hostfs/inherited.ts';
import type { Console, HostInput, HostOutput } from '../host/console.ts';
import type { HostFiles } from '../host/hostFiles.ts';
import type { Task } from '../kernel/task/task.ts';
import { HostInputFile, HostOutputFile } from '../tty/hostStream.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { openPath } from '../vfs/open.ts';

/** Position and status flags of a host descriptor, where the host tells. */
export type DescriptorInfo = (fd: number) => { pos: number; flags: number } | null;

export class Stdio {
  readonly #task: Task;
  readonly #files: HostFiles;
  readonly #info: DescriptorInfo;
  readonly #inherited: InheritedFs;
  /** One description for all streams that are the terminal, as a shell or getty opens it. */
  #terminal: FileDescription | null = null;
  /** Output and error stream, where they are pipes. */
  readonly #pipes: HostOutputFile[] = [];
  /** A pipe of ours has lost its last writer. */
  onPipeClosed: (() => void) | null = null;

  constructor(task: Task, files: HostFiles, info: DescriptorInfo) {
    this.#task = task;
    this.#files = files;
    this.#info = info;
    this.#inherited = new InheritedFs(task.fs.root.mount.fs.env, files);
  }

  install(console: Console): void {
    const defer = (work: () => void): void => this.#task.kernel.defer(work);
    const { cred } = this.#task;
    const pipe = (fd: number) => this.#inherited.path(fd, 'pipe');
    const input = (stream: HostInput): FileDescription => new HostInputFile(stream, pipe(stream.fd), cred, defer);
    const output = (stream: HostOutput): FileDescription => {
      const file = new HostOutputFile(stream, pipe(stream.fd), cred, defer);
      file.onClosed = () => this.onPipeClosed?.();
      this.#pipes.push(file);
      return file;
    };
    this.#put(0, console.input, O_RDONLY, input);
    this.#put(1, console.output, O_WRONLY, output);
    this.#put(2, console.error, O_WRONLY, output);
  }

  /** Somebody can still write to a pipe of ours: whoever reads it waits for more. */
  get pipesHeld(): boolean {
    return this.#pipes.some((file) => file.open);
  }

  #put<S extends HostInput | HostOutput>(fd: number, stream: S, flags: number, pipe: (stream: S) => FileDescription): void {
    const file = this.#open(stream, flags, pipe);
    if (file !== null) this.#task.fds.set(fd, file, false);
  }

  #open<S extends HostInput | HostOutput>(stream: S, flags: number, pipe: (stream: S) => FileDescription): FileDescription | null {
    if (stream.kind === 'closed') return null;
    if (stream.kind === 'pipe') {
      const file = pipe(stream);
      (file.inode as InheritedInode).stream = file;
      return file;
    }
    if (stream.kind === 'tty') return this.#openTerminal();
    return this.#openFile(stream.fd, flags);
  }

  #openTerminal(): FileDescription | null {
    if (this.#terminal !== null) return this.#terminal.acquire();
    const file = openPath(this.#task, null, '/dev/pts/0', { flags: O_RDWR, mode: 0, resolve: 0 });
    this.#terminal = typeof file === 'number' ? null : file;
    return this.#terminal;
  }

  #openFile(fd: number, flags: number): FileDescription | null {
    const stat = this.#files.fstat(fd);
    // Devices are the guest's own: /dev/null above all.
    if (typeof stat !== 'number' && (stat.mode & 0o170000) === 0o020000) {
      const minors: Record<number, string> = { 3: 'null', 5: 'zero', 7: 'full', 8: 'random', 9: 'urandom' };
      const name = minors[stat.rdev & 0xff] ?? 'null';
      const file = openPath(this.#task, null, `/dev/${name}`, { flags: O_RDWR, mode: 0, resolve: 0 });
      return typeof file === 'number' ? null : file;
    }
    const info = this.#info(fd);
    const pos = info?.pos ?? 0;
    const mode = info === null ? flags : info.flags & (3 | O_APPEND);
    return new InheritedFile(this.#files, fd, pos, this.#inherited.path(fd, `/dev/fd/${fd}`), mode, this.#task.cred);
  }
}
