import { ByteSink } from './byteSink.ts';

/** One module being written: imports first, then functions, at most one table, globals, exports, custom sections. */
export class ModuleWriter {
  private readonly types: string[] = [];
  private readonly typeBytes: Uint8Array[] = [];
  private readonly imports: Uint8Array[] = [];
  private importedFunctions = 0;
  private emptyTable = 0;
  private readonly globals: Uint8Array[] = [];
  private readonly functions: { type: number; body: Uint8Array }[] = [];
  private readonly exports: Uint8Array[] = [];
  private readonly elements: number[] = [];
  private readonly customs: Uint8Array[] = [];

  type(params: readonly number[], results: readonly number[]): number {
    const key = `${params.join()}:${results.join()}`;
    const known = this.types.indexOf(key);
    if (known >= 0) return known;
    const out = new ByteSink();
    out.u8(0x60);
    out.leb(params.length);
    for (const p of params) out.u8(p);
    out.leb(results.length);
    for (const r of results) out.u8(r);
    this.types.push(key);
    this.typeBytes.push(out.view());
    return this.types.length - 1;
  }

  importFunction(module: string, name: string, type: number): number {
    if (this.functions.length > 0) throw new Error('imports come before functions');
    const out = this.importHead(module, name, 0);
    out.leb(type);
    this.imports.push(out.view());
    return this.importedFunctions++;
  }

  /** The shared memory of the process. */
  importMemory(module: string, name: string, minPages: number, maxPages: number): void {
    const out = this.importHead(module, name, 2);
    out.u8(3);
    out.leb(minPages);
    out.leb(maxPages);
    this.imports.push(out.view());
  }

  private importHead(module: string, name: string, kind: number): ByteSink {
    const out = new ByteSink();
    out.name(module);
    out.name(name);
    out.u8(kind);
    return out;
  }

  /** Number of the next function to be added. */
  get nextFunction(): number { return this.importedFunctions + this.functions.length; }

  function(type: number, body: Uint8Array): number {
    this.functions.push({ type, body });
    return this.nextFunction - 1;
  }

  /** Reserves a number for a function whose body comes later. */
  declare(type: number): number { return this.function(type, new Uint8Array(0)); }
  define(index: number, body: Uint8Array): void { this.functions[index - this.importedFunctions]!.body = body; }

  exportFunction(name: string, index: number): void {
    const out = new ByteSink();
    out.name(name);
    out.u8(0);
    out.leb(index);
    this.exports.push(out.view());
  }

  exportTable(name: string): void {
    const out = new ByteSink();
    out.name(name);
    out.u8(1);
    out.leb(0);
    this.exports.push(out.view());
  }

  /** Appends a function to the module's own table 0; returns its place. */
  tableEntry(index: number): number {
    this.elements.push(index);
    return this.elements.length - 1;
  }

  /** Table 0 with places that are filled from outside, instead of tableEntry(). */
  table(places: number): void { this.emptyTable = places; }

  /** A mutable i32; returns its number. */
  global(initial: number): number {
    const out = new ByteSink();
    out.u8(0x7f);
    out.u8(1);
    out.u8(0x41);
    out.sleb(initial);
    out.u8(0x0b);
    return this.globals.push(out.view()) - 1;
  }

  /** A mutable i32 that is 0 at first, exported; returns its number. */
  exportGlobal(name: string): number {
    const out = new ByteSink(), index = this.global(0);
    out.name(name);
    out.u8(3);
    out.leb(index);
    this.exports.push(out.view());
    return index;
  }

  custom(name: string, bytes: Uint8Array): void {
    const out = new ByteSink(bytes.length + 16);
    out.name(name);
    out.raw(bytes);
    this.customs.push(out.view());
  }

  finish(): Uint8Array {
    const out = new ByteSink(this.functions.reduce((sum, f) => sum + f.body.length, 4096));
    out.u32(0x6d736100);
    out.u32(1);
    section(out, 1, this.typeBytes);
    section(out, 2, this.imports);
    section(out, 3, this.functions.map((f) => lebBytes(f.type)));
    if (this.elements.length > 0) section(out, 4, [Uint8Array.of(0x70, 0, ...lebBytes(this.elements.length))]);
    else if (this.emptyTable > 0) section(out, 4, [Uint8Array.of(0x70, 0, ...lebBytes(this.emptyTable))]);
    section(out, 6, this.globals);
    section(out, 7, this.exports);
    if (this.elements.length > 0) {
      const e = new ByteSink(this.elements.length * 2 + 16);
      e.u8(0);
      e.u8(0x41); e.sleb(0); e.u8(0x0b);
      e.leb(this.elements.length);
      for (const index of this.elements) e.leb(index);
      section(out, 9, [e.view()]);
    }
    section(out, 10, this.functions.map((f) => {
      const body = new ByteSink(f.body.length + 5);
      body.leb(f.body.length);
      body.raw(f.body);
      return body.view();
    }));
    for (const custom of this.customs) {
      out.u8(0);
      out.leb(custom.length);
      out.raw(custom);
    }
    return out.view().slice();
  }
}

function lebBytes(n: number): Uint8Array {
  const out = new ByteSink(5);
  out.leb(n);
  return out.view();
}

function section(out: ByteSink, id: number, items: readonly Uint8Array[]): void {
  if (items.length === 0) return;
  const body = new ByteSink(1024);
  body.leb(items.length);
  for (const item of items) body.raw(item);
  out.u8(id);
  out.leb(body.length);
  out.raw(body.view());
}
