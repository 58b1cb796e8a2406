import { EFAULT, EINVAL, EPERM, ESRCH } from '../abi/linux/errno.ts';
import { SECBIT_KEEP_CAPS, SECBIT_NO_SETUID_FIXUP } from '../abi/linux/capability.ts';
import { andCaps, orCaps } from '../kernel/task/execCred.ts';
import type { Task } from '../kernel/task/task.ts';
import { shortId } from '../machine/shortId.ts';
import { ALL_CAPS, Cap, type Cred } from '../vfs/cred.ts';
import type { Handler, SyscallRow } from './row.ts';

const NOBODY = 0xffffffff;
const VERSION_1 = 0x19980330;
const VERSION_2 = 0x20071026;
const VERSION_3 = 0x20080522;
const FS_CAPS = 2 ** Cap.CHOWN + 2 ** Cap.DAC_OVERRIDE + 2 ** Cap.DAC_READ_SEARCH + 2 ** Cap.FOWNER + 2 ** Cap.FSETID + 2 ** Cap.LINUX_IMMUTABLE + 2 ** Cap.MKNOD + 2 ** Cap.MAC_OVERRIDE;

/** i386's first calls had 16-bit ids: -1 is all ones, and what does not fit shows as 65534. */
const from16 = (id: number): number => ((id & 0xffff) === 0xffff ? NOBODY : id & 0xffff);

/** What changes of user ids do to capabilities (cap_emulate_setxuid). */
function fixCaps(old: Cred, next: Cred): Cred {
  if ((old.secureBits & SECBIT_NO_SETUID_FIXUP) !== 0) return next;
  const { root } = old.userNs;
  const rootBefore = old.uid === root || old.euid === root || old.suid === root;
  const rootAfter = next.uid === root || next.euid === root || next.suid === root;
  let cred = next;
  if (rootBefore && !rootAfter) {
    if ((old.secureBits & SECBIT_KEEP_CAPS) === 0) cred = cred.with({ capPermitted: 0, capEffective: 0 });
    cred = cred.with({ capAmbient: 0 });
  }
  if (old.euid === root && cred.euid !== root) cred = cred.with({ capEffective: 0 });
  if (old.euid !== root && cred.euid === root) cred = cred.with({ capEffective: cred.capPermitted });
  return cred;
}

function commit(t: Task, next: Cred): number {
  const old = t.cred;
  t.cred = fixCaps(old, next);
  // Identity that changes makes the process undumpable and forgets the parent-death signal (commit_creds).
  if (old.euid !== next.euid || old.egid !== next.egid || old.fsuid !== next.fsuid || old.fsgid !== next.fsgid) {
    t.mm.dumpable = 0;
    t.parentDeathSignal = 0;
  }
  return 0;
}

/** A uid argument as the kernel's id; NOBODY stays (no change). -1: it stands for nobody. */
function uidIn(t: Task, uid: number): number {
  if (uid === NOBODY) return NOBODY;
  const id = t.cred.userNs.uidIn(uid);
  return id === NOBODY ? -1 : id;
}
function gidIn(t: Task, gid: number): number {
  if (gid === NOBODY) return NOBODY;
  const id = t.cred.userNs.gidIn(gid);
  return id === NOBODY ? -1 : id;
}

function setuid(t: Task, id: number): number {
  const uid = uidIn(t, id);
  if (uid === NOBODY || uid < 0) return -EINVAL;
  const { cred } = t;
  if (cred.hasOwn(Cap.SETUID)) return commit(t, cred.with({ uid, euid: uid, suid: uid, fsuid: uid }));
  if (uid !== cred.uid && uid !== cred.suid) return -EPERM;
  return commit(t, cred.with({ euid: uid, fsuid: uid }));
}

function setgid(t: Task, id: number): number {
  const gid = gidIn(t, id);
  if (gid === NOBODY || gid < 0) return -EINVAL;
  const { cred } = t;
  if (cred.hasOwn(Cap.SETGID)) return commit(t, cred.with({ gid, egid: gid, sgid: gid, fsgid: gid }));
  if (gid !== cred.gid && gid !== cred.sgid) return -EPERM;
  return commit(t, cred.with({ egid: gid, fsgid: gid }));
}

