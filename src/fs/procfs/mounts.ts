import type { Task } from '../../kernel/task/task.ts';
import { MS_NOATIME, MS_NODEV, MS_NODIRATIME, MS_NOEXEC, MS_NOSUID, MS_NOSYMFOLLOW, MS_RDONLY } from '../../abi/linux/fs.ts';
import type { Mount } from '../../vfs/mount.ts';
import { Path, pathName, UNREACHABLE } from '../../vfs/path.ts';
import type { PeerGroup } from '../../vfs/propagation.ts';
import { majorOf, minorOf } from '../../vfs/stat.ts';
import { escapePath } from './format.ts';

/** The mounts that `t` can see, in the order in which they were made, with the name each has from its root. */
function visible(t: Task): { mount: Mount; place: string }[] {
  let top = t.fs.root.mount;
  while (top.parent !== null) top = top.parent;
  const out: { mount: Mount; place: string }[] = [];
  const visit = (mount: Mount): void => {
    const place = pathName(new Path(mount, mount.root), t.fs.root, UNREACHABLE);
    if (!place.startsWith(UNREACHABLE)) out.push({ mount, place });
    mount.children.forEach(visit);
  };
  visit(top);
  return out.sort((a, b) => a.mount.id - b.mount.id);
}

/** What of its file system a mount shows. */
function rootOf(mount: Mount): string {
  let name = '';
  for (let at = mount.root; !at.isRoot; at = at.parent) name = `/${at.name}${name}`;
  return name === '' ? '/' : name + (mount.root.unhashed ? '//deleted' : '');
}

function mountOptions(mount: Mount): string {
  const { flags } = mount;
  const has = (bit: number, name: string): string => ((flags & bit) !== 0 ? `,${name}` : '');
  const atime = (flags & MS_NOATIME) !== 0 ? ',noatime' : ',relatime';
  return ((flags & MS_RDONLY) !== 0 ? 'ro' : 'rw') + has(MS_NOSUID, 'nosuid') + has(MS_NODEV, 'nodev') + has(MS_NOEXEC, 'noexec') + atime + has(MS_NODIRATIME, 'nodiratime') + has(MS_NOSYMFOLLOW, 'nosymfollow');
}
const superOptions = (mount: Mount): string => (mount.fs.readOnly ? 'ro' : 'rw') + mount.fs.optionsText();

export function mountsText(t: Task): string {
  return visible(t).map(({ mount, place }) => {
    const options = mount.readOnly && (mount.flags & MS_RDONLY) === 0 ? mountOptions(mount).replace(/^rw/, 'ro') : mountOptions(mount);
    return `${escapePath(mount.source || 'none', ' \t\n\\#')} ${escapePath(place)} ${mount.fs.typeName} ${options}${mount.fs.optionsText()} 0 0\n`;
  }).join('');
}

/** Whether one gets from the mount up to `root`. */
function isUnder(mount: Mount, root: Path): boolean {
  for (let at: Mount | null = mount; at !== null; at = at.parent) if (at === root.mount) return true;
  return false;
}

/** The optional fields: what it is a peer and a slave of, and what of that can be seen from `root`. */
function propagation({ group, master, unbindable }: Mount, root: Path): string {
  let out = group === null ? '' : ` shared:${group.id}`;
  if (master !== null) {
    out += ` master:${master.id}`;
    let from: PeerGroup | null = master;
    while (from !== null && ![...from.members].some((peer) => isUnder(peer, root))) from = from.master;
    if (from !== null && from !== master) out += ` propagate_from:${from.id}`;
  }
  return unbindable ? `${out} unbindable` : out;
}

export function mountinfoText(t: Task): string {
  return visible(t).map(({ mount, place }) => {
    const { dev } = mount.fs;
    return `${mount.id} ${mount.parent?.id ?? 0} ${majorOf(dev)}:${minorOf(dev)} ${escapePath(rootOf(mount))} ${escapePath(place)} ${mountOptions(mount)}${propagation(mount, t.fs.root)} - ` +
      `${mount.fs.typeName} ${escapePath(mount.source || 'none', ' \t\n\\#')} ${superOptions(mount)}\n`;
  }).join('');
}

export function mountstatsText(t: Task): string {
  return visible(t).map(({ mount, place }) => `device ${mount.source || 'none'} mounted on ${escapePath(place)} with fstype ${mount.fs.typeName}\n`).join('');
}
