// The import law (docs/ARCHITECTURE.md) as an allow-list: each room names the rooms it may import. Everything else is an error.
const rooms = {
  base: [],
  host: ['base'],
  abi: ['base'],
  // registers and flags are told by their place in the CPU state
  isa: ['base', 'machine'],
  wasm: ['base'],
  ir: ['base', 'wasm'],
  machine: ['base'],
  // Of helpers only signatures.ts, the table of what the compiled module exports.
  helpers: ['base', 'machine'],
  lift: ['base', 'isa', 'ir', 'machine', 'helpers'],
  emit: ['base', 'ir', 'wasm', 'machine'],
  engine: ['base', 'isa', 'ir', 'wasm', 'lift', 'emit', 'machine'],
  vfs: ['base', 'abi', 'machine'],
  kernel: ['base', 'abi', 'host', 'machine', 'vfs'],
  // devpts shows the terminals
  fs: ['base', 'abi', 'host', 'machine', 'vfs', 'kernel', 'tty'],
  net: ['base', 'abi', 'host', 'machine', 'vfs', 'kernel'],
  tty: ['base', 'abi', 'host', 'machine', 'vfs', 'kernel'],
  syscalls: ['base', 'abi', 'host', 'machine', 'vfs', 'kernel', 'fs', 'net', 'tty'],
  local: ['base', 'abi', 'host', 'machine', 'vfs', 'kernel'],
  debug: ['base', 'abi', 'host', 'machine', 'vfs', 'kernel', 'fs', 'net', 'tty', 'syscalls', 'isa'],
  boot: ['base', 'abi', 'host', 'machine', 'vfs', 'kernel', 'fs', 'net', 'tty', 'syscalls', 'local', 'debug', 'engine', 'isa'],
  // Implements the ports; its entry files (the workers' and run.ts) start boot and the translation service.
  'host-node': ['base', 'abi', 'host', 'machine', 'boot', 'engine'],
  cli: ['base', 'abi', 'host', 'boot', 'debug', 'host-node'],
};

const tests = '\\.(test|oracle|bench)\\.ts$';

module.exports = {
  forbidden: [
    ...Object.entries(rooms).map(([room, allowed]) => ({
      name: `${room}-imports`,
      comment: `${room}/ may import ${allowed.join(', ') || 'nothing'}`,
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: tests },
      to: { path: '^src/', pathNot: `^src/(${[room, ...allowed].join('|')})/` },
    })),
    {
      name: 'architectures-apart',
      comment: 'the two architectures of the kernel never import each other',
      severity: 'error',
      from: { path: '^src/kernel/arch/x86_64/' },
      to: { path: '^src/kernel/arch/i386/' },
    },
    {
      name: 'architectures-apart-2',
      comment: 'the two architectures of the kernel never import each other',
      severity: 'error',
      from: { path: '^src/kernel/arch/i386/' },
      to: { path: '^src/kernel/arch/x86_64/' },
    },
    {
      name: 'node-only-in-host-node-and-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(host-node|cli)/|^src/index\\.ts$|${tests}` },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev'] },
    },
    {
      name: 'no-tests-in-the-product',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { path: tests },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/helpers/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.cjs'] },
  },
};
