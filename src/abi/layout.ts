/**
 * C structures as data: where each field of a Linux structure lies on one ABI, and a reader and writer made from that.
 *
 * Fields are little-endian and need not be aligned in the buffer. 64-bit fields are JS numbers (exact up to 2^53); `lo`
 * and `hi` give their halves when every bit matters. Buffers may be views of shared memory.
 */
export type FieldType = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64' | 'bytes';

/** [offset, type, length in bytes (bytes only)]. */
export type FieldData = readonly [offset: number, type: Exclude<FieldType, 'bytes'>] | readonly [offset: number, type: 'bytes', length: number];

export interface LayoutData {
  readonly size: number;
  readonly fields: Readonly<Record<string, FieldData>>;
}

type NumberNames<D extends LayoutData> = { [K in keyof D['fields']]: D['fields'][K][1] extends 'bytes' ? never : K }[keyof D['fields']] & string;
type ByteNames<D extends LayoutData> = { [K in keyof D['fields']]: D['fields'][K][1] extends 'bytes' ? K : never }[keyof D['fields']] & string;

const TWO32 = 4294967296;

export function getU16(buf: Uint8Array, at: number): number {
  return buf[at]! | (buf[at + 1]! << 8);
}
export function getI32(buf: Uint8Array, at: number): number {
  return buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24);
}
export function getU32(buf: Uint8Array, at: number): number {
  return getI32(buf, at) >>> 0;
}
export function getU64(buf: Uint8Array, at: number): number {
  return getU32(buf, at + 4) * TWO32 + getU32(buf, at);
}
export function getI64(buf: Uint8Array, at: number): number {
  return getI32(buf, at + 4) * TWO32 + getU32(buf, at);
}
export function putU16(buf: Uint8Array, at: number, value: number): void {
  buf[at] = value;
  buf[at + 1] = value >>> 8;
}
export function putU32(buf: Uint8Array, at: number, value: number): void {
  buf[at] = value;
  buf[at + 1] = value >>> 8;
  buf[at + 2] = value >>> 16;
  buf[at + 3] = value >>> 24;
}
/** Two's complement of a number of magnitude up to 2^53 (larger ones are rounded, as a number is). */
export function putU64(buf: Uint8Array, at: number, value: number): void {
  putU32(buf, at, value >>> 0);
  putU32(buf, at + 4, Math.floor(value / TWO32) >>> 0);
}

function getField(buf: Uint8Array, at: number, type: FieldType): number {
  switch (type) {
    case 'u8': return buf[at]!;
    case 'i8': return (buf[at]! << 24) >> 24;
    case 'u16': return getU16(buf, at);
    case 'i16': return (getU16(buf, at) << 16) >> 16;
    case 'u32': return getU32(buf, at);
    case 'i32': return getI32(buf, at);
    case 'u64': return getU64(buf, at);
    case 'i64': return getI64(buf, at);
    default: throw new Error('a bytes field has no number');
  }
}

function putField(buf: Uint8Array, at: number, type: FieldType, value: number): void {
  switch (type) {
    case 'u8': case 'i8': buf[at] = value; break;
    case 'u16': case 'i16': putU16(buf, at, value); break;
    case 'u32': case 'i32': putU32(buf, at, value); break;
    case 'u64': case 'i64': putU64(buf, at, value); break;
    default: throw new Error('a bytes field has no number');
  }
}

interface Fields<N extends string> {
  readonly offset: Readonly<Record<string, number>>;
  readonly types: Readonly<Record<string, FieldType>>;
  readonly lengths: Readonly<Record<string, number>>;
  readonly numbers: readonly { readonly name: N; readonly offset: number; readonly type: FieldType }[];
}

function fieldsOf<N extends string>(data: LayoutData): Fields<N> {
  const offset: Record<string, number> = {};
  const types: Record<string, FieldType> = {};
  const lengths: Record<string, number> = {};
  const numbers: { name: N; offset: number; type: FieldType }[] = [];
  for (const [name, field] of Object.entries(data.fields)) {
    offset[name] = field[0];
    types[name] = field[1];
    if (field[1] === 'bytes') lengths[name] = field[2];
    else numbers.push({ name: name as N, offset: field[0], type: field[1] });
  }
  return { offset, types, lengths, numbers };
}

