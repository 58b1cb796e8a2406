import { S_IFREG } from '../../abi/linux/fileMode.ts';
import { O_LARGEFILE, O_RDWR } from '../../abi/linux/openFlags.ts';
import type { Cred } from '../../vfs/cred.ts';
import { Dentry } from '../../vfs/dentry.ts';
import type { FileCaller } from '../../vfs/fileDescription.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { RegularFile } from '../../vfs/inodeFile.ts';
import { Mount } from '../../vfs/mount.ts';
import { Path } from '../../vfs/path.ts';
import { TmpFs } from './tmpFs.ts';
import { SEAL_SEAL } from './tmpRegular.ts';

/** memfd_create(2) (and System V shared memory, anonymous shared mappings) live in a tmpfs that is mounted nowhere. */
const instances = new WeakMap<FsEnv, { fs: TmpFs; mount: Mount }>();

/** What memfd_create gives is not one of the inode's writers: the file can be run, and leased for reading, while it is open. */
class MemFile extends RegularFile {
  constructor(path: Path, flags: number, cred: Cred) {
    super(path, flags, cred);
    path.inode.writeCount--;
  }
  protected override close(): void {
    this.inode.writeCount++;
    super.close();
  }
}

/** `seals`: set from the start (MFD_NOEXEC_SEAL); with F_SEAL_EXEC the file is not executable. */
export function memfd(t: FileCaller, name: string, sealable: boolean, seals = 0): RegularFile {
  const { env } = t.fs.root.mount.fs;
  let home = instances.get(env);
  if (home === undefined) {
    const fs = new TmpFs(env);
    const mount = new Mount(fs, fs.root, 'tmpfs', 0);
    mount.isInternal = true;
    instances.set(env, (home = { fs, mount }));
  }
  const inode = home.fs.anonymousFile({ mode: S_IFREG | (seals === 0 ? 0o777 : 0o666), uid: t.cred.fsuid, gid: t.cred.fsgid, rdev: 0 });
  inode.seals = sealable ? seals : SEAL_SEAL;
  const dentry = new Dentry(`/memfd:${name}`, null, inode);
  dentry.unhashed = true;
  return new MemFile(new Path(home.mount, dentry), O_RDWR | O_LARGEFILE, t.cred);
}
