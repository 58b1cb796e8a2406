import { ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV } from '../abi/linux/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../abi/linux/fileMode.ts';
import { MS_NOSYMFOLLOW } from '../abi/linux/fs.ts';
import { type Dentry, pruneDentries } from './dentry.ts';
import type { FileSystem } from './fileSystem.ts';
import type { Inode } from './inode.ts';
import type { Mount } from './mount.ts';
import { Path, type PathContext } from './path.ts';
import { inodePermission, MAY_EXEC } from './permission.ts';

export const NAME_MAX = 255;
export const PATH_MAX = 4096;
const MAX_LINKS = 40;

/** How to walk. The low bits are ours, RESOLVE_* are those of openat2(2) shifted by 8. */
export const Walk = {
  none: 0,
  /** Follow a symbolic link in the last component. */
  follow: 1,
  /** The result must be a directory. */
  directory: 2,
  /** An empty path names the start itself (AT_EMPTY_PATH). */
  empty: 4,
  noXdev: 0x100,
  noMagicLinks: 0x200,
  noSymlinks: 0x400,
  beneath: 0x800,
  inRoot: 0x1000,
} as const;
export const RESOLVE_SHIFT = 8;
export const RESOLVE_ALL = 0x3f;

/** What the last component is, when a walk stops before it. */
export const Last = { normal: 0, dot: 1, dotdot: 2, root: 3 } as const;

/**
 * One walk through the tree, as path_resolution(7) and fs/namei.c say. `place` is where it has got to. Walks that create, remove
 * or rename stop at the parent: then `name` is the last component and `last` its kind, `slashes` tells of trailing slashes.
 */
export class Walker {
  readonly ctx: PathContext;
  private readonly flags: number;
  private readonly start: Path;
  private readonly root: Path;
  mount: Mount;
  dentry: Dentry;
  name = '';
  last: number = Last.normal;
  slashes = false;
  private links = 0;
  /** Rest of the path inside an unfinished symbolic link: what follows it, innermost last. */
  private readonly pending: string[] = [];

  /** `start` is the directory of an *at call, null for the working directory. */
  constructor(ctx: PathContext, start: Path | null, flags: number) {
    this.ctx = ctx;
    this.flags = flags;
    this.start = start ?? ctx.fs.cwd;
    this.root = (flags & Walk.inRoot) !== 0 ? this.start : ctx.fs.root;
    this.mount = this.start.mount;
    this.dentry = this.start.dentry;
  }

  get path(): Path {
    return this.mount === this.start.mount && this.dentry === this.start.dentry ? this.start : new Path(this.mount, this.dentry);
  }

  /** Walks all of `name`. 0 or -errno. */
  toEnd(name: string): number {
    if (name === '') return (this.flags & Walk.empty) !== 0 ? this.checkDirectory() : -ENOENT;
    const result = this.toParent(name);
    return result < 0 ? result : this.finish((this.flags & Walk.follow) !== 0);
  }

  /** Walks to the directory that holds the last component. 0 or -errno. */
  toParent(name: string): number {
    if (name === '') return -ENOENT;
    return this.run(name);
  }

  /** After toParent: takes the last component too. */
  finish(follow: boolean): number {
    for (;;) {
      let result = this.stepLast();
      if (result < 0) return result;
      if (this.dentry.inode === null) return -ENOENT;
      if ((follow || this.slashes) && this.dentry.inode.type === S_IFLNK) {
        result = this.enterLink(this.dentry.inode);
        if (result < 0) return result;
        if (result === 1) return this.checkDirectory();
        continue;
      }
      return this.checkDirectory();
    }
  }

  private checkDirectory(): number {
    const wants = this.slashes || (this.flags & Walk.directory) !== 0;
    return wants && this.dentry.inode!.type !== S_IFDIR ? -ENOTDIR : 0;
  }

  /** Steps into the last component without following it; the dentry may be negative then. */
  stepLast(): number {
    if (this.last === Last.normal) return this.stepDown(this.name);
    if (this.last === Last.dotdot) return this.stepUp();
    return 0;
  }

