import { EACCES, EINVAL, EPERM } from '../../abi/linux/errno.ts';
import { O_ACCMODE, O_RDONLY } from '../../abi/linux/openFlags.ts';
import type { Task } from '../../kernel/task/task.ts';
import { Cap, type Cred } from '../../vfs/cred.ts';
import { type IdExtent, type IdMap, NO_ID, type UserNamespace } from '../../vfs/userNamespace.ts';
import { InfoFile, type MakeNode } from './nodes.ts';

type MapName = 'uids' | 'gids' | 'projects';
const MAX_EXTENTS = 340;
const PAGE_SIZE = 4096;

/** The namespace whose ids stand on the right: the reader's, or its parent's for its own map. */
const lowerOf = (ns: UserNamespace, reader: UserNamespace): UserNamespace => (reader === ns && ns.parent !== null ? ns.parent : reader);

function mapText(ns: UserNamespace, name: MapName, reader: UserNamespace): string {
  const lower = lowerOf(ns, reader);
  const cell = (n: number): string => String(n).padStart(10);
  return ns[name].extents.map((e) => `${cell(e.inside)} ${cell(lower.parent === null ? e.kernel : lower[name].fromKernel(e.kernel))} ${cell(e.count)}\n`).join('');
}

/** The lines of a map as numbers [first inside, first outside, count], or null when it is none. */
function parse(text: string): [number, number, number][] | null {
  const lines = text.replace(/\n$/, '').split('\n');
  const rows: [number, number, number][] = [];
  for (const line of lines) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line);
    if (match === null) return null;
    const [inside, outside, count] = [Number(match[1]), Number(match[2]), Number(match[3])];
    if (inside >= NO_ID || outside >= NO_ID || count === 0 || inside + count > NO_ID || outside + count > NO_ID) return null;
    const overlaps = (first: number, row: [number, number, number], at: 0 | 1): boolean => first < row[at] + row[2] && row[at] < first + count;
    if (rows.some((row) => overlaps(inside, row, 0) || overlaps(outside, row, 1))) return null;
    rows.push([inside, outside, count]);
  }
  return rows.length > MAX_EXTENTS ? null : rows;
}

/** Whether the writer may have these ids stand for its own (new_idmap_permitted). */
function permitted(t: Task, opener: Cred, ns: UserNamespace, name: MapName, rows: readonly [number, number, number][]): boolean {
  const parent = ns.parent!;
  if (rows.length === 1 && rows[0]![2] === 1 && opener.euid === ns.owner) {
    if (name === 'uids' && parent.uidIn(rows[0]![1]) === opener.euid) return true;
    if (name === 'gids' && !ns.setgroups && parent.gidIn(rows[0]![1]) === opener.egid) return true;
  }
  if (name === 'projects') return true;
  const cap = name === 'uids' ? Cap.SETUID : Cap.SETGID;
  return t.cred.hasIn(cap, parent) && opener.hasIn(cap, parent);
}

/** One extent of the parent's ids in the kernel's; null: not all of them are known there, in one piece. */
function inKernel(parent: IdMap, [inside, outside, count]: readonly [number, number, number]): IdExtent | null {
  const first = parent.toKernel(outside), last = parent.toKernel(outside + count - 1);
  return first === NO_ID || last - first !== count - 1 ? null : { inside, kernel: first, count };
}

/** The one write that a map takes. */
function store(t: Task, ns: UserNamespace, name: MapName, text: string, pos: number, opener: Cred): number {
  if (ns.parent === null || (opener.userNs !== ns && opener.userNs !== ns.parent)) return -EPERM;
  if (pos !== 0 || text.length >= PAGE_SIZE) return -EINVAL;
  if (ns[name].extents.length > 0) return -EPERM;
  if (name !== 'projects' && !opener.hasIn(Cap.SYS_ADMIN, ns)) return -EPERM;
  const rows = parse(text);
  if (rows === null) return -EINVAL;
  if (!permitted(t, opener, ns, name, rows)) return -EPERM;
  const extents: IdExtent[] = [];
  for (const row of rows) {
    const extent = inKernel(ns.parent[name], row);
    if (extent === null) return -EPERM;
    extents.push(extent);
  }
  ns[name].extents = extents;
  return text.length;
}

/** /proc/PID/uid_map, gid_map, projid_map (user_namespaces(7)). */
export function mapFile(task: () => Task, name: MapName): MakeNode {
  return (fs, owner) => new InfoFile(
    fs, 0o644, owner,
    (_reader, opener) => mapText(task().cred.userNs, name, opener.userNs),
    (text, t, pos, opener) => store(t, task().cred.userNs, name, text, pos, opener),
  );
}

function storeSetgroups(ns: UserNamespace, text: string): number {
  const match = /^(allow|deny)\s*(\0.*)?$/s.exec(text);
  if (match === null || text.length > 8) return -EINVAL;
  if (match[1] === 'allow') return ns.setgroups ? text.length : -EPERM;
  if (ns.setgroups && ns.gids.extents.length > 0) return -EPERM;
  ns.setgroups = false;
  return text.length;
}

/** /proc/PID/setgroups. */
export function setgroupsFile(task: () => Task): MakeNode {
  return (fs, owner) => new InfoFile(
    fs, 0o644, owner, () => (task().cred.userNs.setgroups ? 'allow\n' : 'deny\n'),
    (text, _t, pos) => (pos !== 0 ? -EINVAL : storeSetgroups(task().cred.userNs, text)),
    (t, flags) => ((flags & O_ACCMODE) !== O_RDONLY && !t.cred.hasIn(Cap.SYS_ADMIN, task().cred.userNs) ? -EACCES : 0),
  );
}
