import { FileDescription, type FileCaller } from './fileDescription.ts';

/** A file whose reads and writes are those at its position, which they move. */
export abstract class PositionedFile extends FileDescription {
  override get seekable(): boolean {
    return true;
  }
  override read(buf: Uint8Array, t: FileCaller): number {
    const n = this.pread(buf, this.pos, t);
    if (n > 0) this.pos += n;
    return n;
  }
  override write(buf: Uint8Array, t: FileCaller): number {
    const n = this.pwrite(buf, this.pos, t);
    if (n > 0) this.pos += n;
    return n;
  }
}
