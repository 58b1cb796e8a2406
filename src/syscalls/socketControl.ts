/** Control messages (cmsg(3)) between guest memory and the sockets. */
import { EBADF, EINVAL, EPERM, ESRCH, ETOOMANYREFS } from '../abi/linux/errno.ts';
import { AF_UNIX, MSG_CMSG_CLOEXEC, MSG_CTRUNC, SCM_CREDENTIALS, SCM_RIGHTS, SOL_SOCKET } from '../abi/linux/socket.ts';
import { getI32, putU32 } from '../abi/layout.ts';
import { Rlimit } from '../kernel/fd/rlimits.ts';
import type { Task } from '../kernel/task/task.ts';
import type { ControlMessage, Incoming, OutControl, Ucred } from '../net/message.ts';
import type { Socket } from '../net/socket.ts';
import { Cap } from '../vfs/cred.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import { NO_ID } from '../vfs/userNamespace.ts';

/** Most descriptors in one message. */
const SCM_MAX_FD = 253;

const aligned = (t: Task, n: number): number => Math.ceil(n / t.abi.longBytes) * t.abi.longBytes;
const headSize = (t: Task): number => aligned(t, t.abi.cmsghdr.size);

/** What a sent message carries; -errno. The caller must see to it that the files' references go somewhere. */
export function parseControl(t: Task, s: Socket, buf: Uint8Array): OutControl | null | number {
  const { cmsghdr } = t.abi;
  const head = headSize(t);
  const files: FileDescription[] = [];
  const others: ControlMessage[] = [];
  let cred: Ucred | null = null;
  let result = 0;
  for (let at = 0; at < buf.length && result === 0; ) {
    // A 64-bit program's rest that is too short for a header is left out, an i386 program's is an error (net/compat.c).
    if (at + cmsghdr.size > buf.length && t.abi.longBytes === 8) break;
    const length = at + cmsghdr.size > buf.length ? 0 : cmsghdr.get(buf, 'cmsg_len', at);
    if (length < cmsghdr.size || length > buf.length - at) {
      result = -EINVAL;
      break;
    }
    const level = cmsghdr.get(buf, 'cmsg_level', at);
    const type = cmsghdr.get(buf, 'cmsg_type', at);
    const data = buf.subarray(at + head, at + Math.max(head, length));
    if (level !== SOL_SOCKET) others.push({ level, type, data: data.slice() });
    else if (type === SCM_RIGHTS) result = s.family === AF_UNIX ? takeFiles(t, data, files) : -EINVAL;
    else if (type === SCM_CREDENTIALS) {
      const given = readCred(t, data);
      if (typeof given === 'number') result = given;
      else cred = given;
    } else result = -EINVAL;
    at += aligned(t, length);
  }
  if (result < 0) {
    for (const file of files) file.release();
    return result;
  }
  return files.length === 0 && cred === null && others.length === 0 ? null : { files, cred, others };
}

function takeFiles(t: Task, data: Uint8Array, files: FileDescription[]): number {
  const count = data.length >> 2;
  if (files.length + count > SCM_MAX_FD) return -EINVAL;
  for (let i = 0; i < count; i++) {
    const file = t.fds.get(getI32(data, i * 4));
    if (file === null) return -EBADF;
    if (files.length > SCM_MAX_FD) return -ETOOMANYREFS;
    files.push(file.acquire());
  }
  return 0;
}

/** Only the privileged may claim to be somebody else. */
function readCred(t: Task, data: Uint8Array): Ucred | number {
  const { ucred } = t.abi;
  if (data.length !== ucred.size) return -EINVAL;
  const { pid, ...ids } = ucred.read(data);
  const { cred } = t;
  const uid = cred.userNs.uidIn(ids.uid >>> 0), gid = cred.userNs.gidIn(ids.gid >>> 0);
  if (uid === NO_ID || gid === NO_ID) return -EINVAL;
  const id = t.pidNs.in(pid);
  if (id !== t.tgid && !cred.has(Cap.SYS_ADMIN)) return -EPERM;
  if (![cred.uid, cred.euid, cred.suid].includes(uid) && !cred.hasOwn(Cap.SETUID)) return -EPERM;
  if (![cred.gid, cred.egid, cred.sgid].includes(gid) && !cred.hasOwn(Cap.SETGID)) return -EPERM;
  return t.kernel.pids.processes.has(id) ? { pid: id, uid, gid } : -ESRCH;
}

/** Puts received control data into the program's buffer. */
export class ControlWriter {
  private readonly t: Task;
  private readonly ptr: number;
  private readonly room: number;
  used = 0;
  flags = 0;

  constructor(t: Task, ptr: number, room: number) {
    this.t = t;
    this.ptr = ptr;
    this.room = ptr === 0 ? 0 : room;
  }

  /** False: EFAULT. */
  private put(level: number, type: number, data: Uint8Array, whole = data.length): boolean {
    const { t } = this;
    const { cmsghdr } = t.abi;
    const head = headSize(t);
    const left = this.room - this.used;
    if (left < cmsghdr.size) {
      this.flags |= MSG_CTRUNC;
      return true;
    }
    let length = head + data.length;
    if (left < length) {
      this.flags |= MSG_CTRUNC;
      length = left;
    }
    const out = new Uint8Array(Math.max(head, length));
    cmsghdr.write(out, { cmsg_len: length, cmsg_level: level, cmsg_type: type });
    out.set(data.subarray(0, Math.max(0, length - head)), head);
    if (!t.memory.copyOut(this.ptr + this.used, out.subarray(0, length))) return false;
    this.used += Math.min(left, aligned(t, head + whole));
    return true;
  }

  /** Everything that came with a message. Descriptors that find no place are closed. */
  write(msg: Incoming): void {
    const { t } = this;
    for (const { level, type, data } of msg.control) this.put(level, type, data);
    if (msg.cred !== null) {
      const data = new Uint8Array(t.abi.ucred.size);
      const { pid, uid, gid } = msg.cred;
      t.abi.ucred.write(data, { pid: t.pidNs.out(pid), uid: t.cred.userNs.uidOut(uid), gid: t.cred.userNs.gidOut(gid) });
      this.put(SOL_SOCKET, SCM_CREDENTIALS, data);
    }
    if (msg.files.length > 0) this.putFiles(msg);
  }

  private putFiles(msg: Incoming): void {
    const { t } = this;
    const fits = Math.max(0, Math.floor((this.room - this.used - headSize(t)) / 4));
    const fds: number[] = [];
    const files = msg.files;
    msg.files = [];
    let limited = false;
    for (const file of files) {
      const fd = limited || fds.length >= fits ? -1 : t.fds.install(file, (msg.flags & MSG_CMSG_CLOEXEC) !== 0, t.rlimits.cur[Rlimit.NOFILE]!);
      if (fd < 0) {
        limited = true;
        file.release();
      } else fds.push(fd);
    }
    if (fds.length > 0) {
      const data = new Uint8Array(fds.length * 4);
      for (const [i, fd] of fds.entries()) putU32(data, i * 4, fd);
      this.put(SOL_SOCKET, SCM_RIGHTS, data);
    }
    if (fds.length < files.length) this.flags |= MSG_CTRUNC;
  }
}