function setreuid(t: Task, real: number, effectiveId: number): number {
  const { cred } = t;
  const ruid = uidIn(t, real), euid = uidIn(t, effectiveId);
  if (ruid < 0 || euid < 0) return -EINVAL;
  const may = cred.hasOwn(Cap.SETUID);
  if (ruid !== NOBODY && !may && ruid !== cred.uid && ruid !== cred.euid) return -EPERM;
  if (euid !== NOBODY && !may && euid !== cred.uid && euid !== cred.euid && euid !== cred.suid) return -EPERM;
  const uid = ruid === NOBODY ? cred.uid : ruid;
  const effective = euid === NOBODY ? cred.euid : euid;
  const suid = ruid !== NOBODY || (euid !== NOBODY && euid !== cred.uid) ? effective : cred.suid;
  return commit(t, cred.with({ uid, euid: effective, suid, fsuid: effective }));
}

function setregid(t: Task, real: number, effectiveId: number): number {
  const { cred } = t;
  const rgid = gidIn(t, real), egid = gidIn(t, effectiveId);
  if (rgid < 0 || egid < 0) return -EINVAL;
  const may = cred.hasOwn(Cap.SETGID);
  if (rgid !== NOBODY && !may && rgid !== cred.gid && rgid !== cred.egid) return -EPERM;
  if (egid !== NOBODY && !may && egid !== cred.gid && egid !== cred.egid && egid !== cred.sgid) return -EPERM;
  const gid = rgid === NOBODY ? cred.gid : rgid;
  const effective = egid === NOBODY ? cred.egid : egid;
  const sgid = rgid !== NOBODY || (egid !== NOBODY && egid !== cred.gid) ? effective : cred.sgid;
  return commit(t, cred.with({ gid, egid: effective, sgid, fsgid: effective }));
}

function setresuid(t: Task, ...ids: [number, number, number]): number {
  const { cred } = t;
  const [ruid, euid, suid] = ids.map((id) => uidIn(t, id)) as [number, number, number];
  if (ruid < 0 || euid < 0 || suid < 0) return -EINVAL;
  const own = [cred.uid, cred.euid, cred.suid];
  if (!cred.hasOwn(Cap.SETUID) && [ruid, euid, suid].some((id) => id !== NOBODY && !own.includes(id))) return -EPERM;
  const effective = euid === NOBODY ? cred.euid : euid;
  return commit(t, cred.with({
    uid: ruid === NOBODY ? cred.uid : ruid, euid: effective, suid: suid === NOBODY ? cred.suid : suid, fsuid: effective,
  }));
}

function setresgid(t: Task, ...ids: [number, number, number]): number {
  const { cred } = t;
  const [rgid, egid, sgid] = ids.map((id) => gidIn(t, id)) as [number, number, number];
  if (rgid < 0 || egid < 0 || sgid < 0) return -EINVAL;
  const own = [cred.gid, cred.egid, cred.sgid];
  if (!cred.hasOwn(Cap.SETGID) && [rgid, egid, sgid].some((id) => id !== NOBODY && !own.includes(id))) return -EPERM;
  const effective = egid === NOBODY ? cred.egid : egid;
  return commit(t, cred.with({
    gid: rgid === NOBODY ? cred.gid : rgid, egid: effective, sgid: sgid === NOBODY ? cred.sgid : sgid, fsgid: effective,
  }));
}

