/** NUMA policies on a machine with one node: checked and remembered, with nothing to choose from (mm/mempolicy.c). */
import { EACCES, EFAULT, EINVAL, ENODEV, ENOENT, EOPNOTSUPP, EPERM, ESRCH } from '../abi/linux/errno.ts';
import { mayInspect } from '../fs/procfs/pidDir.ts';
import { Page, pageOf } from '../kernel/mm/page.ts';
import { pageUp as roundUp } from '../kernel/mm/mapping.ts';
import type { MemoryPolicy } from '../kernel/mm/vma.ts';
import type { Task } from '../kernel/task/task.ts';
import { Access } from '../machine/exit.ts';
import { Cap } from '../vfs/cred.ts';
import type { SyscallRow } from './row.ts';

const Mode = { default: 0, preferred: 1, bind: 2, interleave: 3, local: 4, preferredMany: 5, weightedInterleave: 6 } as const;
const MODES = 7;
const STATIC_NODES = 1 << 15, RELATIVE_NODES = 1 << 14, NUMA_BALANCING = 1 << 13;
const F_NODE = 1, F_ADDR = 2, F_MEMS_ALLOWED = 4;
const MF_STRICT = 1, MF_MOVE = 2, MF_MOVE_ALL = 4;
/** MAX_NUMNODES; node ids in use: 1. */
const MOST_NODES = 1024, NODE_IDS = 1;
const PAGE_BITS = 32768;

/** Whether node 0, and whether any other, is in the mask of `maxNode` - 1 bits at `ptr`; or -errno. */
function readNodes(t: Task, ptr: number, maxNode: number): { first: boolean; others: boolean } | number {
  const bits = maxNode - 1;
  if (!(bits > 0) || ptr === 0) return maxNode === 0 && ptr !== 0 ? -EINVAL : { first: false, others: false };
  if (bits > PAGE_BITS) return -EINVAL;
  const word = t.arch.wordSize;
  const bytes = t.memory.copyIn(ptr, Math.ceil(bits / (8 * word)) * word);
  if (bytes === null) return -EFAULT;
  let others = false;
  for (let node = 1; node < bits; node++) {
    if ((bytes[node >>> 3]! & (1 << (node & 7))) === 0) continue;
    if (node >= MOST_NODES) return -EINVAL;
    others = true;
  }
  return { first: (bytes[0]! & 1) !== 0, others };
}

/** A policy from user's words, null for the default one; or -EINVAL. */
function makePolicy(modeAndFlags: number, nodes: { first: boolean; others: boolean }): MemoryPolicy | null | number {
  const flags = modeAndFlags & (STATIC_NODES | RELATIVE_NODES | NUMA_BALANCING);
  let mode = modeAndFlags & ~flags;
  const none = !nodes.first && !nodes.others, placed = (flags & (STATIC_NODES | RELATIVE_NODES)) !== 0;
  if (mode === Mode.default) return none && flags === 0 ? null : none ? null : -EINVAL;
  if (mode === Mode.preferred && none) {
    if (placed) return -EINVAL;
    mode = Mode.local;
  } else if (mode === Mode.local) {
    if (!none || placed) return -EINVAL;
  } else if (none) return -EINVAL;
  // Relative node numbers wrap round: any of them is the one there is.
  if (mode !== Mode.local && !nodes.first && (flags & RELATIVE_NODES) === 0) return -EINVAL;
  return { mode, flags };
}

/** Rounding up wraps at 2^64. */
function pageUp(length: number): number {
  const n = roundUp(length);
  return n >= 2 ** 64 ? 0 : n;
}

function checkMode(modeAndFlags: number): number {
  const flags = modeAndFlags & (STATIC_NODES | RELATIVE_NODES | NUMA_BALANCING);
  const mode = (modeAndFlags & ~flags) >>> 0;
  if (mode >= MODES) return -EINVAL;
  if ((flags & STATIC_NODES) !== 0 && (flags & RELATIVE_NODES) !== 0) return -EINVAL;
  return (flags & NUMA_BALANCING) !== 0 && mode !== Mode.bind && mode !== Mode.preferredMany ? -EINVAL : 0;
}

