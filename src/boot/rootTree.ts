/** The tree of mounts that the first process sees. */
import { EEXIST } from '../abi/linux/errno.ts';
import { errnoText } from '../abi/linux/errnoText.ts';
import { S_IFCHR } from '../abi/linux/fileMode.ts';
import { HostFs, type HostFsOptions } from '../fs/hostfs/hostFs.ts';
import { OverlayFs } from '../fs/overlay/overlayFs.ts';
import { TmpFs } from '../fs/tmpfs/tmpFs.ts';
import type { HostFiles } from '../host/hostFiles.ts';
import { Cred } from '../vfs/cred.ts';
import { anonymousDevice, type FileSystem } from '../vfs/fileSystem.ts';
import type { FsEnv } from '../vfs/fsEnv.ts';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME } from '../abi/linux/fs.ts';
import { Mount } from '../vfs/mount.ts';
import { MountNamespace } from '../vfs/mountNamespace.ts';
import { makeDirectory, makeNode, makeSymlink } from '../vfs/namespace.ts';
import { FsContext, type Path, type PathContext } from '../vfs/path.ts';
import { makedev } from '../vfs/stat.ts';
import { Walk, walkPath } from '../vfs/walk.ts';
import { type MountOption, type RunOptions, StartError } from './options.ts';

/** Upper layers number their inodes from here: beyond those of usual disks, below those that hostfs makes up. */
const FIRST_UPPER_INO = 0x4000_0000;
/** Facts about files under an overlay are believed this long: nobody should change them meanwhile. */
const LOWER_AGE_MS = 1000;

function failed(what: string, errno: number): StartError {
  return new StartError(125, `${what}: ${errnoText[-errno] ?? `error ${-errno}`}`);
}

export class RootTree {
  readonly namespace: MountNamespace;
  readonly root: Path;
  /** Walks as root from the top. */
  readonly context: PathContext;
  readonly env: FsEnv;
  readonly host: HostFiles;
  readonly options: RunOptions;

  constructor(env: FsEnv, host: HostFiles, options: RunOptions) {
    this.env = env;
    this.host = host;
    this.options = options;
    const fs = this.#rootFs();
    this.namespace = new MountNamespace(new Mount(fs, fs.root, fs.typeName, MS_RELATIME));
    this.root = this.namespace.rootPath;
    this.context = { fs: new FsContext(this.root, this.root, 0), cred: new Cred() };
  }

