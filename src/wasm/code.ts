import { ByteSink } from './byteSink.ts';
import { wasmCode, WasmType } from './opcodes.ts';

/** Body of one function being written. Locals are declared as they are asked for. */
export class Code {
  readonly out = new ByteSink(1024);
  /** Types of the locals after the parameters. */
  readonly locals: number[] = [];
  readonly params: readonly number[];
  /** Open blocks: for branch depths. */
  depth = 0;

  constructor(params: readonly number[]) {
    this.params = params;
  }

  private cursor = new Map<number, number>();

  local(type: number): number {
    let k = this.cursor.get(type) ?? 0;
    while (k < this.locals.length && this.locals[k] !== type) k++;
    if (k === this.locals.length) this.locals.push(type);
    this.cursor.set(type, k + 1);
    return this.params.length + k;
  }

  /** All locals may be used again (a part of the function that shares no values with what was before). */
  recycle(): void {
    this.cursor.clear();
  }

  code(code: number): void {
    if (code < 0x100) this.out.u8(code);
    else {
      this.out.u8(code >>> 16);
      this.out.leb(code & 0xffff);
    }
  }

  op(name: string): void { this.code(wasmCode(name)); }
  i32(n: number): void { this.out.u8(0x41); this.out.sleb(n); }
  i64(low: number, high: number): void { this.out.u8(0x42); this.out.sleb64(low, high); }
  get(local: number): void { this.out.u8(0x20); this.out.leb(local); }
  set(local: number): void { this.out.u8(0x21); this.out.leb(local); }
  tee(local: number): void { this.out.u8(0x22); this.out.leb(local); }
  globalGet(global: number): void { this.out.u8(0x23); this.out.leb(global); }
  globalSet(global: number): void { this.out.u8(0x24); this.out.leb(global); }
  /** A load or store; `align` is log2 of the promised alignment. Atomic ones need their natural alignment. */
  mem(name: string, offset: number, align = 0): void {
    this.op(name);
    this.out.leb(align);
    this.out.leb(offset);
  }
  call(index: number): void { this.out.u8(0x10); this.out.leb(index); }
  callIndirect(type: number): void { this.out.u8(0x11); this.out.leb(type); this.out.leb(0); }
  block(type: number = WasmType.empty): number { this.out.u8(0x02); this.out.u8(type); return ++this.depth; }
  loop(type: number = WasmType.empty): number { this.out.u8(0x03); this.out.u8(type); return ++this.depth; }
  if(type: number = WasmType.empty): number { this.out.u8(0x04); this.out.u8(type); return ++this.depth; }
  else(): void { this.out.u8(0x05); }
  end(): void { this.out.u8(0x0b); this.depth--; }
  /** To the block whose block()/loop()/if() returned `label`. */
  br(label: number): void { this.out.u8(0x0c); this.out.leb(this.depth - label); }
  brIf(label: number): void { this.out.u8(0x0d); this.out.leb(this.depth - label); }
  brTable(labels: readonly number[], fallback: number): void {
    this.out.u8(0x0e);
    this.out.leb(labels.length);
    for (const label of labels) this.out.leb(this.depth - label);
    this.out.leb(this.depth - fallback);
  }
  /** Entries of table 0. */
  tableSize(): void { this.op('table.size'); this.out.leb(0); }
  return(): void { this.out.u8(0x0f); }

  /** The function's entry of the code section, without its size. */
  finish(): Uint8Array {
    const head = new ByteSink(64 + this.out.length);
    const groups: [number, number][] = [];
    for (const type of this.locals) {
      const last = groups[groups.length - 1];
      if (last && last[1] === type) last[0]++;
      else groups.push([1, type]);
    }
    head.leb(groups.length);
    for (const [count, type] of groups) { head.leb(count); head.u8(type); }
    head.raw(this.out.view());
    head.u8(0x0b);
    return head.view();
  }
}
