import { EEXIST, EINVAL, ENOENT, ENOTEMPTY, EROFS } from '../../abi/linux/errno.ts';
import { DT, S_IFDIR, S_IFMT, S_IFREG } from '../../abi/linux/fileMode.ts';
import { O_CREAT, O_EXCL, O_RDWR } from '../../abi/linux/openFlags.ts';
import type { HostStat } from '../../host/hostFiles.ts';
import type { DirEntry, Inode, NewInode } from '../../vfs/inode.ts';
import { RENAME_EXCHANGE, RENAME_WHITEOUT } from '../../vfs/namespace.ts';
import { HostInode, HostRegular } from './hostInode.ts';
import { PhantomInode, PhantomLink } from './phantom.ts';

/** The host tells no number of an entry: it is looked up when it is wanted, for few entries at a time. 0: it has gone. */
class HostEntry implements DirEntry {
  readonly name: string;
  private readonly dir: HostDir;
  private readonly known: number;
  constructor(dir: HostDir, name: string, known: number) {
    this.dir = dir;
    this.name = name;
    this.known = known;
  }
  get ino(): number {
    const inode = this.dir.lookup(this.name);
    return typeof inode === 'number' ? 0 : inode.stat().ino;
  }
  get type(): number {
    if (this.known !== DT.UNKNOWN) return this.known;
    const inode = this.dir.lookup(this.name);
    return typeof inode === 'number' ? DT.UNKNOWN : inode.type >>> 12;
  }
}

/** A directory changed less than this ago may change again without its time stamp showing it. */
const STAMP_GRAIN_MS = 2000;

export class HostDir extends HostInode {
  /** Objects of the entries seen so far: the same file keeps its object. */
  private readonly children = new Map<string, HostInode>();
  /** Names known not to be there, as long as the directory's time stamps stay. */
  private readonly missing = new Set<string>();
  private stamp = '';
  /** Fifos, sockets and devices the guest made: Node cannot make them on the host, so they live as long as we do. */
  private phantoms: Map<string, Inode> | null = null;
  /** Names in the listing, on hosts whose look-up ignores case. */
  private exactNames: Set<string> | null = null;

  override update(stat: HostStat): void {
    super.update(stat);
    const stamp = `${stat.mtimeSec}.${stat.mtimeNsec}:${stat.ctimeSec}.${stat.ctimeNsec}`;
    const { sec, nsec } = this.hostfs.env.now();
    const ageMs = (sec - stat.mtimeSec) * 1000 + (nsec - stat.mtimeNsec) / 1e6;
    if (stamp === this.stamp && ageMs > STAMP_GRAIN_MS) return;
    this.stamp = stamp;
    this.missing?.clear();
    this.exactNames = null;
  }

  /** Whether a name that the VFS keeps is still right. */
  stillTrue(name: string, inode: Inode | null): boolean {
    if (inode === null) {
      if (!this.fresh) this.refresh();
      return this.missing.has(name);
    }
    if (!(inode instanceof HostInode)) return true;
    // Reached by another name that has gone: look-up puts it here.
    if (inode.unlinked) return false;
    if (inode.fresh) return true;
    const stat = this.hostfs.host.lstat(this.at(name));
    if (typeof stat !== 'number' && inode.is(stat)) {
      inode.update(stat);
      return true;
    }
    this.children.delete(name);
    return false;
  }

  /** Forgets the objects of files that nobody uses; the directories below, for the caller to go on with. */
  prune(): HostDir[] {
    const below: HostDir[] = [];
    for (const [name, child] of this.children) {
      if (child instanceof HostDir) below.push(child);
      else if (!child.inUse) {
        if (child instanceof HostRegular) this.hostfs.fds.close(child);
        this.children.delete(name);
      }
    }
    this.missing.clear();
    return below;
  }

  private at(name: string): string {
    const { path } = this;
    return path.endsWith('/') ? path + name : `${path}/${name}`;
  }

