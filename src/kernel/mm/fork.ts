import { Perm } from '../../machine/memoryLayout.ts';
import { AddressSpace } from './addressSpace.ts';
import { membarrierRegistrations, registerMembarrier } from './membarrier.ts';
import { Lineage } from './lineage.ts';
import { pageOf } from './page.ts';

/** fork's copy of an address space: areas at once, private pages when touched. */
export function forkAddressSpace(parent: AddressSpace): AddressSpace {
  parent.quiesce();
  const child = new AddressSpace(parent.host, parent.memory.bytes.length);
  child.layout = { ...parent.layout };
  child.mmapBase = parent.mmapBase;
  child.reserved = parent.reserved;
  child.overlong = parent.overlong;
  if (parent.tall) child.becomeTall();
  child.stackLimit = parent.stackLimit;
  child.stackRoom = parent.stackRoom;
  child.dumpable = parent.dumpable;
  child.inherit(parent);
  registerMembarrier(child, membarrierRegistrations(parent));
  child.exe = parent.exe?.acquire() ?? null;
  child.lineage.expect(parent.areas.items.reduce((most, { end }) => Math.max(most, pageOf(end)), 0));
  for (const vma of parent.areas.items) {
    if (vma.dontFork) continue;
    const copy = vma.slice(vma.start, vma.end);
    if (copy.locked) copy.locked = false;
    copy.mm = child;
    child.areas.items.push(copy);
    child.totalPages += copy.pages;
    if (!copy.shared && (copy.prot & 2) !== 0 && !copy.growsDown) child.dataPages += copy.pages;
    const first = pageOf(vma.start), last = pageOf(vma.end);
    if (vma.prot !== 0) child.permissions.bytes.fill(Perm.ASK, first, last);
    if (vma.object !== null || vma.wipeOnFork) continue;
    Lineage.forkPages(parent, child, first, last);
    parent.permissions.withholdWrites(first, last);
  }
  return child;
}
