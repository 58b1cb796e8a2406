/** From flags (bytes, host-node/ownWords.ts) and the host's surroundings to what boot needs. */
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { getPriority, hostname, release } from 'node:os';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { type MountOption, type RunOptions, StartError } from '../boot/options.ts';
import { bytesOf, ownDirectory, ownEnvironment, ownGroups, textOf } from '../host-node/ownWords.ts';
import type { FlagValue } from './flags.ts';

const WINDOWS = process.platform === 'win32';
const LINUX = process.platform === 'linux';
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function wrong(message: string): StartError {
  return new StartError(125, message);
}

/** Values are bytes, as the program shall see them; paths of the host are wanted as text. */
class Flags {
  readonly values: Map<string, FlagValue>;
  constructor(values: Map<string, FlagValue>) {
    this.values = values;
  }
  bytes(name: string): string | null {
    return (this.values.get(name) as string | undefined) ?? null;
  }
  text(name: string): string | null {
    const bytes = this.bytes(name);
    return bytes === null ? null : textOf(bytes);
  }
  list(name: string): string[] {
    return (this.values.get(name) as string[] | undefined) ?? [];
  }
  on(name: string): boolean {
    return this.values.get(name) === true;
  }
}

/** HOST:GUEST[:ro|:rw]; a Windows drive letter belongs to HOST. */
export function parseVolume(spec: string): MountOption {
  const match = /^((?:[A-Za-z]:[\\/])?[^:]*):([^:]+)(?::([^:]*))?$/.exec(spec);
  if (match === null) throw wrong(`invalid volume "${spec}": HOST:GUEST[:ro] expected`);
  const [, hostBytes, guest, mode] = match;
  const host = textOf(hostBytes!);
  if (host === '' || !guest!.startsWith('/')) throw wrong(`invalid volume "${spec}": GUEST must be an absolute path`);
  const words = (mode ?? '').split(',').filter((word) => word !== '');
  for (const word of words) if (!['ro', 'rw', 'z', 'Z'].includes(word)) throw wrong(`invalid volume "${spec}": unknown option "${word}"`);
  // As docker: a missing directory is made, a bare word would be the name of a volume.
  if (!existsSync(host)) {
    if (!/^(?:\.{0,2}[\\/]|[A-Za-z]:[\\/])/.test(host)) throw wrong(`invalid volume "${spec}": HOST must be a path (./${host} for a directory here)`);
    try {
      mkdirSync(host, { recursive: true });
    } catch (error) {
      throw wrong(`${host}: cannot be made: ${(error as Error).message}`);
    }
  }
  return bind(host, guest!, words.includes('ro'));
}

function bind(host: string, guest: string, readOnly: boolean): MountOption {
  const path = resolve(host);
  if (!existsSync(path)) throw wrong(`${host}: no such file or directory`);
  return { kind: 'bind', host: realpathSync(path), guest, readOnly };
}

export function parseMount(spec: string): MountOption {
  const fields = new Map(spec.split(',').map((part) => [part.split('=', 1)[0]!, part.includes('=') ? part.slice(part.indexOf('=') + 1) : 'true']));
  const pick = (...names: string[]): string | undefined => names.map((name) => fields.get(name)).find((value) => value !== undefined);
  const guest = pick('dst', 'destination', 'target');
  if (guest === undefined || !guest.startsWith('/')) throw wrong(`invalid mount "${spec}": dst=/PATH is missing`);
  const type = fields.get('type') ?? 'bind';
  if (type === 'tmpfs') return { kind: 'tmpfs', guest };
  const host = pick('src', 'source');
  if (type !== 'bind') throw wrong(`invalid mount "${spec}": type bind or tmpfs expected`);
  if (host === undefined) throw wrong(`invalid mount "${spec}": src=HOST is missing`);
  return bind(textOf(host), guest, ['true', '1'].includes(pick('readonly', 'ro') ?? 'false'));
}

function networkOf(value: string | null): RunOptions['network'] {
  if (value === null || value === 'host') return 'host';
  if (value === 'none') return 'none';
  throw wrong(`invalid network "${value}": host or none expected`);
}

/** [IP:]HOSTPORT:PORT[/tcp]; an IPv6 address in brackets. */
export function parsePublish(spec: string): RunOptions['published'][number] {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[0-9.]+):)?(\d+):(\d+)(?:\/(\w+))?$/.exec(spec);
  if (match === null) throw wrong(`invalid port "${spec}": [IP:]HOSTPORT:PORT expected`);
  if (match[4] !== undefined && match[4] !== 'tcp') throw wrong(`invalid port "${spec}": only tcp can be published`);
  const [hostPort, port] = [Number(match[2]), Number(match[3])];
  if (hostPort > 65535 || port > 65535 || port === 0) throw wrong(`invalid port "${spec}": ports are 1 to 65535`);
  return { host: { ip: (match[1] ?? '0.0.0.0').replace(/[[\]]/g, ''), port: hostPort }, port };
}

function readEnvFile(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(textOf(path), 'latin1');
  } catch {
    throw wrong(`${path}: cannot be read`);
  }
  const lines = text.split(/\r?\n/).map((line) => line.trimStart());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

