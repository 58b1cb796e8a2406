import { EAGAIN, EEXIST, EINVAL, EMSGSIZE, ENOENT, ENOSPC } from '../../abi/linux/errno.ts';
import { DT, S_IFDIR, S_IFREG } from '../../abi/linux/fileMode.ts';
import { EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM } from '../../abi/linux/poll.ts';
import type { Cred } from '../../vfs/cred.ts';
import { Dentry } from '../../vfs/dentry.ts';
import { FileDescription, type FileCaller } from '../../vfs/fileDescription.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import { type DirEntry, Inode, type NewInode } from '../../vfs/inode.ts';
import { Mount } from '../../vfs/mount.ts';
import type { Path } from '../../vfs/path.ts';
import type { AttrChange, Stat, StatFs } from '../../vfs/stat.ts';
import { WaitQueue } from '../../vfs/waitQueue.ts';

const MQUEUE_MAGIC = 0x19800202;
/** What fstat says of every queue: the length of the status line. */
const FILENT_SIZE = 80;
/** fs.mqueue.queues_max */
const QUEUES_MAX = 256;
export const DEFAULT_MAX_MESSAGES = 10;
export const DEFAULT_MESSAGE_SIZE = 8192;

/** POSIX message queues (mq_overview(7)): the file system that /dev/mqueue shows and mq_open works on. */
export class MqueueFs extends FileSystem {
  override readonly typeName = 'mqueue';
  override readonly noExec = true;
  override readonly nameCache = 'never';
  readonly directory: MqueueDir;
  /** Where mq_open finds it, mounted or not. */
  readonly mount: Mount;

  constructor(env: FsEnv) {
    super(env);
    this.directory = new MqueueDir(this);
    this.root = new Dentry('/', null, this.directory);
    this.mount = new Mount(this, this.root, 'mqueue', 0);
  }

