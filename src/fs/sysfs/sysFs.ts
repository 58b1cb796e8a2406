import { SYSFS_MAGIC } from '../../abi/linux/fs.ts';
import { Dentry } from '../../vfs/dentry.ts';
import { FileSystem } from '../../vfs/fileSystem.ts';
import type { FsEnv } from '../../vfs/fsEnv.ts';
import type { StatFs } from '../../vfs/stat.ts';
import { cpuList, cpuMask } from '../procfs/format.ts';
import { dir, link, rootOwner, setting, TableDir, text, type MakeNode } from '../procfs/nodes.ts';
import type { SystemFacts } from '../systemFacts.ts';

/** The part of /sys that programs look at: processors, memory policy, block and network device lists. */
export class SysFs extends FileSystem {
  override readonly typeName = 'sysfs';
  override readonly noExec = true;
  override readonly nameCache = 'never';

  constructor(env: FsEnv, facts: SystemFacts) {
    super(env);
    this.root = new Dentry('/', null, new TableDir(this, table(facts), rootOwner));
  }

  override statfs(): StatFs {
    return { type: SYSFS_MAGIC, bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0, fsid: [0, 0], namelen: 255, frsize: 4096, flags: 0 };
  }
}

const line = (value: string | number): MakeNode => text(`${value}\n`);

function cache(level: number, type: string, kb: number, shared: string, mask: string): MakeNode {
  return dir({
    coherency_line_size: line(64), id: line(0), level: line(level), number_of_sets: line((kb * 1024) / 64 / 8), physical_line_partition: line(1),
    shared_cpu_list: line(shared), shared_cpu_map: line(mask), size: line(`${kb}K`), type: line(type), ways_of_associativity: line(8),
  });
}

function cpu(n: number, facts: SystemFacts): MakeNode {
  const own = cpuMask(n + 1);
  const all = cpuMask(facts.cpus);
  const entries: Record<string, MakeNode> = {
    cache: dir({
      index0: cache(1, 'Data', 32, String(n), own), index1: cache(1, 'Instruction', 32, String(n), own), index2: cache(2, 'Unified', facts.cpu.cacheKb, String(n), own),
    }),
    crash_notes_size: line(552),
    topology: dir({
      cluster_cpus: line(own), cluster_id: line(65535), core_cpus: line(own), core_cpus_list: line(n), core_id: line(n), core_siblings: line(all),
      core_siblings_list: line(cpuList(facts.cpus)), die_cpus: line(all), die_cpus_list: line(cpuList(facts.cpus)), die_id: line(0), package_cpus: line(all),
      package_cpus_list: line(cpuList(facts.cpus)), physical_package_id: line(0), thread_siblings: line(own), thread_siblings_list: line(n),
    }),
  };
  if (n > 0) entries['online'] = setting('1');
  return dir(entries);
}


function table(facts: SystemFacts): Record<string, MakeNode> {
  const { cpus } = facts;
  const list = cpuList(cpus);
  const cpuDirs = Object.fromEntries(Array.from({ length: cpus }, (_, n) => [`cpu${n}`, cpu(n, facts)]));
  const node0 = dir({
    cpulist: line(list), cpumap: line(cpuMask(cpus)), distance: line(10),
    meminfo: (fs, owner) => text(`Node 0 MemTotal: ${Math.floor(facts.memory().total / 1024)} kB\nNode 0 MemFree: ${Math.floor(facts.memory().free / 1024)} kB\n`)(fs, owner),
    ...Object.fromEntries(Array.from({ length: cpus }, (_, n) => [`cpu${n}`, link(`../../cpu/cpu${n}`)])),
  });
  return {
    block: dir({}),
    bus: dir({ cpu: dir({}), pci: dir({ devices: dir({}) }), usb: dir({ devices: dir({}) }) }),
    class: dir({ block: dir({}), net: dir({ lo: link('../../devices/virtual/net/lo') }), tty: dir({}) }),
    dev: dir({ block: dir({}), char: dir({}) }),
    devices: dir({
      system: dir({
        cpu: dir({
          ...cpuDirs, isolated: line(''), kernel_max: line(8191), offline: line(''), online: line(list), possible: line(list), present: line(list),
          modalias: line(`cpu:type:x86,ven0000fam${facts.cpu.family.toString(16).padStart(4, '0')}mod${facts.cpu.model.toString(16).padStart(4, '0')}`),
        }),
        node: dir({ has_cpu: line(0), has_memory: line(0), has_normal_memory: line(0), node0, online: line(0), possible: line(0) }),
        clocksource: dir({ clocksource0: dir({ available_clocksource: line('tsc'), current_clocksource: line('tsc') }) }),
      }),
      virtual: dir({
        net: dir({ lo: dir({ address: line('00:00:00:00:00:00'), addr_len: line(6), flags: line('0x9'), ifindex: line(1), mtu: line(65536), operstate: line('unknown'), type: line(772) }) }),
        tty: dir({}),
      }),
    }),
    firmware: dir({}),
    fs: dir({ cgroup: dir({}) }),
    kernel: dir({
      mm: dir({
        hugepages: dir({}),
        transparent_hugepage: dir({ defrag: line('always defer defer+madvise madvise [never]'), enabled: line('always madvise [never]'), hpage_pmd_size: line(2097152), shmem_enabled: line('always within_size advise [never] deny force'), use_zero_page: line(0) }),
      }),
      security: dir({}),
    }),
    module: dir({}),
    power: dir({}),
  };
}
