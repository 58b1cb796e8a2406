/**
 * The standard streams the emulator was started with. Each is a terminal, a pipe (or socket) or a plain file; only
 * pipes and terminals are served here, a plain file is a file of the host.
 */
export type StreamKind = 'tty' | 'pipe' | 'file' | 'null' | 'closed';

export interface HostInput {
  readonly kind: StreamKind;
  /** Host descriptor, for streams of kind `file`. */
  readonly fd: number;
  /** Bytes read, 0 at the end of input, -EAGAIN when there are none now (onReadable is called later), or -errno. */
  read(into: Uint8Array): number;
  /** True when read() would not answer -EAGAIN. Asking starts the watching that leads to onReadable. */
  readable(): boolean;
  /** Called whenever input has come, or the end of it. One listener. */
  onReadable: (() => void) | null;
  /** Stops reading from the host (nobody wants input now). */
  pause(): void;
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

export interface Console {
  readonly input: HostInput;
  readonly output: HostOutput;
  readonly error: HostOutput;
  /** Size of the terminal on any of the streams; null when there is none. */
  windowSize(): WindowSize | null;
  onResize: ((size: WindowSize) => void) | null;
  /** Raw mode of the terminal on `input`. Undone on every exit of the program. */
  setRaw(raw: boolean): void;
  /** Resolves when everything written has been taken by the host. */
  flush(): Promise<void>;
}