  override lookup(name: string): Inode | number {
    const phantom = this.phantoms?.get(name);
    if (phantom !== undefined) return phantom;
    const known = this.children.get(name);
    if (known?.fresh) {
      if (known.unlinked) known.placed(this, name);
      return known;
    }
    if (!this.hostfs.host.caseSensitive && !this.hasExactly(name)) return this.notThere(name);
    const stat = this.hostfs.host.lstat(this.at(name));
    if (typeof stat === 'number') {
      this.children.delete(name);
      return stat === -ENOENT ? this.notThere(name) : stat;
    }
    return this.found(name, stat);
  }

  private notThere(name: string): number {
    this.missing.add(name);
    return -ENOENT;
  }

  private hasExactly(name: string): boolean {
    if (!this.fresh) this.refresh();
    if (this.exactNames === null) {
      const list = this.hostfs.host.list(this.path);
      if (typeof list === 'number') return true;
      this.exactNames = new Set(list.map((entry) => entry.name));
    }
    return this.exactNames.has(name);
  }

  /** The object for what lstat told of `name`. */
  private found(name: string, stat: HostStat): HostInode {
    const known = this.children.get(name);
    if (known?.is(stat)) {
      known.update(stat);
      if (known.unlinked) known.placed(this, name);
      return known;
    }
    const inode = this.hostfs.adopt(this, name, stat);
    this.children.set(name, inode);
    return inode;
  }

  override list(): DirEntry[] | number {
    const list = this.hostfs.host.list(this.path);
    if (typeof list === 'number') return list;
    const out: DirEntry[] = list.map(({ name, type }) => new HostEntry(this, name, this.hostfs.host.unix ? type : DT.UNKNOWN));
    if (this.phantoms !== null) for (const [name, inode] of this.phantoms) out.push({ name, ino: inode.stat().ino, type: inode.type >>> 12 });
    return out;
  }

  // ---- changes ----

  /** After something was made at `name`: its object, with the owner and mode asked for. */
  private made(name: string, init: NewInode): Inode | number {
    this.missing.delete(name);
    this.exactNames = null;
    const stat = this.hostfs.host.lstat(this.at(name));
    if (typeof stat === 'number') return stat;
    this.children.delete(name);
    const inode = this.found(name, stat);
    this.applyOwner(inode, stat, init);
    this.refresh();
    return inode;
  }

  private applyOwner(inode: HostInode, stat: HostStat, init: NewInode): void {
    const { host } = this.hostfs;
    if (!host.unix) {
      inode.keepModes(init.mode, init.uid, init.gid);
      return;
    }
    if (stat.uid !== init.uid || stat.gid !== init.gid) host.chown(inode.path, init.uid, init.gid);
    if ((init.mode & S_IFMT) !== 0o120000 && (stat.mode & 0o7777) !== (init.mode & 0o7777)) host.chmod(inode.path, init.mode & 0o7777);
    inode.refresh();
  }

  /** -EROFS, or -EEXIST where the host takes another spelling for the same name. */
  private mayMake(name: string): number {
    if (this.hostfs.readOnly) return -EROFS;
    return !this.hostfs.host.caseSensitive && typeof this.hostfs.host.lstat(this.at(name)) !== 'number' ? -EEXIST : 0;
  }

  override mknod(name: string, init: NewInode): Inode | number {
    const allowed = this.mayMake(name);
    if (allowed < 0) return allowed;
    if ((init.mode & S_IFMT) !== S_IFREG) {
      return this.addPhantom(name, new PhantomInode(this.hostfs, init));
    }
    const { host } = this.hostfs;
    const fd = host.open(this.at(name), O_CREAT | O_EXCL | O_RDWR, init.mode & 0o777);
    if (fd < 0) return fd;
    host.close(fd);
    return this.made(name, init);
  }

  private addPhantom(name: string, inode: PhantomInode): Inode {
    (this.phantoms ??= new Map()).set(name, inode);
    this.missing.delete(name);
    return inode;
  }

  override mkdir(name: string, init: NewInode): Inode | number {
    const allowed = this.mayMake(name);
    if (allowed < 0) return allowed;
    const result = this.hostfs.host.mkdir(this.at(name), init.mode & 0o777);
    return result < 0 ? result : this.made(name, init);
  }

