/**
 * The standard streams the emulator was started with. Each is a terminal, a pipe (or socket) or a plain file. A stream of
 * kind `tty` is the terminal: the guest's descriptor is its console tty, which reads and writes `terminal`. A pipe is read
 * and written through HostInput and HostOutput; a file is a file of the host, by descriptor.
 */
export type StreamKind = 'tty' | 'pipe' | 'file' | 'closed';

export interface HostInput {
  readonly kind: StreamKind;
  /** Host descriptor. */
  readonly fd: number;
  /** Bytes read, 0 at the end of input, -EAGAIN when there are none now (onReadable is called later), or -errno. */
  read(into: Uint8Array): number;
  /** True when read() would not answer -EAGAIN. Asking starts the watching that leads to onReadable. */
  readable(): boolean;
  /** Called whenever input has come, or the end of it. One listener. */
  onReadable: (() => void) | null;
}

export interface HostOutput {
  readonly kind: StreamKind;
  readonly fd: number;
  /** Bytes taken, or -EAGAIN (onWritable is called later), -EPIPE, -errno. */
  write(from: Uint8Array): number;
  writable(): boolean;
  onWritable: (() => void) | null;
}

export type WindowSize = { rows: number; columns: number };

export interface HostTerminal {
  readonly input: HostInput;
  readonly output: HostOutput;
  windowSize(): WindowSize;
  onResize: ((size: WindowSize) => void) | null;
  /** Raw mode. Undone on every way out of the program. */
  setRaw(raw: boolean): void;
  /**
   * Gives the terminal back and stops the emulator as ^Z stops any job of the host's shell; returns when it goes on, which is at once
   * where nobody could continue it. Raw mode comes back with the foreground.
   */
  suspend(): void;
}

export interface Console {
  readonly input: HostInput;
  readonly output: HostOutput;
  readonly error: HostOutput;
  /** Not null when one of the streams is a terminal. */
  readonly terminal: HostTerminal | null;
  /** Resolves when everything written has been taken by the host. */
  flush(): Promise<void>;
  /** Leaves the host's terminal and descriptors as they were found. */
  close(): void;
}
