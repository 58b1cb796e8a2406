import { EINVAL } from '../../abi/linux/errno.ts';
import { LAST_CAP } from '../../vfs/cred.ts';
import type { SysvIpc } from '../../kernel/ipc/sysv/sysv.ts';
import type { Task } from '../../kernel/task/task.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { SystemFacts } from '../systemFacts.ts';
import { dir, file, InfoFile, setting, text, type MakeNode } from './nodes.ts';

function uuid(bytes: Uint8Array): string {
  const hex = [...bytes].map((b, i) => {
    const v = i === 6 ? (b & 0x0f) | 0x40 : i === 8 ? (b & 0x3f) | 0x80 : b;
    return v.toString(16).padStart(2, '0');
  }).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}\n`;
}

/** A text of the kernel's that programs may change. */
function kernelText(get: (t: Task) => string, put: (t: Task, value: string) => void): MakeNode {
  return (fs, owner) => new InfoFile(fs, 0o644, owner, (t) => `${get(t)}\n`, (written, t) => {
    const value = written.replace(/\n.*$/s, '');
    if (value.length > 64) return -EINVAL;
    put(t, value);
    return written.length;
  });
}

/** Id of the next System V object, for who restores some. */
const nextId = (kind: keyof SysvIpc): MakeNode => (fs, owner) => new InfoFile(fs, 0o644, owner, (t) => `${t.ns.ipc.sysv[kind].nextId}\n`, (written, t) => {
  const n = Number(written.trim());
  if (!/^\s*-?\d+\s*$/.test(written) || n < 0 || n > 0x7fffffff) return -EINVAL;
  t.ns.ipc.sysv[kind].nextId = n;
  return written.length;
});

const numbers = (table: Readonly<Record<string, number | string>>): Record<string, MakeNode> =>
  Object.fromEntries(Object.entries(table).map(([name, value]) => [name, setting(String(value))]));

function kernelTable(kernel: Kernel, facts: SystemFacts): Record<string, MakeNode> {
  const { release, version } = kernel.parts;
  return {
    ...numbers({
      acct: '4\t2\t30', auto_msgmni: 0, core_pattern: 'core', core_pipe_limit: 0, core_uses_pid: 0, 'ctrl-alt-del': 0, dmesg_restrict: 0, io_uring_disabled: 2,
      kptr_restrict: 0, modules_disabled: 1, msgmax: 8192, msgmnb: 16384, msgmni: 32000, overflowgid: 65534, overflowuid: 65534, panic: 0,
      panic_on_oops: 0, perf_event_max_sample_rate: 100000, perf_event_mlock_kb: 516, perf_event_paranoid: 4, printk: '4\t4\t1\t7', 'print-fatal-signals': 0,
      randomize_va_space: 0, sched_autogroup_enabled: 0, sched_child_runs_first: 0, sched_rr_timeslice_ms: 100, sched_rt_period_us: 1000000,
      sched_rt_runtime_us: 950000, sem: '32000\t1024000000\t500\t32000', shm_rmid_forced: 0, shmall: '18446744073692774399',
      shmmax: '18446744073692774399', shmmni: 4096, sysrq: 0, tainted: 0, 'threads-max': 192731, unprivileged_bpf_disabled: 2, watchdog: 0,
    }),
    arch: text('x86_64\n'),
    msg_next_id: nextId('queues'),
    cap_last_cap: text(`${LAST_CAP}\n`),
    domainname: kernelText((t) => t.ns.uts.domainname, (t, v) => (t.ns.uts.domainname = v)),
    hostname: kernelText((t) => t.ns.uts.hostname, (t, v) => (t.ns.uts.hostname = v)),
    keys: dir(numbers({ gc_delay: 300, maxbytes: 20000, maxkeys: 200, root_maxbytes: 25000000, root_maxkeys: 1000000 })),
    ngroups_max: text('65536\n'),
    ns_last_pid: file(() => `${kernel.pids.lastAllocated}\n`),
    osrelease: text(`${release}\n`),
    ostype: text('Linux\n'),
    pid_max: (fs, owner) => new InfoFile(fs, 0o644, owner, () => `${kernel.pids.max}\n`, (written) => {
      const n = Number(written.trim());
      if (!Number.isInteger(n) || n < 301 || n > 4194304) return -EINVAL;
      kernel.pids.max = n;
      return written.length;
    }),
    pty: dir({ ...numbers({ max: 4096, reserve: 1024 }), nr: text('0\n') }),
    random: dir({
      ...numbers({ urandom_min_reseed_secs: 60, write_wakeup_threshold: 256 }),
      boot_id: text(uuid(facts.bootId)), entropy_avail: text('256\n'), poolsize: text('256\n'), uuid: file(() => uuid(facts.random(16))),
    }),
    sem_next_id: nextId('semaphores'),
    shm_next_id: nextId('segments'),
    seccomp: dir({ actions_avail: text('kill_process kill_thread trap errno user_notif trace log allow\n'), actions_logged: text('kill_process kill_thread trap errno user_notif trace log\n') }),
    usermodehelper: dir({}),
    version: text(`${version}\n`),
    yama: dir(numbers({ ptrace_scope: 0 })),
  };
}

const vm = numbers({
  admin_reserve_kbytes: 8192, compact_unevictable_allowed: 1, compaction_proactiveness: 20, dirty_background_bytes: 0, dirty_background_ratio: 10, dirty_bytes: 0,
  dirty_expire_centisecs: 3000, dirty_ratio: 20, dirty_writeback_centisecs: 500, dirtytime_expire_seconds: 43200, drop_caches: 0, extfrag_threshold: 500,
  hugetlb_shm_group: 0, laptop_mode: 0, legacy_va_layout: 0, max_map_count: 65530, memfd_noexec: 0, min_free_kbytes: 67584, mmap_min_addr: 65536,
  mmap_rnd_bits: 28, mmap_rnd_compat_bits: 8, nr_hugepages: 0, nr_hugepages_mempolicy: 0, nr_overcommit_hugepages: 0, oom_dump_tasks: 1,
  oom_kill_allocating_task: 0, overcommit_kbytes: 0, overcommit_memory: 1, overcommit_ratio: 50, 'page-cluster': 3, page_lock_unfairness: 5, panic_on_oom: 0,
  stat_interval: 1, swappiness: 60, unprivileged_userfaultfd: 0, user_reserve_kbytes: 131072, vfs_cache_pressure: 100, watermark_boost_factor: 15000,
  watermark_scale_factor: 10,
});

const fsTable = (): Record<string, MakeNode> => ({
  ...numbers({
    'aio-max-nr': 65536, 'dir-notify-enable': 1, 'file-max': '9223372036854775807', 'lease-break-time': 45, 'leases-enable': 1, 'mount-max': 100000, nr_open: 1048576,
    overflowgid: 65534, overflowuid: 65534, 'pipe-max-size': 1048576, 'pipe-user-pages-hard': 0, 'pipe-user-pages-soft': 16384, protected_fifos: 0,
    protected_hardlinks: 1, protected_regular: 0, protected_symlinks: 1, suid_dumpable: 0,
  }),
  'aio-nr': text('0\n'),
  binfmt_misc: dir({}),
  'dentry-state': text('10000\t5000\t45\t0\t1000\t0\n'),
  epoll: dir(numbers({ max_user_watches: 5000000 })),
  'file-nr': text('1024\t0\t9223372036854775807\n'),
  'inode-nr': text('10000\t1000\n'),
  'inode-state': text('10000\t1000\t0\t0\t0\t0\t0\n'),
  inotify: dir(numbers({ max_queued_events: 16384, max_user_instances: 128, max_user_watches: 180000 })),
  mqueue: dir(numbers({ msg_default: 10, msg_max: 10, msgsize_default: 8192, msgsize_max: 8192, queues_max: 256 })),
  quota: dir({}),
});

const netTree = (): Record<string, MakeNode> => ({
  core: dir(numbers({
    default_qdisc: 'pfifo_fast', dev_weight: 64, message_burst: 10, netdev_max_backlog: 1000, optmem_max: 20480, rmem_default: 212992, rmem_max: 212992, somaxconn: 4096,
    wmem_default: 212992, wmem_max: 212992,
  })),
  ipv4: dir({
    ...numbers({
      icmp_echo_ignore_all: 0, ip_default_ttl: 64, ip_forward: 0, ip_local_port_range: '32768\t60999', ip_local_reserved_ports: '', ip_nonlocal_bind: 0,
      ip_unprivileged_port_start: 1024, tcp_congestion_control: 'cubic', tcp_fastopen: 1, tcp_fin_timeout: 60, tcp_keepalive_intvl: 75,
      tcp_keepalive_probes: 9, tcp_keepalive_time: 7200, tcp_max_syn_backlog: 1024, tcp_rmem: '4096\t131072\t6291456', tcp_sack: 1, tcp_syncookies: 1,
      tcp_timestamps: 1, tcp_tw_reuse: 2, tcp_window_scaling: 1, tcp_wmem: '4096\t16384\t4194304',
    }),
    ping_group_range: (fs, owner) => new InfoFile(fs, 0o644, owner, (t) => `${t.ns.net.pingGroups.join('\t')}\n`, (written, t) => {
      const groups = /^\s*(\d+)\s+(\d+)\s*$/.exec(written);
      if (groups === null) return -EINVAL;
      const [low, high] = [Number(groups[1]), Number(groups[2])];
      if (low > 0x7fffffff || high > 0x7fffffff) return -EINVAL;
      t.ns.net.pingGroups = high < low ? [1, 0] : [low, high];
      return written.length;
    }),
    tcp_available_congestion_control: text('reno cubic\n'),
  }),
  ipv6: dir({ ...numbers({ bindv6only: 0 }), conf: dir({ all: dir(numbers({ disable_ipv6: 0, forwarding: 0 })), default: dir(numbers({ disable_ipv6: 0, forwarding: 0 })), lo: dir(numbers({ disable_ipv6: 0, forwarding: 0 })) }) }),
  unix: dir(numbers({ max_dgram_qlen: 512 })),
});

/** /proc/sys. Values that the kernel does not act on are kept and shown. */
export function sysctlTable(kernel: Kernel, facts: SystemFacts): Record<string, MakeNode> {
  const namespaces = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'];
  return {
    abi: dir(numbers({ vsyscall32: 1 })),
    debug: dir(numbers({ 'exception-trace': 1 })),
    dev: dir({ tty: dir(numbers({ ldisc_autoload: 1, legacy_tiocsti: 0 })) }),
    fs: dir(fsTable()),
    kernel: dir(kernelTable(kernel, facts)),
    net: dir(netTree()),
    user: dir(numbers(Object.fromEntries(namespaces.map((n) => [`max_${n}_namespaces`, 96365])))),
    vm: dir(vm),
  };
}
