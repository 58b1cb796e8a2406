const scratch = new DataView(new ArrayBuffer(8));

/** Growing byte buffer with LEB128. */
export class ByteSink {
  bytes: Uint8Array;
  length = 0;
  constructor(capacity = 32) {
    this.bytes = new Uint8Array(capacity);
  }

  private room(n: number): void {
    if (this.length + n <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + n));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  u8(v: number): void {
    if (this.length === this.bytes.length) this.room(1);
    this.bytes[this.length++] = v;
  }

  /** Unsigned, below 2^32. */
  leb(v: number): void {
    v >>>= 0;
    while (v >= 0x80) {
      this.u8((v & 0x7f) | 0x80);
      v >>>= 7;
    }
    this.u8(v);
  }

  /** Signed 32-bit. */
  sleb(v: number): void {
    v |= 0;
    for (;;) {
      const low = v & 0x7f;
      v >>= 7;
      if ((v === 0 && (low & 0x40) === 0) || (v === -1 && (low & 0x40) !== 0)) { this.u8(low); return; }
      this.u8(low | 0x80);
    }
  }

  /** Signed 64-bit from two halves. */
  sleb64(low: number, high: number): void {
    low |= 0;
    high |= 0;
    for (;;) {
      const part = low & 0x7f;
      low = (low >>> 7) | (high << 25);
      high >>= 7;
      if ((low === 0 && high === 0 && (part & 0x40) === 0) || (low === -1 && high === -1 && (part & 0x40) !== 0)) { this.u8(part); return; }
      this.u8(part | 0x80);
    }
  }

  u32(v: number): void {
    this.room(4);
    scratch.setUint32(0, v, true);
    for (let k = 0; k < 4; k++) this.bytes[this.length++] = scratch.getUint8(k);
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Short text in UTF-8 with its length (names are ASCII here). */
  name(text: string): void {
    this.leb(text.length);
    for (let k = 0; k < text.length; k++) this.u8(text.charCodeAt(k));
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
