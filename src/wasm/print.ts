/** Functions of a module as text: an instruction a line, indented by structure. For people; for modules that ModuleWriter wrote. */
import { allNames, WasmType } from './opcodes.ts';

const CODE_SECTION = 10, IMPORT_SECTION = 2;
const nameOf = new Map([...allNames].map(([name, code]) => [code, name]));
const typeName = new Map<number, string>(Object.entries(WasmType).map(([name, code]) => [code, name]));

class Reader {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  u8(): number { return this.bytes[this.at++]!; }

  /** Unsigned, up to 32 bits. */
  leb(): number {
    let value = 0, shift = 0, byte: number;
    do {
      byte = this.u8();
      value += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte & 128);
    return value;
  }

  sleb(): bigint {
    let value = 0n, shift = 0n, byte: number;
    do {
      byte = this.u8();
      value |= BigInt(byte & 127) << shift;
      shift += 7n;
    } while (byte & 128);
    return BigInt.asIntN(Number(shift), value);
  }

  f32(): number {
    this.at += 4;
    return this.view.getFloat32(this.at - 4, true);
  }

  f64(): number {
    this.at += 8;
    return this.view.getFloat64(this.at - 8, true);
  }

  hex(length: number): string {
    this.at += length;
    return Array.from(this.bytes.subarray(this.at - length, this.at), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  skip(bytes: number): void { this.at += bytes; }

  code(): number {
    const first = this.u8();
    return first < 0xfc ? first : (first << 16) | this.leb();
  }
}

/** What follows the instruction's code. */
function immediates(name: string, r: Reader): string {
  if (name === 'i32.const' || name === 'i64.const') return String(r.sleb());
  if (name === 'f32.const') return String(r.f32());
  if (name === 'f64.const') return String(r.f64());
  if (name === 'v128.const' || name === 'i8x16.shuffle') return r.hex(16);
  if (name === 'block' || name === 'loop' || name === 'if') {
    const type = r.u8();
    return type === WasmType.empty ? '' : (typeName.get(type) ?? String(type));
  }
  if (name === 'br_table') return Array.from({ length: r.leb() + 1 }, () => r.leb()).join(' ');
  if (name === 'call_indirect' || name === 'memory.copy') return `${r.leb()} ${r.leb()}`;
  if (name === 'atomic.fence' || name === 'memory.fill' || name.startsWith('table.') || /^(br|br_if|call|local\..*|global\..*)$/.test(name)) return String(r.leb());
  if (/extract_lane|replace_lane/.test(name)) return String(r.u8());
  if (!/\.(load|store|atomic)/.test(name)) return '';
  const align = r.leb(), offset = r.leb();
  const lane = /_lane$/.test(name) ? ` ${r.u8()}` : '';
  return `offset=${offset} align=${2 ** align}${lane}`;
}

function printBody(r: Reader, end: number, lines: string[]): void {
  for (let groups = r.leb(); groups > 0; groups--) lines.push(`  local ${r.leb()} x ${typeName.get(r.u8())}`);
  let depth = 1;
  while (r.at < end) {
    const name = nameOf.get(r.code()) ?? '?';
    if (name === 'end' || name === 'else') depth--;
    lines.push(`${'  '.repeat(Math.max(depth, 0))}${name} ${immediates(name, r)}`.trimEnd());
    if (name === 'block' || name === 'loop' || name === 'if' || name === 'else') depth++;
  }
}

export function printFunctions(module: Uint8Array): string {
  const r = new Reader(module, 8), lines: string[] = [];
  let number = 0;
  while (r.at < module.length) {
    const section = r.u8(), length = r.leb(), next = r.at + length;
    if (section === IMPORT_SECTION) number += importedFunctions(r);
    if (section === CODE_SECTION) {
      for (let count = r.leb(); count > 0; count--) {
        const size = r.leb(), end = r.at + size;
        lines.push(`function ${number++}, ${size} bytes`);
        printBody(r, end, lines);
        r.at = end;
      }
    }
    r.at = next;
  }
  return `${lines.join('\n')}\n`;
}

function importedFunctions(r: Reader): number {
  let functions = 0;
  for (let count = r.leb(); count > 0; count--) {
    for (let names = 0; names < 2; names++) r.skip(r.leb());
    const kind = r.u8();
    if (kind === 0) functions++;
    // a function's type; a shared memory's flags and limits
    for (let k = kind === 0 ? 1 : 3; k > 0; k--) r.leb();
  }
  return functions;
}
