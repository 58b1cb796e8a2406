import { EAGAIN, EBADF, EFAULT, ENOTTY } from '../abi/linux/errno.ts';
import { EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../abi/linux/poll.ts';
import { O_RDONLY, O_WRONLY } from '../abi/linux/openFlags.ts';
import { FIONREAD } from '../abi/linux/ioctl.ts';
import type { HostInput, HostOutput } from '../host/console.ts';
import type { Cred } from '../vfs/cred.ts';
import { FileDescription, type FileCaller } from '../vfs/fileDescription.ts';
import type { Path } from '../vfs/path.ts';
import { WaitQueue } from '../vfs/waitQueue.ts';

const READ_AHEAD = 65536;

/** A standard stream that is a pipe or socket of the host: the guest sees a pipe. */
export class HostInputFile extends FileDescription {
  private readonly input: HostInput;
  /** Read from the host and not yet by the guest. */
  private ahead: Uint8Array = new Uint8Array(0);
  /** The end was read. */
  private ended = false;
  override readonly waitQueue = new WaitQueue();

  constructor(input: HostInput, path: Path, cred: Cred, defer: (work: () => void) => void) {
    super(path, O_RDONLY, cred);
    this.input = input;
    input.onReadable = () => defer(() => this.waitQueue.wake(EPOLLIN | EPOLLRDNORM | EPOLLHUP));
  }

  override read(buf: Uint8Array): number {
    if (buf.length === 0) return 0;
    if (this.ahead.length > 0) {
      const n = Math.min(buf.length, this.ahead.length);
      buf.set(this.ahead.subarray(0, n));
      this.ahead = this.ahead.subarray(n);
      return n;
    }
    const n = this.take(buf);
    if (n === 0) this.ended = true;
    return n;
  }
  private take(buf: Uint8Array): number {
    const n = this.input.read(buf);
    // Asking makes the host watch it, so that the reader is woken.
    return n === -EAGAIN && this.input.readable() ? this.input.read(buf) : n;
  }
  override write(): number {
    return -EBADF;
  }
  override poll(): number {
    if (this.ahead.length > 0) return EPOLLIN | EPOLLRDNORM;
    if (this.ended) return EPOLLHUP;
    return this.input.readable() ? EPOLLIN | EPOLLRDNORM : 0;
  }
  /** How much can be read is known only by reading it. */
  private lookAhead(): number {
    if (this.ahead.length > 0) return this.ahead.length;
    const buf = new Uint8Array(READ_AHEAD);
    const n = this.take(buf);
    if (n === 0) this.ended = true;
    if (n > 0) this.ahead = buf.subarray(0, n);
    return n;
  }
  override readInVain(): number {
    const n = this.lookAhead();
    return n > 0 ? -EFAULT : n;
  }
  override ioctl(t: FileCaller, cmd: number, arg: number): number {
    if (cmd !== FIONREAD) return -ENOTTY;
    this.lookAhead();
    return t.memory.setU32(arg, this.ahead.length) ? 0 : -EFAULT;
  }
}

export class HostOutputFile extends FileDescription {
  private readonly output: HostOutput;
  override readonly waitQueue = new WaitQueue();
  /** The last descriptor of it was closed. */
  onClosed: (() => void) | null = null;

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
  override close(): void {
    super.close();
    this.onClosed?.();
  }
}

