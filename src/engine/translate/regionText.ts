/** A region for people: its blocks with their instructions, and how each goes on. For `--trace=region` and `--trace=wasm`. */
import { printInstruction } from '../../isa/print.ts';
import { printFunctions } from '../../wasm/print.ts';
import { type Block, End, type Region } from './region.ts';

const endNames = new Map<number, string>(Object.entries(End).map(([name, kind]) => [kind, name]));
const hex = (address: number): string => `0x${address.toString(16)}`;

function ways(block: Block): string {
  return block.successors.map((next, k) => (next >= 0 ? `block ${next}` : `out to ${hex(block.outside[k] ?? 0)}`)).join(', ');
}

/** `wasm`: the module made of it, which is shown as well if asked for. */
export function regionText(region: Region, wasm: Uint8Array, withWasm: boolean): string {
  const lines = [`region ${hex(region.start)}, ${region.mode}-bit: ${region.instructionCount} instructions in ${region.blocks.length} blocks, ${wasm.length} bytes of WebAssembly`];
  region.blocks.forEach((block, k) => {
    lines.push(` block ${k}${block.inside === null ? '' : ` of ${hex(block.inside.callee)}, called for ${hex(block.inside.returnTo)}`}`);
    block.instructions.forEach((i, n) => lines.push(`  ${hex(block.addresses[n]!)}  ${printInstruction(i, block.addresses[n]!)}`));
    const next = ways(block);
    lines.push(`  ${endNames.get(block.kind)}${next === '' ? '' : `: ${next}`}`);
  });
  return `${lines.join('\n')}\n${withWasm ? printFunctions(wasm) : ''}`;
}
