import { EAGAIN, EBADF } from '../abi/linux/errno.ts';
import { EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../abi/linux/poll.ts';
import { O_RDONLY, O_WRONLY } from '../abi/linux/openFlags.ts';
import { FIONREAD } from '../abi/linux/ioctl.ts';
import { EFAULT, ENOTTY } from '../abi/linux/errno.ts';
import type { HostInput, HostOutput } from '../host/console.ts';
import type { Cred } from '../vfs/cred.ts';
import { FileDescription, type FileCaller } from '../vfs/fileDescription.ts';
import type { Path } from '../vfs/path.ts';
import { WaitQueue } from '../vfs/waitQueue.ts';

/** A standard stream that is a pipe or socket of the host: the guest sees a pipe. */
export class HostInputFile extends FileDescription {
  private readonly input: HostInput;
  override readonly waitQueue = new WaitQueue();

  constructor(input: HostInput, path: Path, cred: Cred, defer: (work: () => void) => void) {
    super(path, O_RDONLY, cred);
    this.input = input;
    input.onReadable = () => defer(() => this.waitQueue.wake(EPOLLIN | EPOLLRDNORM | EPOLLHUP));
  }

  override read(buf: Uint8Array): number {
    if (buf.length === 0) return 0;
    const n = this.input.read(buf);
    // Asking makes the host watch it, so that the reader is woken.
    return n === -EAGAIN && this.input.readable() ? this.input.read(buf) : n;
  }
  override write(): number {
    return -EBADF;
  }
  override poll(): number {
    return this.input.readable() ? EPOLLIN | EPOLLRDNORM : 0;
  }
  override ioctl(t: FileCaller, cmd: number, arg: number): number {
    if (cmd !== FIONREAD) return -ENOTTY;
    return t.memory.setU32(arg, 0) ? 0 : -EFAULT;
  }
}

export class HostOutputFile extends FileDescription {
  private readonly output: HostOutput;
  override readonly waitQueue = new WaitQueue();

  constructor(output: HostOutput, path: Path, cred: Cred, defer: (work: () => void) => void) {
    super(path, O_WRONLY, cred);
    this.output = output;
    output.onWritable = () => defer(() => this.waitQueue.wake(EPOLLOUT | EPOLLWRNORM));
  }

  /** The call raises SIGPIPE when it answers -EPIPE. */
  override write(buf: Uint8Array): number {
    return this.output.write(buf);
  }
  override read(): number {
    return -EBADF;
  }
  override poll(): number {
    return this.output.writable() ? EPOLLOUT | EPOLLWRNORM : 0;
  }
}