  /**
   * After stepLast() onto a symbolic link that is to be followed: walks its target up to the target's last component.
   * 0, or 1 when it was a magic link and the walk is already where it leads, or -errno.
   */
  followLast(link: Inode): number {
    return this.enterLink(link);
  }

  private run(text: string): number {
    let rest = text;
    let result = this.absolute(rest);
    if (result < 0) return result;
    for (;;) {
      let at = 0;
      while (rest.charCodeAt(at) === 47) at++;
      if (at === rest.length) {
        // Nothing but slashes: the root itself, or the end of a link's target.
        this.last = Last.root;
        this.name = '';
        this.slashes = this.slashes || at > 0;
        const next = this.pending.pop();
        if (next === undefined) return 0;
        rest = next;
        continue;
      }
      let end = rest.indexOf('/', at);
      if (end < 0) end = rest.length;
      const name = rest.slice(at, end);
      let after = end;
      while (rest.charCodeAt(after) === 47) after++;
      const isLast = after === rest.length;
      result = this.mayLookup();
      if (result < 0) return result;
      const kind = name === '.' ? Last.dot : name === '..' ? Last.dotdot : Last.normal;
      if (isLast && this.pending.length === 0) {
        this.last = kind;
        this.name = name;
        this.slashes = end < rest.length;
        return 0;
      }
      rest = isLast ? this.pending.pop()! : rest.slice(after);
      if (kind === Last.dot) continue;
      if (kind === Last.dotdot) {
        result = this.stepUp();
        if (result < 0) return result;
        continue;
      }
      const mount = this.mount;
      const dentry = this.dentry;
      result = this.stepDown(name);
      if (result < 0) return result;
      const inode = this.dentry.inode;
      if (inode === null) return -ENOENT;
      const type = inode.type;
      if (type === S_IFLNK) {
        this.mount = mount;
        this.dentry = dentry;
        const target = this.readLink(inode);
        if (typeof target === 'number') {
          if (target < 0) return target;
          if (this.dentry.inode!.type !== S_IFDIR) return -ENOTDIR;
          continue;
        }
        this.pending.push(rest);
        rest = target;
        result = this.absolute(rest);
        if (result < 0) return result;
      } else if (type !== S_IFDIR) {
        return -ENOTDIR;
      }
    }
  }

  /** A link met as the last component: run() its target up to the target's last component. 1 = a magic link was taken. */
  private enterLink(link: Inode): number {
    // The link's own directory: stepDown left us on the link.
    if (this.dentry.inode === link) this.dentry = this.dentry.parent;
    const slashes = this.slashes;
    const target = this.readLink(link);
    if (typeof target === 'number') return target < 0 ? target : 1;
    const result = this.run(target);
    this.slashes = this.slashes || slashes;
    return result;
  }

  /** The link's target; 1 after a jump through a magic link; -errno. */
  private readLink(link: Inode): string | number {
    if (++this.links > MAX_LINKS || (this.flags & Walk.noSymlinks) !== 0 || (this.mount.flags & MS_NOSYMFOLLOW) !== 0) return -ELOOP;
    const magic = link.followMagic(this.ctx);
    if (magic !== null) {
      if (typeof magic === 'number') return magic;
      if ((this.flags & Walk.noMagicLinks) !== 0) return -ELOOP;
      if ((this.flags & (Walk.beneath | Walk.inRoot)) !== 0) return -EXDEV;
      if ((this.flags & Walk.noXdev) !== 0 && magic.mount !== this.mount) return -EXDEV;
      this.mount = magic.mount;
      this.dentry = magic.dentry;
      return 1;
    }
    const target = link.readlink(this.ctx);
    return target === '' ? -ENOENT : target;
  }

