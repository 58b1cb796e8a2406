import { CodePages } from '../machine/codePages.ts';

const byMemory = new WeakMap<WebAssembly.Memory, CodePages>();

/** Drops the decoded code of a page on behalf of the kernel. What lies below the bias never moves when the memory grows. */
export function dropPageCode(memory: WebAssembly.Memory, page: number): void {
  let pages = byMemory.get(memory);
  if (pages === undefined) byMemory.set(memory, (pages = new CodePages(memory.buffer)));
  pages.dropPages(page, page);
}
