import { closeSync, fstatSync, openSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import { EAGAIN } from '../abi/linux/errno.ts';
import type { Console, HostInput, HostOutput, HostTerminal, StreamKind, WindowSize } from '../host/console.ts';
import { inForeground, stopByJobControl } from './jobControl.ts';
import { DirectOutput, PipeInput, PipeOutput, StreamInput } from './pipes.ts';

const WINDOWS = process.platform === 'win32';

function kindOf(fd: number): StreamKind {
  try {
    const stat = fstatSync(fd);
    if (stat.isCharacterDevice() && process.getBuiltinModule('node:tty').isatty(fd)) return 'tty';
    return stat.isFIFO() || stat.isSocket() ? 'pipe' : 'file';
  } catch {
    // A Windows descriptor that has no status can still be a pipe.
    if (!WINDOWS) return 'closed';
    return process.getBuiltinModule('node:tty').isatty(fd) ? 'tty' : 'pipe';
  }
}

function inputOf(fd: number): HostInput {
  const kind = kindOf(fd);
  if (kind === 'pipe') return WINDOWS ? new StreamInput(kind, fd, process.stdin) : new PipeInput(fd);
  return { kind, fd, read: () => 0, readable: () => true, onReadable: null };
}

function outputOf(fd: number): HostOutput {
  const kind = kindOf(fd);
  return kind === 'pipe' && !WINDOWS ? new PipeOutput(fd) : new DirectOutput(kind, fd);
}

/** How often a job in the background looks whether it is in the foreground. */
const LOOK_MS = 100;
const CR = 13;
const LF = 10;
const VT = 11;

/**
 * The terminal's output. Node's raw mode leaves the host turning LF into CR LF (libuv keeps ONLCR, a Windows console does it by
 * itself), but the guest's line discipline has done that already where it is wanted: CR LF stays (a second CR does no harm), a lone LF goes
 * out as VT, which terminals take for a line feed and hosts leave alone.
 */
class TerminalOutput extends DirectOutput {
  translate = false;
  #lastWasCr = false;
  #rest: Uint8Array = new Uint8Array(0);

  override write(from: Uint8Array): number {
    if (!this.translate) return super.write(from);
    if (this.#rest.length > 0) {
      const done = super.write(this.#rest);
      if (done < 0) return done;
      this.#rest = this.#rest.subarray(done);
      if (this.#rest.length > 0) return -EAGAIN;
    }
    let out = this.#translated(from);
    while (out.length > 0) {
      const done = super.write(out);
      if (done === -EAGAIN) break;
      if (done < 0) return done;
      out = out.subarray(done);
    }
    this.#rest = out;
    return from.length;
  }

  #translated(from: Uint8Array): Uint8Array {
    const out = from.slice();
    for (let i = 0; i < out.length; i++) {
      if (out[i] === LF && !(i > 0 ? out[i - 1] === CR : this.#lastWasCr)) out[i] = VT;
    }
    this.#lastWasCr = out.length > 0 && out[out.length - 1] === CR;
    return out;
  }
}

class NodeTerminal implements HostTerminal {
  readonly input: StreamInput;
  readonly output: TerminalOutput;
  onResize: ((size: WindowSize) => void) | null = null;
  readonly #stream: ReadStream | null;
  readonly #out: NodeJS.WriteStream;
  #raw = false;

  constructor(inputFd: number, out: NodeJS.WriteStream, outFd: number) {
    this.#stream = inputFd === 0 ? (process.stdin as unknown as ReadStream) : inputFd > 0 ? new (process.getBuiltinModule('node:tty').ReadStream)(inputFd) : null;
    this.#out = out;
    const none = { on: () => none, pause: () => none, resume: () => none } as unknown as NodeJS.ReadableStream;
    this.input = new StreamInput('tty', inputFd, this.#stream ?? none);
    this.output = new TerminalOutput('tty', outFd);
    out.on('resize', () => this.onResize?.(this.windowSize()));
  }

  windowSize(): WindowSize {
    return { rows: this.#out.rows || 24, columns: this.#out.columns || 80 };
  }

  setRaw(raw: boolean): void {
    if (raw === this.#raw || this.#stream === null) return;
    this.#raw = raw;
    try {
      this.#stream.setRawMode(raw);
      this.output.translate = raw;
    } catch {
      // The terminal has gone; there is nothing to restore.
    }
  }

  suspend(): void {
    const raw = this.#raw;
    this.setRaw(false);
    this.input.hold(true);
    stopByJobControl();
    this.#comeBack(raw);
  }

  /** In the background the terminal's keys are not ours, and changing its mode would stop us again. */
  #comeBack(raw: boolean): void {
    if (!inForeground()) {
      // A shell brings a running job to the foreground without a signal.
      setTimeout(() => this.#comeBack(raw), LOOK_MS).unref();
      return;
    }
    this.setRaw(raw);
    this.input.hold(false);
  }

  close(): void {
    this.setRaw(false);
    this.input.stop();
  }
}

/** The input of a terminal that is not standard input: what is piped in comes from elsewhere, keys come from /dev/tty. */
function openTty(): number {
  try {
    return WINDOWS ? -1 : openSync('/dev/tty', 'r');
  } catch {
    return -1;
  }
}

export class NodeConsole implements Console {
  readonly input: HostInput;
  readonly output: HostOutput;
  readonly error: HostOutput;
  #terminal: NodeTerminal | null = null;
  #hasTerminal: boolean;

  constructor() {
    this.input = inputOf(0);
    this.output = outputOf(1);
    this.error = outputOf(2);
    this.#hasTerminal = [this.input, this.output, this.error].some((stream) => stream.kind === 'tty');
  }

  get terminal(): HostTerminal | null {
    if (this.#terminal === null && this.#hasTerminal) {
      const inputFd = this.input.kind === 'tty' ? 0 : openTty();
      const errorOnly = this.output.kind !== 'tty' && this.error.kind === 'tty';
      const outFd = this.output.kind === 'tty' ? 1 : errorOnly ? 2 : 0;
      this.#terminal = new NodeTerminal(inputFd, errorOnly ? process.stderr : process.stdout, outFd);
    }
    return this.#terminal;
  }

  async flush(): Promise<void> {
    for (const stream of [this.output, this.error]) if (stream instanceof PipeOutput) await stream.flush();
  }

  close(): void {
    this.#terminal?.close();
    [this.input, this.output, this.error].forEach((stream, fd) => {
      if (stream.kind === 'tty') closeIfGone(fd);
    });
  }
}

/** Node resets its terminals when it exits, and aborts when one that it had at its start has hung up (a window that was closed). */
function closeIfGone(fd: number): void {
  try {
    if (!process.getBuiltinModule('node:tty').isatty(fd)) closeSync(fd);
  } catch {
    // Closed already.
  }
}
