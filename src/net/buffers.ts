/** Moving bytes between one piece and a vector of pieces. */

export function totalLength(bufs: readonly Uint8Array[]): number {
  let total = 0;
  for (const buf of bufs) total += buf.length;
  return total;
}

/** A copy (never shared memory) of `length` bytes of the vector from byte `skip` on. */
export function copyOf(bufs: readonly Uint8Array[], skip: number, length: number): Uint8Array {
  if (bufs.length === 1) return bufs[0]!.slice(skip, skip + length);
  const out = new Uint8Array(length);
  let at = 0;
  for (const buf of bufs) {
    if (skip >= buf.length) {
      skip -= buf.length;
      continue;
    }
    const part = buf.subarray(skip, Math.min(buf.length, skip + length - at));
    out.set(part, at);
    at += part.length;
    skip = 0;
    if (at === length) break;
  }
  return out;
}

/** Puts as much of `from` as fits into the vector from byte `skip` on; how much that was. */
export function spread(from: Uint8Array, bufs: readonly Uint8Array[], skip = 0): number {
  let at = 0;
  for (const buf of bufs) {
    if (skip >= buf.length) {
      skip -= buf.length;
      continue;
    }
    const n = Math.min(buf.length - skip, from.length - at);
    buf.set(n === from.length ? from : from.subarray(at, at + n), skip);
    at += n;
    skip = 0;
    if (at === from.length) break;
  }
  return at;
}
