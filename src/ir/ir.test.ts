import { describe, expect, test } from 'vitest';
import { IrBuilder } from './builder.ts';
import { printIr } from './print.ts';
import { verifyIr } from './verify.ts';

describe('IR', () => {
  test('text', () => {
    const b = new IrBuilder();
    const x = b.get(8, 0x18), v = b.var('i64', b.i64(-2));
    b.if(b.op('i64.eqz', x), () => b.setVar(v, b.op('i64.add', x, b.i64(0, 1))));
    b.put(8, 0x20, b.getVar(v));
    expect(printIr(b.code)).toBe([
      '%0:i64 = get64 [18]', '%1:i64 = i64.const -2', 'var.set %1', '%3:i32 = i64.eqz %0', 'if %3', '  %5:i64 = i64.const 4294967296',
      '  %6:i64 = i64.add %0 %5', '  var.set %6', 'end', '%9:i64 = var.get', 'put64 [20] %9',
    ].join('\n'));
    expect(verifyIr(b.code)).toEqual([]);
  });

  test('values do not leave their branch, types are compared', () => {
    const b = new IrBuilder();
    let inner = 0;
    b.if(b.i32(1), () => { inner = b.i32(5); });
    b.put(4, 0, inner);
    b.put(8, 0, b.i32(1));
    expect(verifyIr(b.code)).toHaveLength(2);
  });
});
