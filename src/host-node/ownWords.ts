/**
 * What this process was started with, as bytes (one character each). Node shows words and variables as text, in which bytes that
 * are not UTF-8 are lost; Linux shows them as they are. Node also adds the variables of an `--env-file FILE` that it finds among
 * our words to its own, which are not in /proc/self/environ.
 */
import { readFileSync, readlinkSync } from 'node:fs';

/** UTF-8 bytes, one character each. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The text of such bytes, for paths of the host and for messages; what is not UTF-8 stays as it is. */
export function textOf(bytes: string): string {
  if (/^[\x00-\x7f]*$/.test(bytes) || /[^\x00-\xff]/.test(bytes)) return bytes;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return bytes;
  }
}

/** The strings of a file of /proc that end with a zero byte each; null where there is none. */
function strings(path: string): string[] | null {
  try {
    return readFileSync(path, 'latin1').split('\0').slice(0, -1);
  } catch {
    return null;
  }
}

/** The words after the script's name. */
export function ownWords(): string[] {
  const words = process.argv.slice(2);
  const all = strings('/proc/self/cmdline') ?? [];
  const last = words.length === 0 ? [] : all.slice(-words.length);
  // A process whose title was changed shows something else there.
  const same = last.length === words.length && words.every((word, at) => Buffer.from(last[at]!, 'latin1').toString('utf8') === word);
  return same ? last : words.map(bytesOf);
}

/** NAME=VALUE each. */
export function ownEnvironment(): string[] {
  return strings('/proc/self/environ') ?? Object.entries(process.env).map(([name, value]) => bytesOf(`${name}=${value ?? ''}`));
}

export function ownDirectory(): string {
  try {
    return readlinkSync('/proc/self/cwd', 'latin1');
  } catch {
    return bytesOf(process.cwd());
  }
}

/** Supplementary groups. Node's getgroups adds the effective group to them, so Linux is asked itself where there is one. */
export function ownGroups(): number[] {
  try {
    const list = /^Groups:(.*)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
    return list.split(/\s+/).filter((word) => word !== '').map(Number);
  } catch {
    return process.getgroups?.() ?? [];
  }
}
