import type { Kernel } from '../../kernel/kernel.ts';
import type { Task } from '../../kernel/task/task.ts';
import type { SystemFacts } from '../systemFacts.ts';
import { sysvipcTable } from './sysvipc.ts';
import { dir, file, link, sysctlOwner, TableDir, text, type MakeNode } from './nodes.ts';
import { sysctlTable } from './sysctl.ts';

const kbLine = (name: string, bytes: number): string => `${`${name}:`.padEnd(16)}${String(Math.floor(bytes / 1024)).padStart(8)} kB\n`;

/** One block per processor, as arch/x86/kernel/cpu/proc.c prints it. */
function cpuinfo(facts: SystemFacts): string {
  const { cpu, cpus } = facts;
  let out = '';
  for (let n = 0; n < cpus; n++) {
    out += `processor\t: ${n}\nvendor_id\t: ${cpu.vendor}\ncpu family\t: ${cpu.family}\nmodel\t\t: ${cpu.model}\nmodel name\t: ${cpu.name}\n` +
      `stepping\t: ${cpu.stepping}\nmicrocode\t: 0x1\ncpu MHz\t\t: ${cpu.mhz.toFixed(3)}\ncache size\t: ${cpu.cacheKb} KB\n` +
      `physical id\t: 0\nsiblings\t: ${cpus}\ncore id\t\t: ${n}\ncpu cores\t: ${cpus}\napicid\t\t: ${n}\ninitial apicid\t: ${n}\n` +
      `fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: ${cpu.level}\nwp\t\t: yes\nflags\t\t: ${cpu.flags.join(' ')}\nbugs\t\t:\n` +
      `bogomips\t: ${(cpu.mhz * 2).toFixed(2)}\nclflush size\t: 64\ncache_alignment\t: 64\n` +
      `address sizes\t: ${cpu.physicalBits} bits physical, ${cpu.virtualBits} bits virtual\npower management:\n\n`;
  }
  return out;
}

function meminfo(facts: SystemFacts): string {
  const { total, free } = facts.memory();
  const used = Math.max(0, total - free);
  const cached = Math.floor(used / 4);
  const rows: (readonly [string, number])[] = [
    ['MemTotal', total], ['MemFree', free], ['MemAvailable', free + cached], ['Buffers', 0], ['Cached', cached], ['SwapCached', 0],
    ['Active', used - cached], ['Inactive', cached], ['Active(anon)', used - cached], ['Inactive(anon)', 0], ['Active(file)', 0], ['Inactive(file)', cached],
    ['Unevictable', 0], ['Mlocked', 0], ['SwapTotal', 0], ['SwapFree', 0], ['Dirty', 0], ['Writeback', 0], ['AnonPages', used - cached],
    ['Mapped', 0], ['Shmem', 0], ['KReclaimable', 0], ['Slab', 0], ['SReclaimable', 0], ['SUnreclaim', 0], ['KernelStack', 0], ['PageTables', 0],
    ['SecPageTables', 0], ['NFS_Unstable', 0], ['Bounce', 0], ['WritebackTmp', 0], ['CommitLimit', Math.floor(total / 2)], ['Committed_AS', used],
  ];
  return rows.map(([name, bytes]) => kbLine(name, bytes)).join('') +
    'VmallocTotal:   34359738367 kB\n' + kbLine('VmallocUsed', 0) + kbLine('VmallocChunk', 0) + kbLine('Percpu', 0) + kbLine('AnonHugePages', 0) +
    kbLine('ShmemHugePages', 0) + kbLine('ShmemPmdMapped', 0) + kbLine('FileHugePages', 0) + kbLine('FilePmdMapped', 0) +
    ['Total', 'Free', 'Rsvd', 'Surp'].map((n) => `HugePages_${n}:`.padEnd(16) + '       0\n').join('') +
    kbLine('Hugepagesize', 2 << 20) + kbLine('Hugetlb', 0) + kbLine('DirectMap4k', total);
}

/** CPU time of all living processes, in ticks. */
function busyTicks(kernel: Kernel): { user: number; system: number } {
  let user = 0;
  let system = 0;
  for (const process of kernel.pids.processes.values()) {
    const { userNs, systemNs } = kernel.cpuClock.ofProcess(process);
    user += userNs + process.childUsage.userNs;
    system += systemNs + process.childUsage.systemNs;
  }
  return { user: Math.floor(user / 1e7), system: Math.floor(system / 1e7) };
}

/** The monotonic clock, which begins with the machine. */
const uptimeSec = (kernel: Kernel): number => kernel.nowNs() / 1e9;

