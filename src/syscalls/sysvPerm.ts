import { EINVAL } from '../abi/linux/errno.ts';
import type { IpcObject } from '../kernel/ipc/sysv/ids.ts';
import type { Task } from '../kernel/task/task.ts';
import { NO_ID } from '../vfs/userNamespace.ts';

/** The ipc_perm part of the *_ds structures. */
export function permFields(t: Task, o: IpcObject): { key: number; uid: number; gid: number; cuid: number; cgid: number; mode: number; seq: number } {
  const { userNs } = t.cred;
  return { key: o.key, uid: userNs.uidOut(o.uid), gid: userNs.gidOut(o.gid), cuid: userNs.uidOut(o.cuid), cgid: userNs.gidOut(o.cgid), mode: o.mode, seq: o.sequence };
}

/** IPC_SET: owner and permission bits. 0, or -EINVAL for an owner that the caller's namespace does not know. */
export function applySet(t: Task, o: IpcObject, wanted: { uid: number; gid: number; mode: number }): number {
  const uid = t.cred.userNs.uidIn(wanted.uid >>> 0), gid = t.cred.userNs.gidIn(wanted.gid >>> 0);
  if (uid === NO_ID || gid === NO_ID) return -EINVAL;
  o.uid = uid;
  o.gid = gid;
  o.mode = (o.mode & ~0o777) | (wanted.mode & 0o777);
  return 0;
}
