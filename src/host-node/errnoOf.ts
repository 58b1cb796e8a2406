import * as errnos from '../abi/linux/errno.ts';

const byName = errnos as unknown as Record<string, number>;

/** Linux number of the error a Node call threw, by its name (numbers differ between hosts). */
export function errnoOf(error: unknown, otherwise: number): number {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') return otherwise;
  if (code === 'EOF') return errnos.EPIPE; // libuv's name for ERROR_BROKEN_PIPE on a Windows pipe
  return byName[code] ?? otherwise;
}
