import { S_IFDIR } from '../abi/linux/fileMode.ts';
import type { Dentry } from './dentry.ts';
import type { Inode } from './inode.ts';

/** inotify(7) events. */
export const IN_ACCESS = 0x1;
export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_CLOSE_WRITE = 0x8;
export const IN_CLOSE_NOWRITE = 0x10;
export const IN_OPEN = 0x20;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_MOVE_SELF = 0x800;
export const IN_UNMOUNT = 0x2000;
export const IN_ISDIR = 0x40000000;

/** An event on an inode itself. */
export function notifyInode(inode: Inode, mask: number): void {
  if (inode.watches === null) return;
  for (const watch of [...inode.watches]) watch.onEvent(mask, 0, '');
}

/** IN_DELETE_SELF, once neither a name nor a description is left. */
export function notifyGone(inode: Inode): void {
  if (inode.watches === null || inode.opens > 0 || inode.stat().nlink > 0) return;
  notifyInode(inode, inode.isDirectory ? IN_DELETE_SELF | IN_ISDIR : IN_DELETE_SELF);
}

/** An event on the entry `name` of a directory. */
export function notifyEntry(dir: Inode, mask: number, cookie: number, name: string): void {
  if (dir.watches === null) return;
  for (const watch of [...dir.watches]) watch.onEvent(mask, cookie, name);
}

/** An event on the inode of a dentry, told to the inode's watchers and to those of its directory. */
export function notifyDentry(dentry: Dentry, mask: number): void {
  const inode = dentry.inode;
  if (inode === null) return;
  const dir = dentry.parent.inode;
  if (inode.watches === null && (dir === null || dir.watches === null)) return;
  const bits = inode.type === S_IFDIR ? mask | IN_ISDIR : mask;
  if (dir !== null && !dentry.isRoot && !dentry.unhashed) notifyEntry(dir, bits, 0, dentry.name);
  notifyInode(inode, bits);
}

let lastCookie = 0;
/** Joins the two halves of a rename. */
export function nextCookie(): number {
  lastCookie = (lastCookie + 1) >>> 0;
  return lastCookie;
}
