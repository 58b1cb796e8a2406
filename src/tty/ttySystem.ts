import { EIO, ENOSPC, ENXIO } from '../abi/linux/errno.ts';
import { O_NOCTTY } from '../abi/linux/openFlags.ts';
import type { HostTerminal } from '../host/console.ts';
import type { FileCaller } from '../vfs/fileDescription.ts';
import type { DeviceTable, SpecialOpener } from '../vfs/fsEnv.ts';
import type { Path } from '../vfs/path.ts';
import { makedev, minorOf } from '../vfs/stat.ts';
import { ConsoleTty } from './consoleTty.ts';
import { taskOf, ttyOf } from './jobControl.ts';
import { PTS_MAJOR, PtyMaster, PtySlave } from './pty.ts';
import type { TtyServices } from './services.ts';
import type { Tty } from './tty.ts';
import { openTty, type TtyFile } from './ttyFile.ts';

/** What devpts shows of a terminal. */
export interface PtsEntry {
  readonly tty: Tty;
  readonly uid: number;
  readonly gid: number;
  readonly sec: number;
}

/** All terminals of the emulator: the console, which is pts/0 when there is one, and the ptys. */
export class TtySystem {
  readonly services: TtyServices;
  readonly console: ConsoleTty | null;
  /** By number in /dev/pts. */
  readonly entries = new Map<number, PtsEntry>();
  /** kernel.pty.max */
  maximum = 4096;
  private readonly wallSec: () => number;

  constructor(services: TtyServices, terminal: HostTerminal | null, owner: { uid: number; gid: number }, wallSec: () => number) {
    this.services = services;
    this.wallSec = wallSec;
    this.console = terminal === null ? null : new ConsoleTty(services, 'pts/0', makedev(PTS_MAJOR, 0), terminal);
    if (this.console !== null) this.entries.set(0, { tty: this.console, uid: owner.uid, gid: owner.gid, sec: wallSec() });
  }

  /** Puts the terminals' drivers in the device table. */
  register(devices: DeviceTable): void {
    devices.addCharacter(5, 0, this.openCurrent);
    devices.addCharacter(5, 1, this.openConsole);
    devices.addCharacter(5, 2, this.openMaster);
    devices.addCharacter(PTS_MAJOR, -1, this.openSlave);
  }

  /** /dev/tty: the caller's controlling terminal. */
  private readonly openCurrent: SpecialOpener = (_inode, path, flags, t) => {
    const tty = ttyOf(taskOf(t).process) as Tty | null;
    return tty === null ? -ENXIO : openTty(tty, path, flags | O_NOCTTY, t);
  };

  /** /dev/console never becomes the controlling terminal. */
  private readonly openConsole: SpecialOpener = (_inode, path, flags, t) =>
    (this.console === null ? -ENXIO : openTty(this.console, path, flags | O_NOCTTY, t));

  private readonly openSlave: SpecialOpener = (inode, path, flags, t) => {
    const entry = this.entries.get(minorOf(inode.stat().rdev));
    return entry === undefined ? -EIO : openPts(entry.tty, path, flags, t);
  };

  private readonly openMaster: SpecialOpener = (_inode, path, flags, t) => {
    let index = 0;
    while (this.entries.has(index)) index++;
    if (index >= this.maximum) return -ENOSPC;
    const master = new PtyMaster(this.services, index, (n) => this.entries.delete(n));
    this.entries.set(index, { tty: master.slave, uid: t.cred.fsuid, gid: t.cred.fsgid, sec: this.wallSec() });
    return openTty(master, path, flags, t, false);
  };
}

/** Opens the slave of a pty, or the console. */
export function openPts(tty: Tty, path: Path, flags: number, t: FileCaller): TtyFile | number {
  if (tty instanceof PtySlave && (tty.locked || tty.master.users.size === 0)) return -EIO;
  return openTty(tty, path, flags, t);
}

