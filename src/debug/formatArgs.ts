/** How the trace shows one argument, by the kind its row gives it. The forms are strace's. */
import { fromLatin1, latin1 } from '../machine/guestMemory.ts';
import type { Task } from '../kernel/task/task.ts';
import type { ArgKind } from '../syscalls/row.ts';
import * as s from './symbols.ts';

const STRING_LIMIT = 32;

/** What a formatter may look at. `result` is the call's answer for arguments shown afterwards. */
export type ArgContext = { readonly t: Task; readonly args: readonly number[]; readonly at: number; readonly result: number };
export type ArgFormat = { readonly after: boolean; readonly show: (value: number, c: ArgContext) => string };

const escapes: Record<number, string> = { 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r', 34: '\\"', 92: '\\\\' };

/** A quoted string as in C; what is not ASCII in octal, short where the next character allows it. */
export function quote(bytes: Uint8Array): string {
  let text = '"';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    const next = bytes[i + 1] ?? 0;
    const digit = next >= 0x30 && next <= 0x37;
    if (escapes[byte] !== undefined) text += escapes[byte];
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${byte.toString(8).padStart(digit ? 3 : 1, '0')}`;
  }
  return `${text}"`;
}

export function hex(value: number): string {
  return value === 0 ? 'NULL' : `0x${value.toString(16)}`;
}

function plainHex(value: number): string {
  return value === 0 ? '0' : `0x${value.toString(16)}`;
}

function bytesAt(t: Task, addr: number, length: number): string {
  const count = Math.min(length, STRING_LIMIT);
  const bytes = t.memory.readablePrefix(addr, count);
  if (addr === 0 || (bytes === null && count > 0)) return hex(addr);
  return quote((bytes ?? new Uint8Array(0)).slice()) + (length > STRING_LIMIT ? '...' : '');
}

function stringAt(t: Task, addr: number, limit: number): string {
  if (addr === 0) return 'NULL';
  const text = t.memory.cstring(addr, 4096);
  if (typeof text === 'number') return hex(addr);
  return quote(fromLatin1(text.slice(0, limit))) + (text.length > limit ? '...' : '');
}

function words(t: Task, addr: number, count: number): number[] | null {
  const out: number[] = [];
  for (let i = 0; i < count; i++) {
    const value = t.memory.word(addr + i * t.arch.wordSize, t.arch.wordSize);
    if (value === null) return null;
    out.push(value);
  }
  return out;
}

function strv(value: number, { t }: ArgContext): string {
  if (value === 0) return 'NULL';
  const parts: string[] = [];
  for (let addr = value; parts.length < 256; addr += t.arch.wordSize) {
    const pointer = t.memory.word(addr, t.arch.wordSize);
    if (pointer === null) return hex(value);
    if (pointer === 0) return `[${parts.join(', ')}]`;
    parts.push(stringAt(t, pointer, STRING_LIMIT));
  }
  return `[${parts.join(', ')}, ...]`;
}

function openFlags(value: number): string {
  const mode = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'][value & 3]!;
  const rest = value & ~3;
  return rest === 0 ? mode : `${mode}|${s.flagsOf(s.openBits, rest)}`;
}

function cloneFlags(value: number): string {
  const signal = value % 256;
  const flags = s.flagsOf(s.cloneBits, value - signal);
  if (signal === 0) return flags;
  return value === signal ? signalName(signal) : `${flags}|${signalName(signal)}`;
}

export function signalName(signal: number): string {
  if (signal >= 32 && signal <= 64) return signal === 32 ? 'SIGRTMIN' : `SIGRT_${signal - 32}`;
  return s.oneOf(s.signalNames, signal);
}

function sigset(value: number, { t }: ArgContext): string {
  if (value === 0) return 'NULL';
  const low = t.memory.u32(value);
  const high = t.memory.u32(value + 4);
  if (low === null || high === null) return hex(value);
  const list: string[] = [];
  for (let n = 1; n <= 64; n++) if ((((n <= 32 ? low : high) >>> ((n - 1) & 31)) & 1) !== 0) list.push(signalName(n).replace(/^SIG/, ''));
  if (list.length <= 32) return `[${list.join(' ')}]`;
  const all = Array.from({ length: 64 }, (_, i) => signalName(i + 1).replace(/^SIG/, ''));
  return `~[${all.filter((name) => !list.includes(name)).join(' ')}]`;
}

function sigaction(value: number, { t }: ArgContext): string {
  if (value === 0) return 'NULL';
  const layout = t.abi.sigaction;
  const bytes = t.memory.readable(value, layout.size);
  if (bytes === null) return hex(value);
  const view = layout.read(bytes) as Record<string, number>;
  const handler = view.sa_handler ?? view.handler ?? 0;
  const flags = view.sa_flags ?? view.flags ?? 0;
  const name = handler === 0 ? 'SIG_DFL' : handler === 1 ? 'SIG_IGN' : hex(handler);
  return `{sa_handler=${name}, sa_flags=${s.flagsOf(s.saFlags, flags)}}`;
}

function timespec(value: number, { t }: ArgContext): string {
  const pair = value === 0 ? null : words(t, value, 2);
  return pair === null ? hex(value) : `{tv_sec=${pair[0]}, tv_nsec=${pair[1]}}`;
}

function rlimit(value: number, { t }: ArgContext): string {
  const pair = value === 0 ? null : words(t, value, 2);
  if (pair === null) return hex(value);
  const infinity = t.arch.wordSize === 8 ? 2 ** 64 : 2 ** 32 - 1;
  const show = (limit: number): string => (limit >= infinity ? 'RLIM_INFINITY' : limit > 65536 && limit % 1024 === 0 ? `${limit / 1024}*1024` : `${limit}`);
  return `{rlim_cur=${show(pair[0]!)}, rlim_max=${show(pair[1]!)}}`;
}

function fdPair(value: number, { t }: ArgContext): string {
  const [first, second] = [t.memory.i32(value), t.memory.i32(value + 4)];
  return first === null || second === null ? hex(value) : `[${first}, ${second}]`;
}

export function waitStatus(status: number): string {
  const signal = status & 0x7f;
  if ((status & 0xff) === 0x7f) return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${signalName((status >> 8) & 0xff)}}`;
  if (status === 0xffff) return '{WIFCONTINUED(s)}';
  if (signal === 0) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${(status >> 8) & 0xff}}`;
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(signal)}${(status & 0x80) !== 0 ? ' && WCOREDUMP(s)' : ''}}`;
}

function waitStatusAt(value: number, { t, result }: ArgContext): string {
  const status = value === 0 || result <= 0 ? null : t.memory.u32(value);
  return status === null ? hex(value) : `[${waitStatus(status)}]`;
}

function iovec(value: number, { t, args, at }: ArgContext): string {
  const count = args[at + 1] ?? 0;
  const pairs = value === 0 || count > 64 ? null : words(t, value, count * 2);
  if (pairs === null) return hex(value);
  const parts: string[] = [];
  for (let i = 0; i < count; i++) parts.push(`{iov_base=${bytesAt(t, pairs[2 * i]!, pairs[2 * i + 1]!)}, iov_len=${pairs[2 * i + 1]}}`);
  return `[${parts.join(', ')}]`;
}

function pollfds(value: number, { t, args, at }: ArgContext): string {
  const count = args[at + 1] ?? 0;
  const bytes = value === 0 || count > 64 ? null : t.memory.readable(value, count * 8);
  if (bytes === null) return hex(value);
  const view = new DataView(bytes.slice().buffer);
  const parts: string[] = [];
  for (let i = 0; i < count; i++) parts.push(`{fd=${view.getInt32(i * 8, true)}, events=${s.flagsOf(s.pollBits, view.getUint16(i * 8 + 4, true))}}`);
  return `[${parts.join(', ')}]`;
}

function stat(value: number, { t }: ArgContext): string {
  const bytes = value === 0 ? null : t.memory.readable(value, t.abi.stat.size);
  if (bytes === null) return hex(value);
  const view = t.abi.stat.read(bytes) as unknown as Record<string, number>;
  const mode = view.st_mode ?? 0;
  const type = s.oneOf(s.modeTypes, mode & 0o170000);
  return `{st_mode=${type}|0${(mode & 0o7777).toString(8)}, st_size=${view.st_size ?? 0}, ...}`;
}

function sockaddr(value: number, { t, args, at }: ArgContext): string {
  const length = Math.min(args[at + 1] ?? 0, 110);
  const bytes = value === 0 ? null : t.memory.readablePrefix(value, length);
  if (bytes === null || bytes.length < 2) return hex(value);
  const family = bytes[0]! | (bytes[1]! << 8);
  const name = s.oneOf(s.domainNames, family);
  const port = (bytes[2]! << 8) | bytes[3]!;
  if (family === 1) {
    const path = latin1(bytes, 2);
    // An abstract name is shown with @ for its first 0.
    const shown = path.startsWith('\0') ? `@${quote(fromLatin1(path.slice(1)))}` : quote(fromLatin1(path.split('\0', 1)[0]!));
    return `{sa_family=${name}, sun_path=${shown}}`;
  }
  if (family === 2) return `{sa_family=${name}, sin_port=htons(${port}), sin_addr=inet_addr("${bytes.subarray(4, 8).join('.')}")}`;
  return `{sa_family=${name}, sa_data=${quote(bytes.slice(2, 16))}}`;
}

/** Type of a socket with its flags. */
function socketType(value: number): string {
  const flags = s.flagsOf(s.socketTypeBits, value & ~0xf);
  return s.oneOf(s.socketTypeNames, value & 0xf) + ((value & ~0xf) === 0 ? '' : `|${flags}`);
}

const decimal = (value: number): string => `${value}`;
const before = (show: ArgFormat['show']): ArgFormat => ({ after: false, show });
const after = (show: ArgFormat['show']): ArgFormat => ({ after: true, show: (value, c) => (c.result < 0 ? hex(value) : show(value, c)) });

export const argFormats: { readonly [K in ArgKind]?: ArgFormat } & { readonly [name: string]: ArgFormat } = {
  hex: before(plainHex),
  octal: before((value) => (value === 0 ? '0' : `0${value.toString(8)}`)),
  mode: before((value) => `0${value.toString(8)}`),
  dev: before((value) => `makedev(${hex((value >>> 8) & 0xfff)}, ${hex(value & 0xff)})`),
  ptr: before(hex),
  str: before((value, { t }) => stringAt(t, value, STRING_LIMIT)),
  path: before((value, { t }) => stringAt(t, value, 4096)),
  bufIn: before((value, { t, args, at }) => bytesAt(t, value, args[at + 1] ?? 0)),
  bufOut: after((value, { t, result }) => bytesAt(t, value, result)),
  strv: before(strv),
  iovec: before(iovec),
  dirfd: before((value) => (value === -100 ? 'AT_FDCWD' : `${value}`)),
  signal: before(signalName),
  clockid: before((value) => s.oneOf(s.clockNames, value)),
  openFlags: before(openFlags),
  atFlags: before((value) => s.flagsOf(s.atBits, value)),
  prot: before((value) => s.flagsOf(s.protBits, value)),
  mmapFlags: before((value) => s.flagsOf(s.mapBits, value)),
  cloneFlags: before(cloneFlags),
  waitFlags: before((value) => s.flagsOf(s.waitBits, value)),
  fcntlCmd: before((value) => s.oneOf(s.fcntlNames, value, plainHex(value))),
  ioctlCmd: before((value) => s.oneOf(s.ioctlNames, value, plainHex(value))),
  socketDomain: before((value) => s.oneOf(s.domainNames, value)),
  socketType: before(socketType),
  socketLevel: before((value) => s.oneOf(s.socketLevelNames, value)),
  msgFlags: before((value) => s.flagsOf(s.msgBits, value)),
  shutdownHow: before((value) => s.oneOf(s.shutdownNames, value)),
  whence: before((value) => s.oneOf(s.whenceNames, value)),
  accessMode: before((value) => (value === 0 ? 'F_OK' : ['', 'X_OK', 'W_OK', 'W_OK|X_OK', 'R_OK', 'R_OK|X_OK', 'R_OK|W_OK', 'R_OK|W_OK|X_OK'][value & 7]!)),
  sigHow: before((value) => s.oneOf(s.sigHowNames, value)),
  futexOp: before((value) => {
    const flags = `${(value & 128) !== 0 ? '_PRIVATE' : ''}${(value & 256) !== 0 ? '|FUTEX_CLOCK_REALTIME' : ''}`;
    return s.oneOf(s.futexNames, value & ~384) + flags;
  }),
  rlimit: before((value) => s.oneOf(s.rlimitNames, value)),
  statOut: after(stat),
  timespecIn: before(timespec),
  timespecOut: after(timespec),
  sigsetIn: before(sigset),
  sigsetOut: after(sigset),
  sigactionIn: before(sigaction),
  sigactionOut: after(sigaction),
  fdPairOut: after(fdPair),
  waitStatusOut: after(waitStatusAt),
  rlimitIn: before(rlimit),
  rlimitOut: after(rlimit),
  pollfds: before(pollfds),
  sockaddr: before(sockaddr),
};

export const plain: ArgFormat = before(decimal);
