import type { Path } from '../../vfs/path.ts';
import { ENAMETOOLONG } from '../../abi/linux/errno.ts';
import { pathName } from '../../vfs/path.ts';
import { PATH_MAX } from '../../vfs/walk.ts';
import type { SigSet } from '../../kernel/signal/sigset.ts';

export const hex = (n: number, width = 0): string => n.toString(16).padStart(width, '0');
export const kb = (bytes: number): number => Math.floor(bytes / 1024);

/** 16 hexadecimal digits of a signal set. */
export const setHex = (set: SigSet): string => hex(set.hi >>> 0, 8) + hex(set.lo >>> 0, 8);

/** A whole number below 2^53 as 16 hexadecimal digits (capability sets). */
export const wideHex = (n: number): string => hex(Math.floor(n / 4294967296), 8) + hex(n >>> 0, 8);

/** The characters that would break a line of a table become octal escapes (mangle_path). */
export function escapePath(name: string, special = ' \t\n\\'): string {
  let out = '';
  for (const c of name) out += special.includes(c) ? `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}` : c;
  return out;
}

/** A bitmap of the processors 0..n-1, and the same as a list. */
export function cpuMask(n: number): string {
  const groups: string[] = [];
  for (let left = n; left > 0; left -= 32) groups.push(left >= 32 ? 'ffffffff' : hex(2 ** left - 1));
  return groups.reverse().map((g, i) => (i === 0 ? g : g.padStart(8, '0'))).join(',');
}
export const cpuList = (n: number): string => (n === 1 ? '0' : `0-${n - 1}`);

export const placeName = (path: Path, root: Path): string => pathName(path, root);
/** The same as a link shows it: a page has room for it, or it is -ENAMETOOLONG. */
export function linkName(path: Path, root: Path): string | number {
  const name = pathName(path, root);
  return name.length >= PATH_MAX ? -ENAMETOOLONG : name;
}
