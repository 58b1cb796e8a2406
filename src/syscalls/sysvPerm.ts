import type { IpcObject } from '../kernel/ipc/sysv/ids.ts';

/** The ipc_perm part of the *_ds structures. */
export function permFields(o: IpcObject): { key: number; uid: number; gid: number; cuid: number; cgid: number; mode: number; seq: number } {
  return { key: o.key, uid: o.uid, gid: o.gid, cuid: o.cuid, cgid: o.cgid, mode: o.mode, seq: o.sequence };
}

/** IPC_SET: owner and permission bits. */
export function applySet(o: IpcObject, wanted: { uid: number; gid: number; mode: number }): void {
  o.uid = wanted.uid;
  o.gid = wanted.gid;
  o.mode = (o.mode & ~0o777) | (wanted.mode & 0o777);
}