function sysGetMempolicy(t: Task, modePtr: number, nodesPtr: number, maxNode: number, addr: number, flags: number): number {
  if (nodesPtr !== 0 && maxNode < NODE_IDS) return -EINVAL;
  if (flags > (F_NODE | F_ADDR | F_MEMS_ALLOWED)) return -EINVAL;
  let value = 0, nodes = false;
  if ((flags & F_MEMS_ALLOWED) !== 0) {
    if ((flags & (F_NODE | F_ADDR)) !== 0) return -EINVAL;
    nodes = true;
  } else {
    let policy = t.memoryPolicy;
    if ((flags & F_ADDR) !== 0) {
      const vma = t.mm.areas.find(addr);
      if (vma === null) return -EFAULT;
      policy = vma.policy;
    } else if (addr !== 0) return -EINVAL;
    if ((flags & F_NODE) !== 0) {
      if ((flags & F_ADDR) !== 0) {
        if (t.mm.prepare(addr, 1, Access.read) < 1) return -EFAULT;
      } else if (policy?.mode !== Mode.interleave && policy?.mode !== Mode.weightedInterleave) return -EINVAL;
    } else value = policy === null ? Mode.default : policy.mode | policy.flags;
    nodes = policy !== null && policy.mode !== Mode.local;
  }
  if (modePtr !== 0 && !t.memory.setU32(modePtr, value)) return -EFAULT;
  return nodesPtr === 0 ? 0 : writeNodes(t, nodesPtr, maxNode, nodes);
}

function writeNodes(t: Task, ptr: number, maxNode: number, first: boolean): number {
  const length = Math.ceil((maxNode - 1) / 64) * 8;
  if (length > 4096) return -EINVAL;
  const buf = t.memory.writable(ptr, length);
  if (buf === null) return -EFAULT;
  buf.fill(0);
  if (length > 0 && first) buf[0] = 1;
  return 0;
}

function sysSetMempolicy(t: Task, mode: number, nodesPtr: number, maxNode: number): number {
  const bad = checkMode(mode);
  if (bad !== 0) return bad;
  const nodes = readNodes(t, nodesPtr, maxNode);
  if (typeof nodes === 'number') return nodes;
  const policy = makePolicy(mode, nodes);
  if (typeof policy === 'number') return policy;
  t.memoryPolicy = policy;
  return 0;
}

function sysMbind(t: Task, start: number, length: number, mode: number, nodesPtr: number, maxNode: number, flags: number): number {
  const bad = checkMode(mode);
  if (bad !== 0) return bad;
  const nodes = readNodes(t, nodesPtr, maxNode);
  if (typeof nodes === 'number') return nodes;
  if ((flags & ~(MF_STRICT | MF_MOVE | MF_MOVE_ALL)) !== 0) return -EINVAL;
  if ((flags & MF_MOVE_ALL) !== 0 && !t.cred.has(Cap.SYS_NICE)) return -EPERM;
  if (start % 4096 !== 0) return -EINVAL;
  const end = start + pageUp(length);
  if (!(end < 2 ** 64)) return -EINVAL;
  if (end === start) return 0;
  const policy = makePolicy(mode, nodes);
  if (typeof policy === 'number') return policy;
  const { areas } = t.mm;
  if (!(end <= t.mm.limit) || !areas.covered(start, end)) return -EFAULT;
  for (const vma of areas.carve(start, end)) vma.policy = policy;
  areas.mergeAround(start, end);
  return 0;
}

