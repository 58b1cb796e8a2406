/**
 * Storage of IR: one row per operation in typed-array columns. A value is the row number of the operation that makes it.
 *
 *   op    u16   number in `ops`
 *   type  u8    `Type` of the result
 *   a b c i32   operand rows, -1 = absent
 *   imm imm2 i32
 */
export class Columns {
  capacity = 1024;
  length = 0;
  op = new Uint16Array(1024);
  type = new Uint8Array(1024);
  a = new Int32Array(1024);
  b = new Int32Array(1024);
  c = new Int32Array(1024);
  imm = new Int32Array(1024);
  imm2 = new Int32Array(1024);
  /** 16-byte constants and shuffles. */
  wide: Uint8Array[] = [];
  /** Type of each variable. */
  varTypes: number[] = [];

  clear(): void {
    this.length = 0;
    this.wide.length = 0;
    this.varTypes.length = 0;
  }

  push(op: number, type: number, a: number, b: number, c: number, imm: number, imm2: number): number {
    const n = this.length;
    if (n === this.capacity) this.grow();
    this.op[n] = op;
    this.type[n] = type;
    this.a[n] = a;
    this.b[n] = b;
    this.c[n] = c;
    this.imm[n] = imm;
    this.imm2[n] = imm2;
    this.length = n + 1;
    return n;
  }

  private grow(): void {
    this.capacity *= 2;
    const grown = <T extends Uint16Array | Uint8Array | Int32Array>(old: T, fresh: T): T => {
      fresh.set(old);
      return fresh;
    };
    this.op = grown(this.op, new Uint16Array(this.capacity));
    this.type = grown(this.type, new Uint8Array(this.capacity));
    this.a = grown(this.a, new Int32Array(this.capacity));
    this.b = grown(this.b, new Int32Array(this.capacity));
    this.c = grown(this.c, new Int32Array(this.capacity));
    this.imm = grown(this.imm, new Int32Array(this.capacity));
    this.imm2 = grown(this.imm2, new Int32Array(this.capacity));
  }
}
