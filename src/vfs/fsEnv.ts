import type { FileCaller, FileDescription } from './fileDescription.ts';
import type { Inode } from './inode.ts';
import type { Path } from './path.ts';
import type { Timespec } from './stat.ts';

/** Opens a device or fifo that an inode of any file system stands for. */
export type SpecialOpener = (inode: Inode, path: Path, flags: number, t: FileCaller) => FileDescription | number;

/** What file systems need of the emulator they are part of. boot makes one. */
export interface FsEnv {
  /** CLOCK_REALTIME, for time stamps. */
  now(): Timespec;
  /** Monotonic ms, coarse is enough: ages of cached facts. */
  ticks(): number;
  /** How much memory a file system in memory may take when it is given no limit: half of the host's, as Linux's tmpfs. */
  memoryBytes?(): number;
  readonly devices: DeviceTable;
  /** fs/pipefs. */
  readonly openFifo: SpecialOpener;
}

/** Drivers by device number. A minor of -1 stands for all of a major. */
export class DeviceTable {
  private readonly characters = new Map<string, SpecialOpener>();

  addCharacter(major: number, minor: number, open: SpecialOpener): void {
    this.characters.set(`${major}:${minor}`, open);
  }
  character(major: number, minor: number): SpecialOpener | null {
    return this.characters.get(`${major}:${minor}`) ?? this.characters.get(`${major}:-1`) ?? null;
  }
}