  #hostFs(path: string, what: string, options: HostFsOptions): HostFs {
    const { uid, gid } = this.options;
    const resolved = this.host.resolve(path);
    if (typeof resolved === 'number') throw failed(what, resolved);
    const fs = HostFs.create(this.env, this.host, resolved, { uid, gid, ...options });
    if (typeof fs === 'number') throw failed(what, fs);
    return fs;
  }

  /** The root directory itself, or under a layer in memory; or only memory. */
  #rootFs(): FileSystem {
    const { root, persist } = this.options;
    if (root === null) return new TmpFs(this.env, { mode: 0o755, likeDisk: true });
    if (persist) return this.#hostFs(root, root, {});
    const dev = anonymousDevice();
    const lower = this.#hostFs(root, root, { readOnly: true, maxAgeMs: LOWER_AGE_MS, dev });
    const upper = new TmpFs(this.env, { dev, mode: 0o755, likeDisk: true, firstIno: FIRST_UPPER_INO });
    return new OverlayFs(this.env, upper, [lower]);
  }

  find(path: string): Path | null {
    const found = walkPath(this.context, null, path, Walk.follow);
    return typeof found === 'number' || found.dentry.inode === null ? null : found;
  }

  /** The directory at `path`, made with those above it when missing. */
  directory(path: string, mode = 0o755): Path {
    let at = '';
    for (const part of path.split('/').filter((word) => word !== '')) {
      at += `/${part}`;
      if (this.find(at) !== null) continue;
      const result = makeDirectory(this.context, null, at, mode);
      if (result < 0 && result !== -EEXIST) throw failed(at, result);
    }
    const found = this.find(path);
    if (found === null || !found.inode.isDirectory) throw new StartError(125, `${path}: not a directory in the root file system`);
    return found;
  }

  mount(fs: FileSystem, at: string, flags: number, source = fs.typeName): void {
    const place = this.directory(at);
    new Mount(fs, fs.root, source, flags | MS_RELATIME).attach(place.mount, place.dentry);
  }

  /** -v and --mount, in the order of the command line. */
  mountVolume(option: MountOption): void {
    if (option.kind === 'tmpfs') return this.mount(new TmpFs(this.env), option.guest, MS_NOSUID | MS_NODEV);
    const flags = option.readOnly ? MS_RDONLY : 0;
    const resolved = this.host.resolve(option.host);
    if (typeof resolved === 'number') throw failed(option.host, resolved);
    const stat = this.host.lstat(resolved);
    if (typeof stat === 'number') throw failed(option.host, stat);
    if ((stat.mode & 0o170000) === 0o040000) {
      const fs = this.#hostFs(option.host, option.host, { readOnly: option.readOnly });
      return this.mount(fs, option.guest, flags, resolved);
    }
    this.#mountFile(resolved, option.guest, option.readOnly);
  }

  /** One file: its directory is the file system, of which only the one name is seen. */
  #mountFile(host: string, guest: string, readOnly: boolean): void {
    const slash = host.lastIndexOf('/');
    const name = host.slice(slash + 1);
    const fs = HostFs.create(this.env, this.host, host.slice(0, slash) || '/', { readOnly, uid: this.options.uid, gid: this.options.gid });
    if (typeof fs === 'number') throw failed(host, fs);
    const inode = fs.root.inode!.lookup(name, this.context.cred);
    if (typeof inode === 'number') throw failed(host, inode);
    this.directory(guest.slice(0, guest.lastIndexOf('/')) || '/');
    if (this.find(guest) === null) makeNode(this.context, null, guest, 0o100644, 0);
    const place = this.find(guest);
    if (place === null) throw new StartError(125, `${guest}: cannot be a mount point`);
    new Mount(fs, fs.root.addChild(name, inode), host, MS_RELATIME | (readOnly ? MS_RDONLY : 0)).attach(place.mount, place.dentry);
  }

  /** /dev in memory: the devices every program may expect, descriptors, and where the other mounts go. */
  mountDev(): void {
    this.mount(new TmpFs(this.env, { mode: 0o755, typeName: 'devtmpfs' }), '/dev', MS_NOSUID, 'udev');
    const nodes: readonly [string, number, number][] = [
      ['null', 1, 3], ['zero', 1, 5], ['full', 1, 7], ['random', 1, 8], ['urandom', 1, 9], ['tty', 5, 0], ['console', 5, 1], ['ptmx', 5, 2],
    ];
    for (const [name, major, minor] of nodes) makeNode(this.context, null, `/dev/${name}`, S_IFCHR | (name === 'console' ? 0o600 : 0o666), makedev(major, minor));
    for (const [name, target] of [['fd', '/proc/self/fd'], ['stdin', '/proc/self/fd/0'], ['stdout', '/proc/self/fd/1'], ['stderr', '/proc/self/fd/2']]) {
      makeSymlink(this.context, target!, null, `/dev/${name}`);
    }
    this.mount(new TmpFs(this.env), '/dev/shm', MS_NOSUID | MS_NODEV);
    this.directory('/dev/mqueue');
  }

  mountTmp(): void {
    this.mount(new TmpFs(this.env), '/tmp', MS_NOSUID | MS_NODEV);
  }
}

export const PROC_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME;
export const DEVPTS_FLAGS = MS_NOSUID | MS_NOEXEC | MS_RELATIME;