  override statfs(): StatFs {
    return { type: MQUEUE_MAGIC, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [0, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
}

const instances = new WeakMap<object, MqueueFs>();
/** The one of an IPC namespace. */
export function mqueueFs(ns: object, env: FsEnv): MqueueFs {
  let fs = instances.get(ns);
  if (fs === undefined) instances.set(ns, (fs = new MqueueFs(env)));
  return fs;
}

let nextIno = 2;

abstract class MqueueNode extends Inode {
  protected uid = 0;
  protected gid = 0;
  protected permissions: number;
  private readonly ino: number;
  private readonly sec: number;

  constructor(fs: FileSystem, permissions: number, ino: number) {
    super(fs);
    this.permissions = permissions;
    this.ino = ino;
    this.sec = fs.env.now().sec;
  }
  protected attributes(type: number, nlink: number, size: number): Stat {
    const { sec } = this;
    return {
      dev: this.fs.dev, ino: this.ino, mode: type | this.permissions, nlink, uid: this.uid, gid: this.gid, rdev: 0, size, blksize: 4096, blocks: 0,
      atimeSec: sec, atimeNsec: 0, mtimeSec: sec, mtimeNsec: 0, ctimeSec: sec, ctimeNsec: 0, btimeSec: sec, btimeNsec: 0,
    };
  }
  override setattr(change: AttrChange): number {
    if (change.mode !== undefined) this.permissions = change.mode;
    if (change.uid !== undefined) this.uid = change.uid;
    if (change.gid !== undefined) this.gid = change.gid;
    return 0;
  }
}

class MqueueDir extends MqueueNode {
  readonly queues = new Map<string, QueueInode>();

  constructor(fs: FileSystem) {
    super(fs, 0o1777, 1);
  }
  override stat(): Stat {
    return this.attributes(S_IFDIR, 2, 20 * this.queues.size);
  }
  override lookup(name: string, _cred: Cred): Inode | number {
    return this.queues.get(name) ?? -ENOENT;
  }
  override list(): DirEntry[] {
    return [...this.queues].map(([name, inode]) => ({ name, ino: inode.stat().ino, type: DT.REG }));
  }
  override hasEntry(name: string): boolean {
    return this.queues.has(name);
  }
  override mknod(name: string, init: NewInode): Inode | number {
    return this.create(name, init, DEFAULT_MAX_MESSAGES, DEFAULT_MESSAGE_SIZE);
  }
  create(name: string, init: { mode: number; uid: number; gid: number }, maxMessages: number, messageSize: number): QueueInode | number {
    if (this.queues.has(name)) return -EEXIST;
    if (this.queues.size >= QUEUES_MAX) return -ENOSPC;
    const queue = new QueueInode(this.fs, init, maxMessages, messageSize);
    this.queues.set(name, queue);
    return queue;
  }
  override unlink(name: string): number {
    const queue = this.queues.get(name);
    if (queue === undefined) return -ENOENT;
    queue.linked = false;
    this.queues.delete(name);
    return 0;
  }
}

interface QueuedMessage {
  readonly priority: number;
  readonly bytes: Uint8Array;
}

/** Who asked to be told of a message on an empty queue (mq_notify). */
export interface QueueNotice {
  readonly pid: number;
  /** SIGEV_* */
  readonly kind: number;
  readonly signo: number;
  /** Whether a descriptor table is its process's. */
  holds(owner: object): boolean;
  /** False when the process is over. */
  alive(): boolean;
  fire(sender: { pid: number; uid: number }): void;
  /** It was taken back before it fired; null: nobody is told. */
  readonly removed: (() => void) | null;
}

/** One message queue. */
export class QueueInode extends MqueueNode {
  readonly maxMessages: number;
  readonly messageSize: number;
  readonly waitQueue = new WaitQueue();
  notice: QueueNotice | null = null;
  linked = true;
  /** Readers that wait: a message is theirs, not the notice's. */
  waitingReaders = 0;
  /** Highest priority first, oldest first among equals. */
  private messages: QueuedMessage[] = [];
  private bytes = 0;

  constructor(fs: FileSystem, init: { mode: number; uid: number; gid: number }, maxMessages: number, messageSize: number) {
    super(fs, init.mode & 0o777, nextIno++);
    this.uid = init.uid;
    this.gid = init.gid;
    this.maxMessages = maxMessages;
    this.messageSize = messageSize;
  }
  override stat(): Stat {
    return this.attributes(S_IFREG, this.linked ? 1 : 0, FILENT_SIZE);
  }
  get count(): number {
    return this.messages.length;
  }
  override open(flags: number, path: Path, t: FileCaller): FileDescription {
    return new QueueFile(this, path, flags, t.cred);
  }

  send(bytes: Uint8Array, priority: number, sender: { pid: number; uid: number }): number {
    if (bytes.length > this.messageSize) return -EMSGSIZE;
    if (this.messages.length >= this.maxMessages) return -EAGAIN;
    let at = this.messages.length;
    while (at > 0 && this.messages[at - 1]!.priority < priority) at--;
    this.messages.splice(at, 0, { priority, bytes });
    this.bytes += bytes.length;
    if (this.messages.length === 1 && this.waitingReaders === 0 && this.notice !== null) {
      const { notice } = this;
      this.notice = null;
      notice.fire(sender);
    }
    this.waitQueue.wake(EPOLLIN | EPOLLRDNORM);
    return 0;
  }

  take(room: number): QueuedMessage | number {
    if (room < this.messageSize) return -EMSGSIZE;
    const message = this.messages.shift();
    if (message === undefined) return -EAGAIN;
    this.bytes -= message.bytes.length;
    this.waitQueue.wake(EPOLLOUT | EPOLLWRNORM);
    return message;
  }

  /** The process that asked to be told takes it back, or closes a descriptor of the queue. */
  dropNotice(pid: number): void {
    if (this.notice?.pid !== pid) return;
    this.notice.removed?.();
    this.notice = null;
  }

  status(): string {
    const { notice } = this;
    const cell = (value: number, width: number): string => String(value).padEnd(width);
    return `QSIZE:${cell(this.bytes, 10)} NOTIFY:${cell(notice?.kind ?? 0, 5)} SIGNO:${cell(notice?.signo ?? 0, 5)} NOTIFY_PID:${cell(notice?.pid ?? 0, 6)}\n`;
  }
}

/** A message queue descriptor. Reading it as a file shows its state. */
export class QueueFile extends FileDescription {
  readonly queue: QueueInode;
  override readonly waitQueue;

  constructor(queue: QueueInode, path: Path, flags: number, cred: Cred) {
    super(path, flags, cred);
    this.queue = queue;
    this.waitQueue = queue.waitQueue;
  }
  override get seekable(): boolean {
    return true;
  }
  override pread(buf: Uint8Array, offset: number): number {
    const text = this.queue.status();
    const n = Math.max(0, Math.min(buf.length, text.length - offset));
    for (let i = 0; i < n; i++) buf[i] = text.charCodeAt(offset + i);
    return n;
  }
  override read(buf: Uint8Array): number {
    const n = this.pread(buf, this.pos);
    this.pos += n;
    return n;
  }
  override write(): number {
    return -EINVAL;
  }
  /** Any descriptor of the queue that the process closes, not only the one it asked with. */
  override closedIn(owner: object): number {
    const { notice } = this.queue;
    if (notice?.holds(owner)) this.queue.dropNotice(notice.pid);
    return super.closedIn(owner);
  }
  override seek(offset: number, whence: number): number {
    if (whence > 1) return -EINVAL;
    this.pos = whence === 1 ? this.pos + offset : offset;
    return this.pos;
  }
  override poll(): number {
    const { count, maxMessages } = this.queue;
    return (count > 0 ? EPOLLIN | EPOLLRDNORM : 0) | (count < maxMessages ? EPOLLOUT | EPOLLWRNORM : 0);
  }
}