/** Reader and writer of one structure. `N` names the numeric fields, `B` the byte-array fields. */
export class Layout<N extends string = string, B extends string = never> {
  readonly size: number;
  private readonly data: LayoutData;
  /** Made at the first use: most runs need few of the layouts there are. */
  private made: Fields<N> | null = null;

  constructor(data: LayoutData) {
    this.size = data.size;
    this.data = data;
  }

  private get fields(): Fields<N> {
    return (this.made ??= fieldsOf<N>(this.data));
  }
  /** Offset of every field. */
  get offset(): Readonly<Record<N | B, number>> {
    return this.fields.offset as Readonly<Record<N | B, number>>;
  }
  private get types(): Readonly<Record<string, FieldType>> {
    return this.fields.types;
  }
  private get lengths(): Readonly<Record<string, number>> {
    return this.fields.lengths;
  }
  private get numbers(): Fields<N>['numbers'] {
    return this.fields.numbers;
  }

  /** All numeric fields of the structure at `at`. */
  read(buf: Uint8Array, at = 0): Record<N, number> {
    const out = {} as Record<N, number>;
    for (const f of this.numbers) out[f.name] = getField(buf, at + f.offset, f.type);
    return out;
  }

  /** Writes the whole structure: fields not given, byte arrays and padding become 0. */
  write(buf: Uint8Array, values: Partial<Readonly<Record<N, number>>>, at = 0): void {
    buf.fill(0, at, at + this.size);
    this.update(buf, values, at);
  }

  /** Writes the given fields only. */
  update(buf: Uint8Array, values: Partial<Readonly<Record<N, number>>>, at = 0): void {
    for (const f of this.numbers) {
      const value = values[f.name];
      if (value !== undefined) putField(buf, at + f.offset, f.type, value);
    }
  }

  get(buf: Uint8Array, name: N, at = 0): number {
    return getField(buf, at + this.offset[name], this.types[name]!);
  }
  put(buf: Uint8Array, name: N, value: number, at = 0): void {
    putField(buf, at + this.offset[name], this.types[name]!, value);
  }
  /** Low 32 bits of a field of 4 or 8 bytes, unsigned. */
  lo(buf: Uint8Array, name: N, at = 0): number {
    return getU32(buf, at + this.offset[name]);
  }
  /** High 32 bits of a field, unsigned; of a field of 4 bytes its sign extension. */
  hi(buf: Uint8Array, name: N, at = 0): number {
    const type = this.types[name];
    if (type === 'u64' || type === 'i64') return getU32(buf, at + this.offset[name] + 4);
    return type === 'i32' && getI32(buf, at + this.offset[name]) < 0 ? 0xffffffff : 0;
  }
  /** Writes a field of 4 or 8 bytes from halves; `hi` is dropped when the field has 4. */
  putHalves(buf: Uint8Array, name: N, lo: number, hi: number, at = 0): void {
    const type = this.types[name];
    putU32(buf, at + this.offset[name], lo);
    if (type === 'u64' || type === 'i64') putU32(buf, at + this.offset[name] + 4, hi);
  }
  /** A view of a byte-array field. */
  bytes(buf: Uint8Array, name: B, at = 0): Uint8Array {
    const start = at + this.offset[name];
    return buf.subarray(start, start + this.lengths[name]!);
  }
  /** Size in bytes of a field. */
  sizeOf(name: N | B): number {
    const type = this.types[name]!;
    return type === 'bytes' ? this.lengths[name]! : Number(type.slice(1)) / 8;
  }
}

/** The layout of `data`, its field names known to the type checker. */
export function layoutOf<const D extends LayoutData>(data: D): Layout<NumberNames<D>, ByteNames<D>> {
  return new Layout<NumberNames<D>, ByteNames<D>>(data);
}
