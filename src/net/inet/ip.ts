/**
 * IP addresses as numeric text in one canonical form: '127.0.0.1', 'fe80::1', '::' (RFC 5952). IPv4 addresses mapped into IPv6 are
 * turned into IPv4 where a socket's family allows it (see endpoint.ts).
 */

export function isV4(ip: string): boolean {
  return !ip.includes(':');
}

export function ipBytes(ip: string): Uint8Array {
  const text = ip.includes('%') ? ip.slice(0, ip.indexOf('%')) : ip;
  return isV4(text) ? Uint8Array.from(text.split('.'), Number) : v6Bytes(text);
}

function v6Bytes(text: string): Uint8Array {
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').flatMap((word) => {
      if (!word.includes('.')) return [Number.parseInt(word, 16)];
      const [a, b, c, d] = word.split('.').map(Number);
      return [a! * 256 + b!, c! * 256 + d!];
    });
  const gap = text.indexOf('::');
  const head = words(gap < 0 ? text : text.slice(0, gap));
  const tail = gap < 0 ? [] : words(text.slice(gap + 2));
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

/** 4 or 16 bytes. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) words.push(bytes[i]! * 256 + bytes[i + 1]!);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && words[end] === 0) end++;
    if (end - i > bestLength) {
      best = i;
      bestLength = end - i;
    }
  }
  const hex = (part: number[]): string => part.map((word) => word.toString(16)).join(':');
  return best < 0 ? hex(words) : `${hex(words.slice(0, best))}::${hex(words.slice(best + bestLength))}`;
}

/** ::ffff:a.b.c.d as IPv4, else null. */
export function mappedV4(bytes: Uint8Array): string | null {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return null;
  return bytes[10] === 0xff && bytes[11] === 0xff ? bytes.subarray(12, 16).join('.') : null;
}

export function isAny(ip: string): boolean {
  return ip === '0.0.0.0' || ip === '::';
}
export function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1';
}
export function isMulticast(ip: string): boolean {
  if (isV4(ip)) {
    const first = Number.parseInt(ip, 10);
    return first >= 224 && first < 240;
  }
  return ip.startsWith('ff') && ip.indexOf(':') === 4;
}
export function isLinkLocal(ip: string): boolean {
  return /^fe[89ab]/.test(ip);
}
