let memory: WebAssembly.Memory | null = null;

/** An instance that nobody runs: its functions are asked about. */
export function idleInstance(module: WebAssembly.Module): WebAssembly.Instance {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const value = kind === 'memory' ? (memory ??= new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true })) : () => 0;
    (imports[from] ??= {})[name] = value;
  }
  return new WebAssembly.Instance(module, imports);
}
