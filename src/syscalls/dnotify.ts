import { DN_ACCESS, DN_ATTRIB, DN_CREATE, DN_DELETE, DN_MODIFY, DN_MULTISHOT, DN_RENAME } from '../abi/linux/fcntl.ts';
import { EINVAL, ENOTDIR } from '../abi/linux/errno.ts';
import { EPOLLIN, EPOLLMSG, EPOLLRDNORM } from '../abi/linux/poll.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import type { InodeWatch } from '../vfs/inode.ts';
import { IN_ACCESS, IN_ATTRIB, IN_CREATE, IN_DELETE, IN_MODIFY, IN_MOVED_FROM, IN_MOVED_TO } from '../vfs/notify.ts';
import { OWNER_PROCESS } from '../kernel/signal/fileOwner.ts';
import { tellOwner } from './asyncIo.ts';

const POLL_MSG = 3;
const BAND = EPOLLIN | EPOLLRDNORM | EPOLLMSG;
const MULTISHOT = DN_MULTISHOT >>> 0;
/** What each DN_ bit wants to hear of the directory's entries. */
const EVENTS: readonly (readonly [dn: number, events: number])[] = [
  [DN_ACCESS, IN_ACCESS], [DN_MODIFY, IN_MODIFY], [DN_CREATE, IN_CREATE | IN_MOVED_TO], [DN_DELETE, IN_DELETE | IN_MOVED_FROM],
  [DN_RENAME, IN_MOVED_FROM], [DN_ATTRIB, IN_ATTRIB],
];
const KNOWN = EVENTS.reduce((all, [dn]) => all | dn, 0);

/** F_NOTIFY on one open directory: its owner gets a signal when an entry changes. */
class DirectoryNotifier implements InodeWatch {
  private readonly kernel: Kernel;
  private readonly file: FileDescription;
  private readonly fd: number;
  private events = 0;
  private once = true;

  constructor(kernel: Kernel, file: FileDescription, fd: number) {
    this.kernel = kernel;
    this.file = file;
    this.fd = fd;
  }

  want(mask: number): void {
    for (const [dn, events] of EVENTS) if ((mask & dn) !== 0) this.events |= events;
    this.once = ((mask >>> 0) & MULTISHOT) === 0;
  }

  onEvent(mask: number, _cookie: number, name: string): void {
    if (!this.file.open) {
      this.stop();
      return;
    }
    if (name === '' || (mask & this.events) === 0) return;
    tellOwner(this.kernel, this.file, this.fd, POLL_MSG, BAND);
    if (this.once) this.stop();
  }

  stop(): void {
    const { inode } = this.file;
    notifiers.delete(this.file);
    inode.watches?.delete(this);
    if (inode.watches?.size === 0) inode.watches = null;
  }
}

const notifiers = new WeakMap<FileDescription, DirectoryNotifier>();

/** fcntl's F_NOTIFY (dnotify): 0 ends it, other bits add to what is asked for. */
export function notifyDirectory(t: Task, file: FileDescription, fd: number, mask: number): number {
  const { inode } = file;
  const present = notifiers.get(file);
  if ((mask >>> 0) % MULTISHOT === 0) {
    present?.stop();
    return 0;
  }
  if (!inode.isDirectory) return -ENOTDIR;
  if ((mask & ~(KNOWN | DN_MULTISHOT)) !== 0) return -EINVAL;
  const notifier = present ?? new DirectoryNotifier(t.kernel, file, fd);
  notifiers.set(file, notifier);
  (inode.watches ??= new Set()).add(notifier);
  notifier.want(mask);
  if (file.owner.id === 0) file.owner = { type: OWNER_PROCESS, id: t.tgid };
  return 0;
}
