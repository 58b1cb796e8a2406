import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('docs/instructions.md is what the instruction table says (node tools/gen-instructions.mjs)', () => {
  const tool = fileURLToPath(new URL('../../tools/gen-instructions.mjs', import.meta.url));
  const result = spawnSync(process.execPath, [tool, '--check'], { encoding: 'utf8' });
  expect(result.stderr).toBe('');
  expect(result.status).toBe(0);
});
