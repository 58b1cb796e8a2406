/**
 * Linux names on Windows: bytes that a Windows name cannot hold become characters of the private use area U+F000..U+F0FF (as
 * Cygwin and the Services for Macintosh do), so every name has its own, and comes back as it was.
 */
const FORBIDDEN = /[\x01-\x1f<>:"|?*\\]/;
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function privateUse(byte: number): string {
  return String.fromCharCode(0xf000 + byte);
}

/** UTF-8 bytes (as a byte string) to text; bytes that are no UTF-8, or would come out as private-use characters, one by one. */
function decodeUtf8(name: string): string {
  if (/^[\x00-\x7f]*$/.test(name)) return name;
  let out = '';
  for (let at = 0; at < name.length; ) {
    const byte = name.charCodeAt(at);
    const length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    let text: string | null = null;
    if (at + length <= name.length) {
      try {
        text = decoder.decode(Uint8Array.from(name.slice(at, at + length), (c) => c.charCodeAt(0)));
      } catch {
        text = null;
      }
    }
    if (text === null || /[\uf000-\uf0ff]/.test(text)) {
      out += privateUse(byte);
      at++;
    } else {
      out += text;
      at += length;
    }
  }
  return out;
}

/** A Linux name (byte string) as a Windows name. */
export function toWindowsName(name: string): string {
  let text = decodeUtf8(name);
  if (FORBIDDEN.test(text)) text = text.replace(new RegExp(FORBIDDEN, 'g'), (c) => privateUse(c.charCodeAt(0)));
  if (RESERVED.test(text)) text = privateUse(text.charCodeAt(0)) + text.slice(1);
  if (/[. ]$/.test(text) && text !== '.' && text !== '..') text = text.slice(0, -1) + privateUse(text.charCodeAt(text.length - 1));
  return text;
}

/** The Linux name of a Windows name. */
export function fromWindowsName(text: string): string {
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  let out = '';
  for (const c of text) {
    const code = c.codePointAt(0)!;
    if (code >= 0xf000 && code <= 0xf0ff) out += String.fromCharCode(code - 0xf000);
    else out += String.fromCharCode(...new TextEncoder().encode(c));
  }
  return out;
}
