let memory: WebAssembly.Memory | null = null;

function idle(kind: WebAssembly.ModuleImportDescriptor['kind']): WebAssembly.ImportValue {
  if (kind === 'memory') return (memory ??= new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }));
  return () => 0;
}

/** An instance that nobody runs: its functions are asked about. */
export function idleInstance(module: WebAssembly.Module): WebAssembly.Instance {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = idle(kind);
  return new WebAssembly.Instance(module, imports);
}
