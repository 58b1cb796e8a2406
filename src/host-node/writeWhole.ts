import { writeSync } from 'node:fs';

const idle = new Int32Array(new SharedArrayBuffer(4));

/** Bytes as they are: guest strings are one character a byte. All of them, also to a pipe that is full for the moment; nobody reads it: none. */
export function writeWhole(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(idle, 0, 0, 1);
    }
  }
}
