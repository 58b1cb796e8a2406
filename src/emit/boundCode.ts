import { type Bound, bounds } from '../ir/bounds.ts';
import { Cpu } from '../machine/cpuState.ts';
import type { Code } from '../wasm/code.ts';
import { WasmType } from '../wasm/opcodes.ts';

const types: Record<string, number> = { f32: WasmType.f32, f64: WasmType.f64, v128: WasmType.v128 };

/** Puts the number on the stack. */
export function boundConstant(code: Code, number: number): void {
  constant(code, bounds[number]!);
}

function constant(code: Code, { type, words }: Bound): void {
  code.op(`${type}.const`);
  for (const word of words) code.out.u32(word);
}

/**
 * Bounds of a region in locals; NaN in all lanes while flags must be looked at, which in a plain version is never. (There, too, they are a
 * choice: V8 would make constants anew wherever they are used.)
 */
export class BoundLocals {
  private readonly code: Code;
  private readonly cpu: number;
  private readonly plain: boolean;
  private readonly locals = new Map<number, number>();

  constructor(code: Code, cpu: number, used: Iterable<number>, plain: boolean) {
    this.code = code;
    this.cpu = cpu;
    this.plain = plain;
    for (const number of used) this.locals.set(number, code.local(types[bounds[number]!.type]!));
  }

  get(number: number): void {
    this.code.get(this.locals.get(number)!);
  }

  /** At the entry. */
  begin(): void {
    for (const [number, local] of this.locals) {
      this.choose(bounds[number]!);
      this.code.set(local);
    }
  }

  /** Where Cpu.sseExact may have changed. A plain version ends there instead. */
  load(): void {
    if (!this.plain) this.begin();
  }

  private choose({ type, words }: Bound): void {
    const { code } = this;
    constant(code, { type, words: words.map(() => 0xffffffff) });
    constant(code, { type, words });
    code.get(this.cpu);
    code.mem('i32.load', Cpu.sseExact, 2);
    code.op('i32.select');
  }
}
