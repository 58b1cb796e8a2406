import { expect, it } from 'vitest';
import { Code } from './code.ts';
import { ModuleWriter } from './module.ts';
import { WasmType } from './opcodes.ts';
import { printFunctions } from './print.ts';

it('prints what was written', () => {
  const module = new ModuleWriter(), I = WasmType.i32, type = module.type([I], [I]);
  module.importMemory('env', 'memory', 1, 65536);
  const imported = module.importFunction('env', 'f', type);
  const code = new Code([I]), wide = code.local(WasmType.i64);
  const again = code.loop();
  code.get(0);
  code.mem('i64.load', 1_000_000, 3);
  code.tee(wide);
  code.i64(-1, -1);
  code.op('i64.ne');
  code.brIf(again);
  code.end();
  code.i32(-1);
  code.if(I);
  code.get(0);
  code.call(imported);
  code.else();
  code.i32(0);
  code.i32(0);
  code.i32(1);
  code.mem('i32.atomic.rmw.cmpxchg', 8, 2);
  code.end();
  module.exportFunction('g', module.function(type, code.finish()));
  const bytes = module.finish();
  expect(WebAssembly.validate(bytes)).toBe(true);
  expect(printFunctions(bytes).split('\n')).toEqual([
    expect.stringMatching(/^function 1, \d+ bytes$/),
    '  local 1 x i64', '  loop', '    local.get 0', '    i64.load offset=1000000 align=8', '    local.tee 1', '    i64.const -1', '    i64.ne', '    br_if 0', '  end',
    '  i32.const -1', '  if i32', '    local.get 0', '    call 0', '  else', '    i32.const 0', '    i32.const 0', '    i32.const 1',
    '    i32.atomic.rmw.cmpxchg offset=8 align=4', '  end', 'end', '',
  ]);
});