function sysHomeNode(t: Task, start: number, length: number, node: number, flags: number): number {
  if (start % 4096 !== 0 || flags !== 0 || node !== 0) return -EINVAL;
  const end = start + pageUp(length);
  if (!(end < 2 ** 64)) return -EINVAL;
  if (end === start) return 0;
  let result = -ENOENT;
  for (const vma of t.mm.areas.items) {
    if (vma.end <= start || vma.start >= end || vma.policy === null) continue;
    if (vma.policy.mode !== Mode.bind && vma.policy.mode !== Mode.preferredMany) return -EOPNOTSUPP;
    result = 0;
  }
  return result;
}

/** The task whose pages are asked for, or -ESRCH, -EPERM. */
function targetOf(t: Task, pid: number): Task | number {
  const target = pid === 0 ? t : t.kernel.pids.tasks.get(pid);
  if (target === undefined) return -ESRCH;
  return target !== t && mayInspect(t, target) < 0 ? -EPERM : target;
}

function sysMigratePages(t: Task, pid: number, maxNode: number, oldPtr: number, newPtr: number): number {
  const from = readNodes(t, oldPtr, maxNode);
  if (typeof from === 'number') return from;
  const to = readNodes(t, newPtr, maxNode);
  if (typeof to === 'number') return to;
  const target = targetOf(t, pid);
  if (typeof target === 'number') return target;
  if (to.others && !t.cred.has(Cap.SYS_NICE)) return -EPERM;
  return to.first ? 0 : -EINVAL;
}

function sysMovePages(t: Task, pid: number, count: number, pages: number, nodes: number, status: number, flags: number): number {
  if ((flags & ~(MF_MOVE | MF_MOVE_ALL)) !== 0) return -EINVAL;
  if ((flags & MF_MOVE_ALL) !== 0 && !t.cred.has(Cap.SYS_NICE)) return -EPERM;
  const target = targetOf(t, pid);
  if (typeof target === 'number') return target;
  const word = t.arch.wordSize;
  for (let i = 0; i < count; i++) {
    const addr = t.memory.word(pages + i * word, word);
    if (addr === null) return -EFAULT;
    if (nodes !== 0) {
      const node = t.memory.i32(nodes + 4 * i);
      if (node === null) return -EFAULT;
      if (node < 0 || node >= MOST_NODES) return -ENODEV;
      if (node !== 0) return node < NODE_IDS ? -EACCES : -ENODEV;
    }
    if (!t.memory.setU32(status + 4 * i, placeOf(target, addr) >>> 0)) return -EFAULT;
  }
  return 0;
}

/** The node of a page, -ENOENT when it was never touched, -EFAULT when nothing is mapped there. */
function placeOf(t: Task, addr: number): number {
  if (t.mm.areas.find(addr) === null) return -EFAULT;
  return (t.mm.pages[pageOf(addr)]! & (Page.present | Page.lazy | Page.shared)) !== 0 ? 0 : -ENOENT;
}

export const memoryPolicyRows: readonly SyscallRow[] = [
  { name: 'get_mempolicy', x86_64: 239, i386: 275, args: ['ptr', 'ptr', 'ulong', 'ptr', 'ulong'], ret: 'int', handler: sysGetMempolicy },
  { name: 'set_mempolicy', x86_64: 238, i386: 276, args: ['int', 'ptr', 'ulong'], ret: 'int', handler: sysSetMempolicy },
  { name: 'mbind', x86_64: 237, i386: 274, args: ['ptr', 'size', 'int', 'ptr', 'ulong', 'uint'], ret: 'int', handler: sysMbind },
  { name: 'migrate_pages', x86_64: 256, i386: 294, args: ['pid', 'ulong', 'ptr', 'ptr'], ret: 'int', handler: sysMigratePages },
  { name: 'move_pages', x86_64: 279, i386: 317, args: ['pid', 'ulong', 'ptr', 'ptr', 'ptr', 'int'], ret: 'int', handler: sysMovePages },
  { name: 'set_mempolicy_home_node', x86_64: 450, i386: 450, args: ['ptr', 'size', 'ulong', 'ulong'], ret: 'int', handler: sysHomeNode },
];
