// Type-checks every TypeScript project: the shared core (no Node, no DOM), what knows Node, the tests.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const projects = ['tsconfig.json', 'tsconfig.node.json', 'tsconfig.test.json'];
const run = (project) =>
  new Promise((done) => {
    spawn(process.execPath, [tsc, '-p', project, '--noEmit'], { stdio: 'inherit' }).on('exit', (code) => done(code ?? 1));
  });
let failed = 0;
for (const project of projects) if ((await run(project)) !== 0) failed++;
if (failed > 0) process.exit(1);
