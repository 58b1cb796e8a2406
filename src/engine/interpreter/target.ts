import type { BodyEmitter, Target } from '../../emit/body.ts';
import { refAdd, refField } from '../../ir/ops.ts';
import type { Code } from '../../wasm/code.ts';
import { CaseCode, CPU } from './caseCode.ts';
import { machineOps } from './machineOps.ts';
import { load, store, widthOps } from './memoryCode.ts';

/** IR of one instruction -> the code of an interpreter case. */
export class InterpreterTarget extends CaseCode implements Target {
  machine(e: BodyEmitter, row: number, name: string): void {
    const { ir, code } = e;
    const imm = ir.imm[row]!;
    if (name.startsWith('getAt')) return this.at(e, row, widthOps[name.slice(5)]![0], false);
    if (name.startsWith('putAt')) return this.at(e, row, widthOps[name.slice(5)]![1], true);
    if (name.startsWith('get')) {
      this.register(code, imm);
      code.mem(widthOps[name.slice(3)]![0], imm >= 0 ? imm : refAdd(imm));
      return;
    }
    if (name.startsWith('put') && name !== 'putStatusFlags') {
      this.register(code, imm);
      e.value(ir.a[row]!);
      code.mem(widthOps[name.slice(3)]![1], imm >= 0 ? imm : refAdd(imm));
      return;
    }
    if (name.startsWith('load')) return load(this, e, row, name.slice(4));
    if (name.startsWith('store')) return store(this, e, row, name.slice(5));
    const method = machineOps[name];
    if (!method) throw new Error(`interpreter: no code for ${name}`);
    method(this, e, row);
  }

  private register(code: Code, ref: number): void {
    if (ref >= 0) code.get(CPU);
    else this.place(code, refField(ref));
  }

  private at(e: BodyEmitter, row: number, op: string, store: boolean): void {
    const { ir, code } = e;
    code.get(CPU);
    e.value(ir.a[row]!);
    code.op('i32.add');
    if (store) e.value(ir.b[row]!);
    code.mem(op, ir.imm[row]!);
  }
}