/** More threads run than there are processors, and what they wait is counted: the idle time must not go back for it. */
function uptimeText(kernel: Kernel, facts: SystemFacts): (t: Task) => string {
  let idle = 0;
  return (t) => {
    const { user, system } = busyTicks(kernel);
    const up = uptimeSec(kernel);
    idle = Math.max(idle, up * facts.cpus - (user + system) / 100);
    return `${(up + t.ns.time.bootNs / 1e9).toFixed(2)} ${idle.toFixed(2)}\n`;
  };
}

function running(kernel: Kernel): number {
  let n = 0;
  for (const t of kernel.pids.tasks.values()) if ((t.state === 'running' && !kernel.guests.waitsLocally(t)) || t.state === 'served') n++;
  return n;
}

function stat(kernel: Kernel, facts: SystemFacts): string {
  const { cpus } = facts;
  const { user, system } = busyTicks(kernel);
  const total = Math.floor(uptimeSec(kernel) * 100);
  const idle = Math.max(0, total * cpus - user - system);
  const line = (name: string, n: number): string => `${name} ${Math.floor(user / n)} 0 ${Math.floor(system / n)} ${Math.floor(idle / n)} 0 0 0 0 0 0\n`;
  let out = line('cpu ', 1);
  for (let n = 0; n < cpus; n++) out += line(`cpu${n}`, cpus);
  const btime = kernel.realtime().sec - Math.floor(uptimeSec(kernel));
  return `${out}intr 0\nctxt ${kernel.contextSwitches}\nbtime ${btime}\nprocesses ${kernel.pids.lastAllocated}\nprocs_running ${Math.max(1, running(kernel))}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n`;
}

const DEVICES = `Character devices:
  1 mem
  4 tty
  5 /dev/tty
  5 /dev/console
  5 /dev/ptmx
 10 misc
128 ptm
136 pts

Block devices:
`;

const TTY_DRIVERS = `/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
pty_slave            /dev/pts      136 0-1048575 pty:slave
pty_master           /dev/ptm      128 0-1048575 pty:master
`;

const VMSTAT = ['nr_free_pages', 'nr_zone_inactive_anon', 'nr_zone_active_anon', 'nr_zone_inactive_file', 'nr_zone_active_file', 'nr_mlock', 'nr_anon_pages',
  'nr_mapped', 'nr_file_pages', 'nr_dirty', 'nr_writeback', 'pgpgin', 'pgpgout', 'pswpin', 'pswpout', 'pgfault', 'pgmajfault', 'oom_kill'];

/** The files of /proc itself. */
export function systemTable(kernel: Kernel, facts: SystemFacts): Record<string, MakeNode> {
  const { release, version } = kernel.parts;
  return {
    bus: dir({ input: dir({ devices: text(''), handlers: text('') }) }),
    cgroups: text('#subsys_name\thierarchy\tnum_cgroups\tenabled\n'),
    cmdline: text('\n'),
    consoles: text(''),
    cpuinfo: file(() => cpuinfo(facts)),
    crypto: text(''),
    devices: text(DEVICES),
    diskstats: text(''),
    driver: dir({}),
    execdomains: text('0-0\tLinux           \t[kernel]\n'),
    filesystems: file(() => facts.fileSystems.map(({ name, device }) => `${device ? '' : 'nodev'}\t${name}\n`).join('')),
    fs: dir({}),
    interrupts: file(() => `           ${Array.from({ length: facts.cpus }, (_, n) => `CPU${n}       `).join('')}\n`),
    kcore: text('', 0o400),
    'key-users': text(''),
    keys: text(''),
    kmsg: text('', 0o400),
    loadavg: file(() => `${kernel.parts.loadAverages().map((load) => load.toFixed(2)).join(' ')} ${Math.max(1, running(kernel))}/${kernel.pids.tasks.size} ${kernel.pids.lastAllocated}\n`),
    locks: text(''),
    meminfo: file(() => meminfo(facts)),
    misc: text(''),
    modules: text(''),
    mounts: link('self/mounts'),
    net: link('self/net'),
    partitions: text('major minor  #blocks  name\n\n'),
    stat: file(() => stat(kernel, facts)),
    swaps: text('Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'),
    sys: (fs) => new TableDir(fs, sysctlTable(kernel, facts), sysctlOwner),
    sysvipc: dir(sysvipcTable(kernel)),
    tty: dir({ drivers: text(TTY_DRIVERS), ldiscs: text('n_tty       0\n'), driver: dir({}), ldisc: dir({}) }),
    uptime: file(uptimeText(kernel, facts)),
    version: text(`Linux version ${release} (tuxlate@tuxlate) (gcc) ${version}\n`),
    vmstat: text(VMSTAT.map((name) => `${name} 0\n`).join('')),
  };
}
