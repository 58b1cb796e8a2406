import { EACCES, EFAULT, EINVAL, ENOMEM, EPERM } from '../abi/linux/errno.ts';
import {
  IPC_INFO, IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT, SHM_EXEC, SHM_HUGETLB, SHM_INFO, SHM_LOCK, SHM_RDONLY, SHM_REMAP, SHM_RND, SHM_STAT, SHM_STAT_ANY, SHM_UNLOCK,
} from '../abi/linux/ipc.ts';
import { MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_SHARED } from '../abi/linux/mman.ts';
import { memfd } from '../fs/tmpfs/memfd.ts';
import { Segment, SHM_DEST, SHM_LOCKED, SHMMNI, sweep } from '../kernel/ipc/sysv/segments.ts';
import type { SysvIpc } from '../kernel/ipc/sysv/sysv.ts';
import { mapMemory, unmapMemory } from '../kernel/mm/mapping.ts';
import { Prot } from '../kernel/mm/vma.ts';
import type { Task } from '../kernel/task/task.ts';
import { Cap } from '../vfs/cred.ts';
import { giveBackInPieces } from './pieces.ts';
import { applySet, permFields } from './sysvPerm.ts';

const PAGE = 4096;
/** Beyond kernel.shmmax. */
const TOO_MUCH = 2 ** 64 - 2 ** 24;
/** Sizes of huge pages that there could be, as SHM_HUGE_SHIFT has them; 0: the usual ones. */
const HUGE_SIZES = [0, 21, 30];
const HUGE_SHIFT = 26;

function segmentsOf(t: Task): SysvIpc['segments'] {
  const { segments } = t.ns.ipc.sysv;
  sweep(t.kernel, segments);
  return segments;
}

function makeSegment(t: Task, key: number, size: number, flags: number): Segment | number {
  if (size < 1 || size >= TOO_MUCH) return -EINVAL;
  if ((flags & SHM_HUGETLB) !== 0) {
    if (!HUGE_SIZES.includes((flags >>> HUGE_SHIFT) & 0x3f)) return -EINVAL;
    // vm.hugetlb_shm_group is 0. There are no huge pages.
    return t.cred.has(Cap.IPC_LOCK) || t.cred.inGroup(0) ? -ENOMEM : -EPERM;
  }
  if (size > 0xffffffff) return -ENOMEM;
  const file = memfd(t, '', false);
  const resized = file.truncate(size);
  if (resized < 0) {
    file.release();
    return resized;
  }
  file.path.dentry.name = `/SYSV${(key >>> 0).toString(16).padStart(8, '0')}`;
  return new Segment(t, key, flags, size, file);
}

export function sysShmget(t: Task, key: number, size: number, flags: number): number {
  return segmentsOf(t).get(t, key, flags, (s) => (s.size < size ? -EINVAL : 0), () => makeSegment(t, key, size, flags));
}

export function sysShmat(t: Task, id: number, addr: number, flags: number): number {
  if (id < 0) return -EINVAL;
  let at = addr;
  if (at !== 0) {
    if (at % PAGE !== 0) {
      if ((flags & SHM_RND) === 0) return -EINVAL;
      at -= at % PAGE;
      if (at === 0 && (flags & SHM_REMAP) !== 0) return -EINVAL;
    }
  } else if ((flags & SHM_REMAP) !== 0) return -EINVAL;
  const segment = segmentsOf(t).find(id);
  if (typeof segment === 'number') return segment;
  const writes = (flags & SHM_RDONLY) === 0;
  if (segment.access(t, (writes ? 0o666 : 0o444) | ((flags & SHM_EXEC) !== 0 ? 0o111 : 0)) < 0) return -EACCES;
  const prot = Prot.R | (writes ? Prot.W : 0) | ((flags & SHM_EXEC) !== 0 ? Prot.X : 0);
  const fixed = at === 0 ? 0 : (flags & SHM_REMAP) !== 0 ? MAP_FIXED : MAP_FIXED_NOREPLACE;
  const mapped = mapMemory(t.mm, { addr: at, length: segment.size, prot, flags: MAP_SHARED | fixed, file: segment.file, offset: 0 }, t.rlimits);
  if (mapped < 0) return mapped === -17 ? -EINVAL : mapped;
  segment.attachTime = t.kernel.realtime().sec;
  segment.lastUser = t.tgid;
  return mapped;
}