  /** Goes to the root when `text` starts with a slash. */
  private absolute(text: string): number {
    if (text.charCodeAt(0) !== 47) return 0;
    if ((this.flags & Walk.beneath) !== 0) return -EXDEV;
    if ((this.flags & Walk.noXdev) !== 0 && this.root.mount !== this.mount) return -EXDEV;
    this.mount = this.root.mount;
    this.dentry = this.root.dentry;
    return 0;
  }

  private mayLookup(): number {
    const inode = this.dentry.inode!;
    const mode = inode.stat().mode;
    if ((mode & S_IFMT) !== S_IFDIR) return -ENOTDIR;
    if ((mode & 0o111) === 0o111) {
      const own = inode.permission(MAY_EXEC, this.ctx.cred);
      return own ?? 0;
    }
    return inodePermission(inode, MAY_EXEC, this.ctx.cred);
  }

  private stepUp(): number {
    let { mount, dentry } = this;
    for (;;) {
      if (dentry === this.root.dentry && mount === this.root.mount) {
        return (this.flags & Walk.beneath) !== 0 ? -EXDEV : 0;
      }
      if ((this.flags & Walk.beneath) !== 0 && dentry === this.start.dentry && mount === this.start.mount) return -EXDEV;
      if (dentry !== mount.root) {
        dentry = dentry.parent;
        break;
      }
      if (mount.parent === null || mount.mountPoint === null) break;
      if ((this.flags & Walk.noXdev) !== 0) return -EXDEV;
      dentry = mount.mountPoint;
      mount = mount.parent;
    }
    return this.arrive(mount, dentry);
  }

  private stepDown(name: string): number {
    const child = lookupChild(this.dentry, name, this.ctx);
    if (typeof child === 'number') return child;
    return this.arrive(this.mount, child);
  }

  /** Goes to a dentry and down into what is mounted there. */
  private arrive(mount: Mount, dentry: Dentry): number {
    for (let over = mount.mountedOn(dentry); over !== null; over = mount.mountedOn(dentry)) {
      if ((this.flags & Walk.noXdev) !== 0) return -EXDEV;
      mount = over;
      dentry = over.root;
    }
    this.mount = mount;
    this.dentry = dentry;
    return 0;
  }
}

/** The dentry of `name` in a directory, negative (inode null) when there is none; -errno when that cannot be told. */
export function lookupChild(dir: Dentry, name: string, ctx: PathContext): Dentry | number {
  const inode = dir.inode!;
  const fs = inode.fs;
  const known = dir.child(name);
  if (known !== undefined) {
    if (fs.nameCache === 'always') return known;
    if (fs.nameCache === 'revalidate' && fs.revalidate(inode, name, known.inode)) return known;
  }
  if (name.length > NAME_MAX) return -ENAMETOOLONG;
  const found = inode.lookup(name, ctx.cred);
  if (typeof found === 'number') {
    if (found !== -ENOENT) return found;
    if (known !== undefined && known.inode === null) return known;
    known?.unhash();
    countDentry(fs);
    const negative = dir.addChild(name, null);
    if (fs.nameCache === 'never') {
      dir.children!.delete(name);
    }
    return negative;
  }
  if (known !== undefined) {
    if (known.inode === found || known.mounts > 0) return known;
    known.unhash();
  }
  countDentry(fs);
  return dir.addChild(name, found);
}

/** Keeps the number of kept names in bounds: a program may look up any number of them. */
function countDentry(fs: FileSystem): void {
  if (++fs.dentries < fs.pruneAt) return;
  fs.dentries = pruneDentries(fs.root);
  fs.pruneAt = Math.max(100_000, fs.dentries * 2);
  fs.pruned();
}

/** The whole of `name`, or -errno. `start` null = the working directory. */
export function walkPath(ctx: PathContext, start: Path | null, name: string, flags: number): Path | number {
  const walker = new Walker(ctx, start, flags);
  const result = walker.toEnd(name);
  return result < 0 ? result : walker.path;
}

/** -EACCES unless `path` may be searched: chdir's and chroot's test. */
export function maySearch(path: Path, ctx: PathContext): number {
  return inodePermission(path.inode, MAY_EXEC, ctx.cred);
}