/** setfsuid answers the old id, whether or not it changed. */
function setfsuid(t: Task, id: number): number {
  const { cred } = t;
  const old = cred.fsuid, shown = cred.userNs.uidOut(old), { root } = cred.userNs;
  const uid = uidIn(t, id);
  if (uid === NOBODY || uid < 0 || (uid !== cred.uid && uid !== cred.euid && uid !== cred.suid && uid !== old && !cred.hasOwn(Cap.SETUID))) return shown;
  let next = cred.with({ fsuid: uid });
  if ((cred.secureBits & SECBIT_NO_SETUID_FIXUP) === 0) {
    if (old === root && uid !== root) next = next.with({ capEffective: andCaps(cred.capEffective, ALL_CAPS - FS_CAPS) });
    if (old !== root && uid === root) next = next.with({ capEffective: orCaps(cred.capEffective, andCaps(cred.capPermitted, FS_CAPS)) });
  }
  t.cred = next;
  return shown;
}

function setfsgid(t: Task, id: number): number {
  const { cred } = t;
  const old = cred.fsgid, shown = cred.userNs.gidOut(old);
  const gid = gidIn(t, id);
  if (gid === NOBODY || gid < 0 || (gid !== cred.gid && gid !== cred.egid && gid !== cred.sgid && gid !== old && !cred.hasOwn(Cap.SETGID))) return shown;
  t.cred = cred.with({ fsgid: gid });
  return shown;
}

function putIds(t: Task, ids: readonly number[], ptrs: readonly number[], bytes: 2 | 4): number {
  for (let i = 0; i < ids.length; i++) {
    const ok = bytes === 4 ? t.memory.setU32(ptrs[i]!, ids[i]!) : t.memory.setU16(ptrs[i]!, shortId(ids[i]!));
    if (!ok) return -EFAULT;
  }
  return 0;
}

const getresuid = (bytes: 2 | 4): Handler => (t, a, b, c) => putIds(t, [t.cred.uid, t.cred.euid, t.cred.suid].map((id) => t.cred.userNs.uidOut(id)), [a, b, c], bytes);
const getresgid = (bytes: 2 | 4): Handler => (t, a, b, c) => putIds(t, [t.cred.gid, t.cred.egid, t.cred.sgid].map((id) => t.cred.userNs.gidOut(id)), [a, b, c], bytes);

const getgroups = (bytes: 2 | 4): Handler => (t, size, ptr) => {
  const { groups } = t.cred;
  if (size < 0) return -EINVAL;
  if (size === 0) return groups.length;
  if (size < groups.length) return -EINVAL;
  for (let i = 0; i < groups.length; i++) {
    const gid = t.cred.userNs.gidOut(groups[i]!);
    const ok = bytes === 4 ? t.memory.setU32(ptr + 4 * i, gid) : t.memory.setU16(ptr + 2 * i, shortId(gid));
    if (!ok) return -EFAULT;
  }
  return groups.length;
};

const setgroups = (bytes: 2 | 4): Handler => (t, size, ptr) => {
  const { userNs } = t.cred;
  // Before its groups are mapped, or when it has given that up, leaving a group might open what the group is kept from.
  if (!t.cred.hasOwn(Cap.SETGID) || !userNs.setgroups || userNs.gids.extents.length === 0) return -EPERM;
  if (size < 0 || size > 65536) return -EINVAL;
  const groups: number[] = [];
  for (let i = 0; i < size; i++) {
    const id = bytes === 4 ? t.memory.u32(ptr + 4 * i) : t.memory.u16(ptr + 2 * i);
    if (id === null) return -EFAULT;
    const gid = gidIn(t, bytes === 4 ? id : from16(id));
    if (gid < 0 || (gid === NOBODY && bytes === 4)) return -EINVAL;
    groups.push(gid);
  }
  t.cred = t.cred.with({ groups: groups.sort((a, b) => a - b) });
  return 0;
};

// ---- capabilities ----

/** The header's version: how many 32-bit parts each set has; 0 after an unknown one was answered with ours. */
function capParts(t: Task, header: number): number {
  const version = t.memory.u32(header);
  if (version === null) return -EFAULT;
  if (version === VERSION_1) return 1;
  if (version === VERSION_2 || version === VERSION_3) return 2;
  return t.memory.setU32(header, VERSION_3) ? 0 : -EFAULT;
}

