import { E2BIG, EFAULT } from '../../abi/linux/errno.ts';
import { fromLatin1 } from '../../machine/guestMemory.ts';
import type { AddressSpace } from '../mm/addressSpace.ts';

/** What the initial stack says, besides the auxiliary vector's values. */
export interface StackContents {
  argv: readonly string[];
  envp: readonly string[];
  /** AT_EXECFN */
  filename: string;
  /** AT_PLATFORM */
  platform: string;
  /** 16 bytes for AT_RANDOM. */
  random: Uint8Array;
  /** The vector; `pointers` are filled in by the addresses of the strings above. */
  auxv: (at: { random: number; execfn: number; platform: number }) => [number, number][];
}

/** Where things went, for /proc and prctl. */
export interface BuiltStack {
  sp: number;
  argStart: number;
  argEnd: number;
  envStart: number;
  envEnd: number;
  auxv: Uint8Array;
}

/**
 * Writes arguments, environment and auxiliary vector as Linux lays them (fs/exec.c, create_elf_tables):
 *
 *   sp -> argc | argv[] 0 | envp[] 0 | auxv pairs, 0 0 | padding | random, platform | argv strings | envp strings | filename | 0 (8)
 */
export function buildStack(mm: AddressSpace, top: number, wordSize: number, contents: StackContents): BuiltStack | number {
  const { argv, envp } = contents;
  const size = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length + 1, 0);
  const strings = size(argv) + size(envp) + contents.filename.length + 1 + 8;
  const words = 1 + argv.length + 1 + envp.length + 1 + 2 * 24;
  // A quarter of the stack limit at most, and 6 MiB (execve(2), "Limits on size of arguments").
  if (strings + (argv.length + envp.length) * wordSize > Math.min(Math.max(mm.stackLimit / 4, 131072), 6 << 20)) return -E2BIG;
  const filenameAt = top - 8 - (contents.filename.length + 1);
  const envAt = filenameAt - size(envp);
  const argAt = envAt - size(argv);
  const platformAt = argAt - (contents.platform.length + 1);
  const randomAt = Math.floor((platformAt - 16) / 16) * 16;
  const low = randomAt - words * wordSize - 64;
  const memory = mm.memory;
  if (memory.writable(low, top - low) === null) return -EFAULT;
  memory.copyOut(filenameAt, fromLatin1(`${contents.filename}\0`));
  memory.copyOut(platformAt, fromLatin1(`${contents.platform}\0`));
  memory.copyOut(randomAt, contents.random);
  const pairs = contents.auxv({ random: randomAt, execfn: filenameAt, platform: platformAt });
  const auxvBytes = (pairs.length + 1) * 2 * wordSize;
  const used = (1 + argv.length + 1 + envp.length + 1) * wordSize + auxvBytes;
  const sp = Math.floor((randomAt - used) / 16) * 16;
  let at = sp;
  const put = (value: number): void => {
    memory.setWord(at, wordSize, value);
    at += wordSize;
  };
  const putStrings = (texts: readonly string[], from: number): void => {
    let string = from;
    for (const text of texts) {
      memory.copyOut(string, fromLatin1(`${text}\0`));
      put(string);
      string += text.length + 1;
    }
    put(0);
  };
  put(argv.length);
  putStrings(argv, argAt);
  putStrings(envp, envAt);
  const auxvAt = at;
  for (const [type, value] of pairs) {
    put(type);
    put(value);
  }
  put(0);
  put(0);
  return { sp, argStart: argAt, argEnd: envAt, envStart: envAt, envEnd: filenameAt, auxv: memory.copyIn(auxvAt, auxvBytes)! };
}
