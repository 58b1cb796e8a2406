import { EFAULT, EINVAL, ENOSPC, EPERM } from '../../abi/linux/errno.ts';
import { EPOLLIN, EPOLLRDNORM } from '../../abi/linux/poll.ts';
import type { Random } from '../../host/random.ts';
import type { Cred } from '../../vfs/cred.ts';
import { type FileCaller, FileDescription, RWF_PLAIN } from '../../vfs/fileDescription.ts';
import type { DeviceTable } from '../../vfs/fsEnv.ts';
import { IN_CLOSE_NOWRITE, IN_CLOSE_WRITE, notifyDentry } from '../../vfs/notify.ts';
import type { Path } from '../../vfs/path.ts';
import { Cap } from '../../vfs/cred.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';

const MEMORY_MAJOR = 1;
const RNDGETENTCNT = 0x80045200;
const RNDADDTOENTCNT = 0x40045201;
const RNDADDENTROPY = 0x40085203;
const RNDCLEARPOOL = 0x5206;

/** What the memory devices share: they are never busy, and a position means nothing. */
abstract class MemoryDevice extends FileDescription {
  constructor(path: Path, flags: number, cred: Cred) {
    super(path, flags, cred);
    path.inode.opened();
  }
  override get seekable(): boolean {
    return true;
  }
  override pread(buf: Uint8Array, _offset: number, t: FileCaller): number {
    return this.read(buf, t);
  }
  override pwrite(buf: Uint8Array, _offset: number, t: FileCaller): number {
    return this.write(buf, t);
  }
  override write(buf: Uint8Array, _t: FileCaller): number {
    return buf.length;
  }
  /** null, zero and full do not look at what is written. */
  override writeInVain(length: number, t: FileCaller): number {
    return this.write(new Uint8Array(length), t);
  }
  override writev(bufs: readonly Uint8Array[], t: FileCaller): number {
    let total = 0;
    for (const buf of bufs) {
      const n = this.write(buf, t);
      if (n < 0) return total > 0 ? total : n;
      total += n;
    }
    return total;
  }
  /** null_lseek: always at the start. */
  override seek(): number {
    return (this.pos = 0);
  }
  protected override close(): void {
    notifyDentry(this.path.dentry, this.writable ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    this.inode.locks?.closeDescription(this);
    this.inode.closed();
  }
}

export class NullFile extends MemoryDevice {
  override get canBeSpliced(): boolean {
    return false;
  }
  override read(): number {
    return 0;
  }
}

/** /dev/zero; mapping it gives fresh zero pages (mm asks `isZero`). */
export class ZeroFile extends MemoryDevice {
  override readonly isZero: boolean = true;
  override read(buf: Uint8Array): number {
    buf.fill(0);
    return buf.length;
  }
}

class FullFile extends ZeroFile {
  override readonly isZero = false;
  override get rwFlags(): number {
    return RWF_PLAIN;
  }
  override get canTakeSplice(): boolean {
    return false;
  }
  override write(): number {
    return -ENOSPC;
  }
}

class RandomFile extends MemoryDevice {
  private readonly random: Random;
  constructor(path: Path, flags: number, cred: Cred, random: Random) {
    super(path, flags, cred);
    this.random = random;
  }
  override read(buf: Uint8Array): number {
    this.random.fill(buf);
    return buf.length;
  }
  override writeInVain(): number {
    return -EFAULT;
  }
  override seek(): number {
    return (this.pos = 0);
  }
  override get canSignal(): boolean {
    return true;
  }
  override ioctl(t: FileCaller, cmd: number, arg: number): number {
    switch (cmd >>> 0) {
      case RNDGETENTCNT: return t.memory.setU32(arg, 256) ? 0 : -EFAULT;
      case RNDADDTOENTCNT:
      case RNDADDENTROPY:
      case RNDCLEARPOOL: return t.cred.has(Cap.SYS_ADMIN) ? 0 : -EPERM;
      default: return -EINVAL;
    }
  }
}

/** /dev/random can be waited for: it can be read, and asks for no entropy. (urandom has no poll, so it is ready for everything.) */
class WaitingRandomFile extends RandomFile {
  override readonly waitQueue = new WaitQueue();
  override poll(): number {
    return EPOLLIN | EPOLLRDNORM;
  }
}

/** The kernel's log: takes lines, has none to give. */
class KernelLogFile extends MemoryDevice {
  override writeInVain(): number {
    return -EFAULT;
  }
  override read(): number {
    return 0;
  }
}

/** Drivers of /dev/null, zero, full, random, urandom and kmsg. */
export function registerMemoryDevices(devices: DeviceTable, random: Random): void {
  const add = (minor: number, open: (path: Path, flags: number, t: FileCaller) => FileDescription): void =>
    devices.addCharacter(MEMORY_MAJOR, minor, (_inode, path, flags, t) => open(path, flags, t));
  add(3, (path, flags, t) => new NullFile(path, flags, t.cred));
  add(5, (path, flags, t) => new ZeroFile(path, flags, t.cred));
  add(7, (path, flags, t) => new FullFile(path, flags, t.cred));
  add(8, (path, flags, t) => new WaitingRandomFile(path, flags, t.cred, random));
  add(9, (path, flags, t) => new RandomFile(path, flags, t.cred, random));
  add(11, (path, flags, t) => new KernelLogFile(path, flags, t.cred));
}