function sysCapget(t: Task, header: number, data: number): number {
  const parts = capParts(t, header);
  if (parts < 0) return parts;
  if (parts === 0) return data === 0 ? 0 : -EINVAL;
  const pid = t.memory.i32(header + 4);
  if (pid === null) return -EFAULT;
  if (pid < 0) return -EINVAL;
  const target = pid === 0 ? t : t.kernel.pids.tasks.get(t.pidNs.in(pid));
  if (target === undefined) return -ESRCH;
  if (data === 0) return 0;
  const { capEffective, capPermitted, capInheritable } = target.cred;
  const layout = t.abi.capUserData;
  const buf = t.memory.writable(data, parts * layout.size);
  if (buf === null) return -EFAULT;
  const part = (set: number, i: number): number => (i === 0 ? set >>> 0 : Math.floor(set / 2 ** 32) >>> 0);
  for (let i = 0; i < parts; i++) {
    layout.write(buf, { effective: part(capEffective, i), permitted: part(capPermitted, i), inheritable: part(capInheritable, i) }, i * layout.size);
  }
  return 0;
}

function sysCapset(t: Task, header: number, data: number): number {
  const parts = capParts(t, header);
  if (parts < 0) return parts;
  if (parts === 0) return -EINVAL;
  const pid = t.memory.i32(header + 4);
  if (pid === null) return -EFAULT;
  if (pid !== 0 && pid !== t.ownTid) return -EPERM;
  const layout = t.abi.capUserData;
  const buf = t.memory.readable(data, parts * layout.size);
  if (buf === null) return -EFAULT;
  const join = (name: 'effective' | 'permitted' | 'inheritable'): number => {
    const high = parts === 2 ? layout.get(buf, name, layout.size) : 0;
    return andCaps(high * 2 ** 32 + layout.get(buf, name), ALL_CAPS);
  };
  const [effective, permitted, inheritable] = [join('effective'), join('permitted'), join('inheritable')];
  const { cred } = t;
  const subset = (a: number, b: number): boolean => andCaps(a, b) === a;
  if (!cred.hasOwn(Cap.SETPCAP) && !subset(inheritable, orCaps(cred.capInheritable, cred.capPermitted))) return -EPERM;
  if (!subset(inheritable, orCaps(cred.capInheritable, cred.capBounding))) return -EPERM;
  if (!subset(permitted, cred.capPermitted) || !subset(effective, permitted)) return -EPERM;
  t.cred = cred.with({
    capEffective: effective, capPermitted: permitted, capInheritable: inheritable, capAmbient: andCaps(cred.capAmbient, andCaps(permitted, inheritable)),
  });
  return 0;
}

const one16 = (set: (t: Task, id: number) => number): Handler => (t, id) => set(t, from16(id));
const two16 = (set: (t: Task, a: number, b: number) => number): Handler => (t, a, b) => set(t, from16(a), from16(b));
const three16 = (set: (t: Task, a: number, b: number, c: number) => number): Handler => (t, a, b, c) => set(t, from16(a), from16(b), from16(c));

