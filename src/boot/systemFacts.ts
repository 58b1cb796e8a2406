import type { SystemFacts } from '../fs/systemFacts.ts';
import type { Random } from '../host/random.ts';
import { cpuinfoFlags, cpuinfoIdentity } from '../isa/cpuid.ts';

/** Types that mount(2) knows, as /proc/filesystems lists them. */
const fileSystems = ['sysfs', 'tmpfs', 'proc', 'devtmpfs', 'devpts', 'pipefs', 'sockfs', 'overlay', 'hostfs'].map((name) => ({ name, device: false }));

export function systemFacts(random: Random, cpus: number, memory: SystemFacts['memory']): SystemFacts {
  const fresh = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    random.fill(bytes);
    return bytes;
  };
  const { vendor, family, model, stepping, brand } = cpuinfoIdentity;
  return {
    cpu: { vendor, family, model, stepping, name: brand, mhz: 1000, cacheKb: 8192, level: 13, flags: cpuinfoFlags, physicalBits: 40, virtualBits: 48 },
    cpus,
    memory,
    bootId: fresh(16),
    random: fresh,
    fileSystems,
  };
}