  override symlink(name: string, target: string, init: NewInode): Inode | number {
    const allowed = this.mayMake(name);
    if (allowed < 0) return allowed;
    const result = this.hostfs.host.symlink(target, this.at(name));
    const made = result < 0 ? result : this.made(name, init);
    // Windows makes links only for the privileged: this one lives as long as we do.
    return this.hostfs.host.unix || typeof made !== 'number' ? made : this.addPhantom(name, new PhantomLink(this.hostfs, init, target));
  }

  override link(name: string, inode: Inode): number {
    const allowed = this.mayMake(name);
    if (allowed < 0) return allowed;
    if (!(inode instanceof HostInode)) return -EINVAL;
    const result = this.hostfs.host.link(inode.path, this.at(name));
    if (result < 0) return result;
    this.missing.delete(name);
    this.exactNames = null;
    this.children.set(name, inode);
    this.hostfs.rememberLinked(inode);
    inode.refresh();
    this.refresh();
    return 0;
  }

  override unlink(name: string, inode: Inode): number {
    if (this.phantoms?.delete(name)) return 0;
    if (this.hostfs.readOnly) return -EROFS;
    if (!(inode instanceof HostInode)) return -EINVAL;
    const last = this.beforeNameGoes(inode);
    const result = this.hostfs.host.unlink(this.at(name));
    if (result < 0) return result;
    this.nameGone(name, inode, last);
    return 0;
  }

  override rmdir(name: string, inode: Inode): number {
    if (this.hostfs.readOnly) return -EROFS;
    if (inode instanceof HostDir && inode.phantoms !== null && inode.phantoms.size > 0) return -ENOTEMPTY;
    const result = this.hostfs.host.rmdir(this.at(name));
    if (result < 0) return result;
    this.nameGone(name, inode as HostInode, true);
    return 0;
  }

  /** Whether it is the last name of `inode`; who has the file open keeps it then. */
  private beforeNameGoes(inode: HostInode): boolean {
    inode.refresh();
    const last = inode.isDirectory || inode.stat().nlink <= 1;
    if (last && inode instanceof HostRegular) inode.beforeUnlink();
    return last;
  }

  /** The name of `inode` here has been removed or taken over on the host. */
  private nameGone(name: string, inode: HostInode, last: boolean): void {
    this.children.delete(name);
    this.missing.add(name);
    this.exactNames = null;
    if (last) {
      inode.unlinked = true;
      this.hostfs.forgetLinked(inode);
    } else {
      const other = this.anotherName(inode);
      if (other === null) inode.unlinked = true;
      inode.refresh();
    }
    if (last && inode.type !== S_IFDIR) inode.refresh();
    this.refresh();
  }

  /** Another name in this directory, when the inode has several. */
  private anotherName(inode: HostInode): string | null {
    if (inode.dir !== this || this.children.get(inode.name) === inode) return inode.name;
    for (const [name, child] of this.children) {
      if (child !== inode) continue;
      inode.placed(this, name);
      return name;
    }
    return null;
  }

  override rename(oldName: string, inode: Inode, newDir: Inode, newName: string, target: Inode | null, flags: number): number {
    if (this.hostfs.readOnly) return -EROFS;
    if (!(newDir instanceof HostDir)) return -EINVAL;
    if ((flags & (RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0) return -EINVAL;
    const phantom = this.phantoms?.get(oldName);
    if (phantom !== undefined) {
      if (target !== null) newDir.unlink(newName, target);
      this.phantoms!.delete(oldName);
      (newDir.phantoms ??= new Map()).set(newName, phantom);
      newDir.missing.delete(newName);
      return 0;
    }
    if (!(inode instanceof HostInode)) return -EINVAL;
    const last = target instanceof HostInode && this.beforeNameGoes(target);
    const result = this.hostfs.host.rename(this.at(oldName), newDir.at(newName));
    if (result < 0) return result;
    newDir.phantoms?.delete(newName);
    if (target instanceof HostInode) newDir.nameGone(newName, target, last);
    this.children.delete(oldName);
    this.missing.add(oldName);
    this.exactNames = null;
    newDir.missing.delete(newName);
    newDir.exactNames = null;
    newDir.children.set(newName, inode);
    inode.placed(newDir, newName);
    inode.refresh();
    this.refresh();
    if (newDir !== this) newDir.refresh();
    return 0;
  }

}