function environment(flags: Flags): string[] {
  const env = new Map<string, string>();
  const own = ownEnvironment();
  const hostValue = (name: string): string | undefined => own.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  if (WINDOWS) {
    // Windows' variables mean nothing to a Linux program, and its PATH is of another world.
    env.set('PATH', DEFAULT_PATH).set('HOME', '/root').set('TERM', 'xterm-256color');
  } else {
    for (const word of own) {
      const equals = word.indexOf('=', 1);
      if (equals > 0) env.set(word.slice(0, equals), word.slice(equals + 1));
    }
  }
  for (const name of flags.list('unset').flatMap((list) => list.split(','))) env.delete(name);
  const words = [
    ...flags.list('env-file').flatMap(readEnvFile),
    ...flags.list('set-env').flatMap((list) => list.split(',')),
    ...flags.list('env'),
  ];
  for (const word of words) {
    const equals = word.indexOf('=');
    if (word === '' || equals === 0) throw wrong(`invalid environment variable: ${word}`);
    const name = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? hostValue(name) : word.slice(equals + 1);
    if (value !== undefined) env.set(name, value);
  }
  return [...env].map(([name, value]) => `${name}=${value}`);
}

/** `uid[:gid]` by number, or by the names in the root's passwd and group. */
function user(spec: string | null, root: string | null): { uid: number; gid: number; groups: number[] } {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, groups: ownGroups() };
  if (spec === null || spec === '') return own;
  const rows = (file: string): string[][] => {
    try {
      return readFileSync(`${root ?? ''}/etc/${file}`, 'latin1').split('\n').map((line) => line.split(':'));
    } catch {
      return [];
    }
  };
  const [name, group] = spec.split(':', 2) as [string, string?];
  const isNumber = (text: string): boolean => /^\d+$/.test(text) && Number(text) < 0xffffffff;
  const passwd = rows('passwd').find((row) => (isNumber(name) ? row[2] === name : row[0] === name));
  if (!isNumber(name) && passwd === undefined) throw new StartError(126, `unable to find user ${name}: no matching entries in passwd file`);
  const uid = isNumber(name) ? Number(name) : Number(passwd![2]);
  let gid = Number(passwd?.[3] ?? 0);
  if (group !== undefined) {
    const row = rows('group').find((line) => line[0] === group);
    if (!isNumber(group) && row === undefined) throw new StartError(126, `unable to find group ${group}: no matching entries in group file`);
    gid = isNumber(group) ? Number(group) : Number(row![2]);
  }
  return { uid, gid, groups: [gid] };
}

function parseSize(text: string | null, otherwise: number): number {
  if (text === null) return otherwise;
  const match = /^(\d+)([kKmMgG]?)[bB]?$/.exec(text);
  if (match === null) throw wrong(`invalid size "${text}"`);
  return Number(match[1]) * { '': 1, k: 1024, m: 1 << 20, g: 1 << 30 }[match[2]!.toLowerCase() as '' | 'k' | 'm' | 'g'];
}

/** Guest name of a host path when the host's drives are shown as /mnt/c, as WSL does. */
function driveName(path: string): string {
  return path.replace(/^([A-Za-z]):/, (_, letter: string) => `/mnt/${letter.toLowerCase()}`).replaceAll('\\', '/');
}

function rootOf(flags: Flags): string | null {
  const root = flags.text('root');
  if (root === null) return LINUX ? '/' : null;
  if (root === '') throw wrong('--root: no directory given');
  const path = resolve(root);
  try {
    if (!statSync(path).isDirectory()) throw wrong(`${root}: not a directory`);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw wrong(`${root}: no such directory`);
  }
  return realpathSync(path);
}

/** Where the program starts when nobody says: the same directory as outside, if the guest has it. */
function startDirectory(root: string | null): string {
  if (root === null) return bytesOf(driveName(process.cwd()));
  const inside = relative(bytesOf(root), ownDirectory());
  return inside.startsWith('..') || isAbsolute(inside) ? '/' : `/${inside.split(sep).join('/')}`;
}

function shellOf(root: string | null): string {
  const candidates = [LINUX && root === '/' ? process.env.SHELL : undefined, '/bin/bash', '/bin/sh', '/bin/busybox'];
  const found = candidates.find((path) => path !== undefined && existsSync(`${root ?? ''}${path}`));
  if (found === undefined) throw wrong(root === null ? 'no PROGRAM given, and no root file system to take a shell from (--root DIR)' : `no shell in ${root}`);
  return found;
}

export function runOptions(values: Map<string, FlagValue>, rest: readonly string[], observe: RunOptions['observe']): RunOptions {
  const flags = new Flags(values);
  const root = rootOf(flags);
  const mounts = [...flags.list('volume').map(parseVolume), ...flags.list('mount').map(parseMount)];
  let program = rest[0] ?? bytesOf(shellOf(root));
  if (root === null) {
    // No Linux here: the drive we are on is the world the user knows.
    const drive = resolve(process.cwd(), '/');
    mounts.unshift({ kind: 'bind', host: drive, guest: bytesOf(driveName(drive)).replace(/\/$/, '') || '/mnt/host', readOnly: false });
    if (WINDOWS && existsSync(textOf(program))) program = bytesOf(driveName(resolve(textOf(program))));
  }
  if (program === '') throw new StartError(127, "'': command not found");
  const workdir = flags.bytes('workdir');
  if (workdir !== null && !workdir.startsWith('/')) throw wrong(`the working directory "${workdir}" is not an absolute path`);
  return {
    program,
    argv: [flags.bytes('argv0') ?? rest[0] ?? program, ...rest.slice(1)],
    env: environment(flags),
    root,
    persist: flags.on('persist'),
    mounts,
    cwd: workdir ?? startDirectory(root),
    makeCwd: workdir !== null,
    ...user(flags.text('user'), root),
    hostname: flags.bytes('hostname') ?? bytesOf(hostname()),
    release: flags.text('uname') ?? (LINUX ? release() : '6.1.0-tuxlate'),
    stackLimit: parseSize(flags.text('stack'), 8 << 20),
    // Windows has neither.
    umask: WINDOWS ? 0o022 : process.umask(),
    nice: WINDOWS ? 0 : getPriority(),
    network: networkOf(flags.text('network')),
    published: flags.list('publish').map(parsePublish),
    observe,
  };
}
