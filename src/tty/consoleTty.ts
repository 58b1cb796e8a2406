import { EAGAIN } from '../abi/linux/errno.ts';
import { IUTF8 } from '../abi/linux/tty.ts';
import { EPOLLOUT, EPOLLWRNORM } from '../abi/linux/poll.ts';
import type { HostTerminal } from '../host/console.ts';
import type { TtyServices } from './services.ts';
import { Termios } from './termios.ts';
import { Tty } from './tty.ts';

/** What may wait for the host's terminal before writers have to wait. */
const OUTPUT_LIMIT = 65536;

/**
 * The terminal the emulator was started on. The line discipline is ours: the host's is in raw mode as long as a guest has the
 * terminal open.
 */
export class ConsoleTty extends Tty {
  private readonly terminal: HostTerminal;
  private queue: Uint8Array[] = [];
  private queued = 0;
  private readonly chunk = new Uint8Array(4096);

  constructor(services: TtyServices, name: string, dev: number, terminal: HostTerminal) {
    super(services, name, dev, Termios.standard());
    this.termios.iflag |= IUTF8;
    this.terminal = terminal;
    this.takeSize();
  }

  private takeSize(): void {
    const { rows, columns } = this.terminal.windowSize();
    this.setWinsize({ rows, columns, xpixel: 0, ypixel: 0 });
  }

  protected override firstOpened(): void {
    const { terminal } = this;
    terminal.setRaw(true);
    const { defer } = this.services;
    terminal.onResize = () => defer(() => this.takeSize());
    terminal.input.onReadable = () => defer(() => this.takeInput());
    terminal.output.onWritable = () => defer(() => this.drain());
    // Asking starts the watching.
    if (terminal.input.readable()) this.takeInput();
  }

  protected override lastClosed(): void {
    this.drain();
    this.terminal.setRaw(false);
  }

  private takeInput(): void {
    while (this.users.size > 0 && this.receiveRoom() >= this.chunk.length) {
      const n = this.terminal.input.read(this.chunk);
      if (n === -EAGAIN) return;
      if (n <= 0) {
        // The terminal has gone.
        this.terminal.input.onReadable = null;
        this.hangUp(true);
        return;
      }
      this.receive(this.chunk.subarray(0, n));
    }
  }

  override transmit(bytes: Uint8Array): void {
    this.queue.push(bytes.slice());
    this.queued += bytes.length;
  }
  override transmitRoom(): number {
    return this.stopped ? 0 : OUTPUT_LIMIT - this.queued;
  }
  override transmitDone(): void {
    this.drain();
  }
  override outputPending(): number {
    return this.queued;
  }
  override flushOutput(): void {
    this.queue = [];
    this.queued = 0;
  }

  private drain(): void {
    if (this.queued === 0) return;
    const full = this.queued >= OUTPUT_LIMIT / 2;
    let all = this.queue.length === 1 ? this.queue[0]! : join(this.queue, this.queued);
    while (all.length > 0) {
      const n = this.terminal.output.write(all);
      if (n === -EAGAIN) break;
      // A terminal that is gone takes everything.
      all = n < 0 ? all.subarray(all.length) : all.subarray(n);
    }
    this.queue = all.length > 0 ? [all] : [];
    this.queued = all.length;
    if (full || this.queued === 0) this.wake(EPOLLOUT | EPOLLWRNORM);
  }
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