export function sysShmdt(t: Task, addr: number): number {
  if (addr % PAGE !== 0) return -EINVAL;
  for (const segment of segmentsOf(t).list()) {
    const areas = segment.areasAt(t.mm, addr);
    if (areas.length > 0) return giveBackInPieces(t, areas[0]!.start, areas.at(-1)!.end, () => detach(t, segment, addr));
  }
  return -EINVAL;
}

function detach(t: Task, segment: Segment, addr: number): number {
  for (const { start, end } of segment.areasAt(t.mm, addr).map((vma) => ({ start: vma.start, end: vma.end }))) unmapMemory(t.mm, start, end - start);
  segment.detachTime = t.kernel.realtime().sec;
  segment.lastUser = t.tgid;
  segmentsOf(t);
  return 0;
}

function info(t: Task, command: number, ptr: number): number {
  const segments = segmentsOf(t);
  if (command === IPC_INFO) {
    const { shminfo } = t.abi;
    const buf = t.memory.writable(ptr, shminfo.size);
    if (buf === null) return -EFAULT;
    shminfo.write(buf, { shmmin: 1, shmmni: SHMMNI, shmseg: SHMMNI });
    // ULONG_MAX - 2^24; 32-bit programs are told no larger shmmax than an int holds.
    if (t.abi.longBytes === 8) shminfo.putHalves(buf, 'shmmax', 0xfeffffff, 0xffffffff);
    else shminfo.put(buf, 'shmmax', 0x7fffffff);
    shminfo.putHalves(buf, 'shmall', 0xfeffffff, 0xffffffff);
  } else {
    const { shmInfo } = t.abi;
    const buf = t.memory.writable(ptr, shmInfo.size);
    if (buf === null) return -EFAULT;
    const all = segments.list();
    const pages = all.reduce((n, s) => n + Math.ceil(s.size / PAGE), 0);
    shmInfo.write(buf, { used_ids: all.length, shm_tot: pages, shm_rss: pages });
  }
  return Math.max(0, segments.highest);
}

function stat(t: Task, id: number, command: number, ptr: number): number {
  const segments = segmentsOf(t);
  const segment = command === IPC_STAT ? segments.find(id) : segments.at(id);
  if (typeof segment === 'number') return segment;
  const allowed = command === SHM_STAT_ANY ? 0 : segment.access(t, 0o444);
  if (allowed < 0) return allowed;
  const { shmidDs } = t.abi;
  const buf = t.memory.writable(ptr, shmidDs.size);
  if (buf === null) return -EFAULT;
  shmidDs.write(buf, {
    ...permFields(t, segment), shm_segsz: segment.size, shm_atime: segment.attachTime, shm_dtime: segment.detachTime, shm_ctime: segment.changeTime,
    shm_cpid: t.pidNs.out(segment.creator), shm_lpid: t.pidNs.out(segment.lastUser), shm_nattch: segment.attached(t.kernel),
  });
  return command === IPC_STAT ? 0 : segment.id;
}

export function sysShmctl(t: Task, id: number, command: number, ptr: number): number {
  if (id < 0 || command < 0) return -EINVAL;
  switch (command) {
    case IPC_INFO: case SHM_INFO: return info(t, command, ptr);
    case IPC_STAT: case SHM_STAT: case SHM_STAT_ANY: return stat(t, id, command, ptr);
    case IPC_SET: case IPC_RMID: case SHM_LOCK: case SHM_UNLOCK: break;
    default: return -EINVAL;
  }
  const { shmidDs } = t.abi;
  const buf = command === IPC_SET ? t.memory.readable(ptr, shmidDs.size) : null;
  if (command === IPC_SET && buf === null) return -EFAULT;
  const segment = segmentsOf(t).find(id);
  if (typeof segment === 'number') return segment;
  if (command === SHM_LOCK || command === SHM_UNLOCK) {
    if (!t.cred.hasIn(Cap.IPC_LOCK, t.ns.ipc.userNs) && segment.mayControl(t) < 0) return -EPERM;
    segment.mode = command === SHM_LOCK ? segment.mode | SHM_LOCKED : segment.mode & ~SHM_LOCKED;
    return 0;
  }
  const allowed = segment.mayControl(t);
  if (allowed < 0) return allowed;
  if (command === IPC_RMID) {
    segment.mode |= SHM_DEST;
    segment.key = IPC_PRIVATE;
    segmentsOf(t);
  } else {
    const applied = applySet(t, segment, shmidDs.read(buf!));
    if (applied < 0) return applied;
    segment.changeTime = t.kernel.realtime().sec;
  }
  return 0;
}
