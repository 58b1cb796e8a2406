import { errnoText } from '../abi/linux/errnoText.ts';
import { errnoNames } from './symbols.ts';

/** ` = -1 ENOENT (No such file or directory)` without the equals sign. */
export function errorResult(errno: number): string {
  return `-1 ${errnoNames.get(errno) ?? `E${errno}`} (${errnoText[errno] ?? `Unknown error ${errno}`})`;
}