export const credRows: readonly SyscallRow[] = [
  { name: 'getuid', x86_64: 102, i386: 199, args: [], ret: 'int', handler: (t) => t.cred.userNs.uidOut(t.cred.uid) },
  { name: 'geteuid', x86_64: 107, i386: 201, args: [], ret: 'int', handler: (t) => t.cred.userNs.uidOut(t.cred.euid) },
  { name: 'getgid', x86_64: 104, i386: 200, args: [], ret: 'int', handler: (t) => t.cred.userNs.gidOut(t.cred.gid) },
  { name: 'getegid', x86_64: 108, i386: 202, args: [], ret: 'int', handler: (t) => t.cred.userNs.gidOut(t.cred.egid) },
  { name: 'getuid', x86_64: -1, i386: 24, args: [], ret: 'int', handler: (t) => shortId(t.cred.userNs.uidOut(t.cred.uid)) },
  { name: 'geteuid', x86_64: -1, i386: 49, args: [], ret: 'int', handler: (t) => shortId(t.cred.userNs.uidOut(t.cred.euid)) },
  { name: 'getgid', x86_64: -1, i386: 47, args: [], ret: 'int', handler: (t) => shortId(t.cred.userNs.gidOut(t.cred.gid)) },
  { name: 'getegid', x86_64: -1, i386: 50, args: [], ret: 'int', handler: (t) => shortId(t.cred.userNs.gidOut(t.cred.egid)) },
  { name: 'setuid', x86_64: 105, i386: 213, args: ['uid'], ret: 'int', handler: setuid },
  { name: 'setuid', x86_64: -1, i386: 23, args: ['uid'], ret: 'int', handler: one16(setuid) },
  { name: 'setgid', x86_64: 106, i386: 214, args: ['gid'], ret: 'int', handler: setgid },
  { name: 'setgid', x86_64: -1, i386: 46, args: ['gid'], ret: 'int', handler: one16(setgid) },
  { name: 'setreuid', x86_64: 113, i386: 203, args: ['uid', 'uid'], ret: 'int', handler: setreuid },
  { name: 'setreuid', x86_64: -1, i386: 70, args: ['uid', 'uid'], ret: 'int', handler: two16(setreuid) },
  { name: 'setregid', x86_64: 114, i386: 204, args: ['gid', 'gid'], ret: 'int', handler: setregid },
  { name: 'setregid', x86_64: -1, i386: 71, args: ['gid', 'gid'], ret: 'int', handler: two16(setregid) },
  { name: 'setresuid', x86_64: 117, i386: 208, args: ['uid', 'uid', 'uid'], ret: 'int', handler: setresuid },
  { name: 'setresuid', x86_64: -1, i386: 164, args: ['uid', 'uid', 'uid'], ret: 'int', handler: three16(setresuid) },
  { name: 'getresuid', x86_64: 118, i386: 209, args: ['ptr', 'ptr', 'ptr'], ret: 'int', handler: getresuid(4) },
  { name: 'getresuid', x86_64: -1, i386: 165, args: ['ptr', 'ptr', 'ptr'], ret: 'int', handler: getresuid(2) },
  { name: 'setresgid', x86_64: 119, i386: 210, args: ['gid', 'gid', 'gid'], ret: 'int', handler: setresgid },
  { name: 'setresgid', x86_64: -1, i386: 170, args: ['gid', 'gid', 'gid'], ret: 'int', handler: three16(setresgid) },
  { name: 'getresgid', x86_64: 120, i386: 211, args: ['ptr', 'ptr', 'ptr'], ret: 'int', handler: getresgid(4) },
  { name: 'getresgid', x86_64: -1, i386: 171, args: ['ptr', 'ptr', 'ptr'], ret: 'int', handler: getresgid(2) },
  { name: 'setfsuid', x86_64: 122, i386: 215, args: ['uid'], ret: 'int', handler: setfsuid },
  { name: 'setfsuid', x86_64: -1, i386: 138, args: ['uid'], ret: 'int', handler: one16(setfsuid) },
  { name: 'setfsgid', x86_64: 123, i386: 216, args: ['gid'], ret: 'int', handler: setfsgid },
  { name: 'setfsgid', x86_64: -1, i386: 139, args: ['gid'], ret: 'int', handler: one16(setfsgid) },
  { name: 'getgroups', x86_64: 115, i386: 205, args: ['int', 'ptr'], ret: 'int', handler: getgroups(4) },
  { name: 'getgroups', x86_64: -1, i386: 80, args: ['int', 'ptr'], ret: 'int', handler: getgroups(2) },
  { name: 'setgroups', x86_64: 116, i386: 206, args: ['int', 'ptr'], ret: 'int', handler: setgroups(4) },
  { name: 'setgroups', x86_64: -1, i386: 81, args: ['int', 'ptr'], ret: 'int', handler: setgroups(2) },
  { name: 'capget', x86_64: 125, i386: 184, args: ['ptr', 'ptr'], ret: 'int', handler: sysCapget },
  { name: 'capset', x86_64: 126, i386: 185, args: ['ptr', 'ptr'], ret: 'int', handler: sysCapset },
];
