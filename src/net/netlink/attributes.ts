import { putU16, putU32 } from '../../abi/layout.ts';

const align4 = (n: number): number => (n + 3) & ~3;

/** A netlink message being written: header, fixed part, attributes. */
export class MessageWriter {
  private buf = new Uint8Array(512);
  private length = 0;
  private readonly start: { type: number; flags: number; seq: number; pid: number };

  constructor(type: number, flags: number, seq: number, pid: number, fixed: Uint8Array) {
    this.start = { type, flags, seq, pid };
    this.length = 16;
    this.bytes(fixed);
  }
  private room(more: number): void {
    if (this.length + more <= this.buf.length) return;
    const bigger = new Uint8Array((this.length + more) * 2);
    bigger.set(this.buf);
    this.buf = bigger;
  }
  private bytes(data: Uint8Array): void {
    this.room(data.length + 4);
    this.buf.set(data, this.length);
    this.length = align4(this.length + data.length);
  }
  attribute(type: number, data: Uint8Array): this {
    this.room(data.length + 8);
    putU16(this.buf, this.length, data.length + 4);
    putU16(this.buf, this.length + 2, type);
    this.length += 4;
    this.bytes(data);
    return this;
  }
  u32(type: number, value: number): this {
    const data = new Uint8Array(4);
    putU32(data, 0, value);
    return this.attribute(type, data);
  }
  u8(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value));
  }
  string(type: number, text: string): this {
    return this.attribute(type, Uint8Array.from(`${text}\0`, (c) => c.charCodeAt(0)));
  }
  finish(): Uint8Array {
    const out = this.buf.slice(0, this.length);
    putU32(out, 0, this.length);
    putU16(out, 4, this.start.type);
    putU16(out, 6, this.start.flags);
    putU32(out, 8, this.start.seq);
    putU32(out, 12, this.start.pid);
    return out;
  }
}
