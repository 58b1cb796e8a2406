/** How mounting and unmounting is heard of elsewhere (mount_namespaces(7), Linux's pnode.c). */
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_SHARED, MS_SLAVE, MS_UNBINDABLE } from '../abi/linux/fs.ts';
import type { Dentry } from './dentry.ts';
import { Mount } from './mount.ts';

const usedIds = new Set<number>();

/** Mounts below which the same is mounted and unmounted; `slaves` hear of it, without telling. It goes with its last member. */
export class PeerGroup {
  readonly id: number;
  readonly members = new Set<Mount>();
  readonly slaves = new Set<Mount>();

  constructor() {
    let id = 1;
    while (usedIds.has(id)) id++;
    usedIds.add(id);
    this.id = id;
  }
  /** The group that this one hears of: all members have the same master. */
  get master(): PeerGroup | null {
    for (const member of this.members) return member.master;
    return null;
  }
}

function join(mount: Mount, group: PeerGroup | null): void {
  mount.group = group;
  group?.members.add(mount);
}

function follow(mount: Mount, master: PeerGroup | null): void {
  mount.master?.slaves.delete(mount);
  mount.master = master;
  master?.slaves.add(mount);
}

function makeShared(mount: Mount): void {
  if (mount.group === null) join(mount, new PeerGroup());
  mount.unbindable = false;
}

/** Out of its group: a slave of it, or of what it was a slave of when nobody else is left in it. */
function makeSlave(mount: Mount): void {
  const { group } = mount;
  if (group === null) return;
  group.members.delete(mount);
  mount.group = null;
  if (group.members.size > 0) return follow(mount, group);
  for (const slave of [...group.slaves]) follow(slave, mount.master);
  usedIds.delete(group.id);
}

/** It hears of nothing any more, and tells nothing: also the end of every mount. */
export function makePrivate(mount: Mount): void {
  makeSlave(mount);
  follow(mount, null);
}

/** mount(2) with one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE. */
export function setPropagation(mount: Mount, type: number): void {
  if (type === MS_SHARED) makeShared(mount);
  else if (type === MS_SLAVE) makeSlave(mount);
  else if (type === MS_PRIVATE || type === MS_UNBINDABLE) {
    makePrivate(mount);
    mount.unbindable = type === MS_UNBINDABLE;
  }
}

const LOCKABLE = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

/** A mount as less privileged ones get it: they may not clear its flags, nor (`whole`) look under it. */
export function lock(mount: Mount, whole: boolean): void {
  mount.locked = whole;
  mount.lockedFlags = mount.flags & LOCKABLE;
  mount.atimeLocked = true;
}

/** `mount` and all below it, parents first. */
export function treeOf(mount: Mount): Mount[] {
  return [mount, ...mount.children.flatMap(treeOf)];
}

/** Another mount of the same, as a bind is: a peer of the first if that is shared (or its slave), and a slave of what that is a slave of. */
export function copyMount(from: Mount, root: Dentry, asSlave = false): Mount {
  const copy = new Mount(from.fs, root, from.source, from.flags);
  copy.lockedFlags = from.lockedFlags;
  copy.atimeLocked = from.atimeLocked;
  if (asSlave && from.group !== null) follow(copy, from.group);
  else {
    join(copy, from.group);
    follow(copy, from.master);
  }
  return copy;
}

/** A copy of what is seen from `root` of a mount on, with what is mounted there; not of what may not be bound. */
export function copyTree(from: Mount, root: Dentry, asSlave = false): Mount {
  const copy = copyMount(from, root, asSlave);
  for (const child of from.children) {
    if (child.unbindable || !child.mountPoint!.isWithin(root)) continue;
    const below = copyTree(child, child.root, asSlave);
    below.locked = child.locked;
    below.attach(copy, child.mountPoint!);
  }
  return copy;
}

/** A place at which a copy of what is mounted appears. */
interface Landing {
  readonly parent: Mount;
  readonly tree: Mount;
}

/** Copies of `tree` for the slaves of a group; those that are shared among themselves get copies that are. */
function spreadToSlaves(group: PeerGroup, tree: Mount, at: Dentry, out: Landing[]): void {
  const seen = new Set<PeerGroup>();
  for (const slave of group.slaves) {
    if (slave.group === null) {
      if (at.isWithin(slave.root)) out.push({ parent: slave, tree: copyTree(tree, tree.root, true) });
      continue;
    }
    if (seen.has(slave.group)) continue;
    seen.add(slave.group);
    let own: Mount | null = null;
    for (const peer of slave.group.members) {
      if (!at.isWithin(peer.root)) continue;
      const copy: Mount = copyTree(own ?? tree, tree.root, own === null);
      if (own === null) for (const mount of treeOf(copy)) makeShared(mount);
      own ??= copy;
      out.push({ parent: peer, tree: copy });
    }
    spreadToSlaves(slave.group, own ?? tree, at, out);
  }
}

/** Mounts a tree; where its parent is shared it becomes so, and appears at all who hear of that. */
export function mountTree(tree: Mount, parent: Mount, at: Dentry): void {
  const { group } = parent, landings: Landing[] = [];
  if (group !== null) {
    for (const mount of treeOf(tree)) makeShared(mount);
    for (const peer of group.members) if (peer !== parent && at.isWithin(peer.root)) landings.push({ parent: peer, tree: copyTree(tree, tree.root) });
    spreadToSlaves(group, tree, at, landings);
  }
  tree.attach(parent, at);
  for (const { parent: target, tree: copy } of landings) {
    if (target.top.owner !== parent.top.owner) for (const mount of treeOf(copy)) lock(mount, mount !== copy);
    // What is there already stays on top.
    const over = target.mountedOn(at);
    copy.attach(target, at);
    over?.detach();
    over?.attach(copy, copy.root);
  }
}

/** All mounts at which the same is mounted as at `mount`, but itself. */
function hearers(mount: Mount): Mount[] {
  const out = new Set<Mount>();
  const visit = (group: PeerGroup): void => {
    for (const peer of group.members) out.add(peer);
    for (const slave of group.slaves) {
      if (out.has(slave)) continue;
      out.add(slave);
      if (slave.group !== null) visit(slave.group);
    }
  };
  if (mount.group !== null) visit(mount.group);
  out.delete(mount);
  return [...out];
}

/** What was mounted elsewhere together with `mount`. */
export function twinsOf(mount: Mount): Mount[] {
  const { parent, mountPoint } = mount;
  if (parent === null || mountPoint === null) return [];
  return hearers(parent).flatMap((target) => target.children.filter((child) => child.mountPoint === mountPoint).slice(0, 1));
}

function drop(mount: Mount): void {
  const { parent, mountPoint } = mount, over = mount.mountedOn(mount.root);
  mount.detach();
  if (over !== null && parent !== null && mountPoint !== null) {
    over.detach();
    over.attach(parent, mountPoint);
  }
  makePrivate(mount);
}

/** Unmounts a mount with all below it; what was mounted elsewhere together with these goes, too, unless something else is mounted there. */
export function unmountTree(mount: Mount): void {
  for (const one of treeOf(mount).reverse()) {
    for (const twin of twinsOf(one)) if (!twin.locked && twin.children.every((child) => child.mountPoint === twin.root)) drop(twin);
    one.detach();
    makePrivate(one);
  }
}
