import type { FileDescription } from '../../vfs/fileDescription.ts';
import type { LocalChannels } from '../ipc/localChannels.ts';
import { EBADF, EMFILE } from '../../abi/linux/errno.ts';

/** Bits of a word of Linux's bitmaps; the table in the task has this length. */
const WORD = 64;

/** As alloc_fdtable (fs/file.c) of a 64-bit kernel has it. */
function lengthFor(descriptors: number): number {
  return descriptors <= WORD ? WORD : 2 ** Math.ceil(Math.log2(descriptors));
}

/**
 * The descriptors of one or more tasks (files_struct): shared by CLONE_FILES, copied by fork. A slot holds one reference
 * to its file description (`acquire` and `release` of FileDescription count them).
 */
export class FdTable {
  /** Length of Linux's table, which never shrinks: select looks no further, and /proc tells it. */
  capacity = WORD;
  private readonly files: (FileDescription | null)[] = [];
  private readonly cloexec: boolean[] = [];
  /** No descriptor below this is free. */
  private firstFree = 0;
  /** Tasks that share this table. */
  private users = 1;
  /** Says the tasks' workers which descriptors are pipes they may use by themselves (machine/channels.ts); 0: none. */
  readonly map: number;
  private readonly channels: LocalChannels | null;

  constructor(channels: LocalChannels | null = null) {
    this.channels = channels;
    this.map = channels?.openMap() ?? 0;
  }

  /** The open file, or null (EBADF). Borrowed: acquire() it to keep it. */
  get(fd: number): FileDescription | null {
    return this.files[fd] ?? null;
  }

  /** Puts `file` (taking over the caller's reference) in the lowest free descriptor >= `from`; -EMFILE when that is >= limit: the caller then releases. */
  install(file: FileDescription, cloexec: boolean, limit: number, from = 0): number {
    let fd = Math.max(from, this.firstFree);
    while (fd < this.files.length && this.files[fd]) fd++;
    if (fd >= limit) return -EMFILE;
    this.put(fd, file, cloexec);
    if (from <= this.firstFree) this.firstFree = fd + 1;
    return fd;
  }

  /** Puts `file` at `fd` (taking over the caller's reference), closing what was there, as dup2 does. The caller checked the limit. */
  set(fd: number, file: FileDescription, cloexec: boolean): void {
    const old = this.files[fd] ?? null;
    if (old !== null) this.goes(old);
    this.put(fd, file, cloexec);
    if (old !== null) this.drop(old);
  }

  private put(fd: number, file: FileDescription, cloexec: boolean): void {
    while (this.files.length < fd) {
      this.files.push(null);
      this.cloexec.push(false);
    }
    if (fd >= this.capacity) this.capacity = lengthFor(fd + 1);
    this.files[fd] = file;
    this.cloexec[fd] = cloexec;
    this.channels?.setEntry(this.map, fd, file.channelEntry);
  }

  /** The file of this descriptor has become one that workers may use. */
  publish(fd: number): void {
    this.channels?.setEntry(this.map, fd, this.files[fd]?.channelEntry ?? 0);
  }

  /** A descriptor of `file` goes: another thread may read from it in its worker, and will go on reading. */
  private goes(file: FileDescription): void {
    if (this.users > 1 && file.channelEntry !== 0) file.leaveChannel();
  }

  /** close(2): 0 or -EBADF, or the error of the file's flush. */
  close(fd: number): number {
    const file = this.files[fd] ?? null;
    if (file === null) return -EBADF;
    this.goes(file);
    this.files[fd] = null;
    this.channels?.setEntry(this.map, fd, 0);
    if (fd < this.firstFree) this.firstFree = fd;
    return this.drop(file);
  }

  private drop(file: FileDescription): number {
    const result = file.closedIn(this);
    file.release();
    return result;
  }

  isCloexec(fd: number): boolean {
    return this.cloexec[fd] ?? false;
  }

  setCloexec(fd: number, on: boolean): void {
    this.cloexec[fd] = on;
  }

  /** One more than the highest descriptor ever used. */
  get size(): number {
    return this.files.length;
  }

  /** Open descriptors in ascending order. */
  *entries(): Generator<[fd: number, file: FileDescription]> {
    for (let fd = 0; fd < this.files.length; fd++) {
      const file = this.files[fd];
      if (file) yield [fd, file];
    }
  }

  /** One more task uses this table (CLONE_FILES). */
  share(): this {
    this.users++;
    return this;
  }

  /** A copy with references of its own (fork), as long as the open descriptors need it. */
  fork(): FdTable {
    const copy = new FdTable(this.channels);
    let open = this.files.length;
    while (open > 0 && !this.files[open - 1]) open--;
    copy.capacity = lengthFor(Math.ceil(open / WORD) * WORD);
    for (let fd = 0; fd < this.files.length; fd++) {
      const file = this.files[fd] ?? null;
      file?.acquire();
      copy.files.push(file);
      if (file !== null && file.channelEntry !== 0) copy.channels?.setEntry(copy.map, fd, file.channelEntry);
      copy.cloexec.push(this.cloexec[fd]!);
    }
    copy.firstFree = this.firstFree;
    return copy;
  }

  get shared(): boolean {
    return this.users > 1;
  }

  /** execve: closes what has FD_CLOEXEC. The caller unshared the table first. */
  closeOnExec(): void {
    for (let fd = 0; fd < this.files.length; fd++) if (this.files[fd] && this.cloexec[fd]) this.close(fd);
  }

  /** A task gives the table up; the last one closes everything. */
  release(): void {
    if (--this.users > 0) return;
    for (let fd = 0; fd < this.files.length; fd++) if (this.files[fd]) this.close(fd);
    this.channels?.closeMap(this.map);
  }
}
