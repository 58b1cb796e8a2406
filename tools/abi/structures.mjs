// The C structures whose layouts src/abi takes from the compiler, one entry per generated file.
//
// structs: name in TypeScript -> [C type, fields]. A field is `name` or `name=C expression after the dot`; a trailing
// `:bytes` makes it a byte array. `fields` may be {x86_64, i386} where the two ABIs have different ones; such a
// structure is used by arch-specific code only and does not appear in the Abi interface.

const kernelTypes = `
typedef unsigned long ulong_t; typedef unsigned long long u64_; typedef unsigned int u32_;
`;

// struct sigaction as rt_sigaction(2) takes it; asm/signal.h has it for x86-64 only.
const kernelSigaction = `
#undef sa_handler
#undef sa_sigaction
struct kernel_sigaction { void *sa_handler; unsigned long sa_flags; void *sa_restorer; unsigned int sa_mask[2]; };
struct old_sigaction { void *sa_handler; unsigned int sa_mask; unsigned long sa_flags; void *sa_restorer; };
`;

// The frames of arch/x86/kernel/signal.c (sigframe.h), which are no part of the exported headers.
const sigframes = `
struct kernel_ucontext { unsigned long uc_flags; struct ucontext *uc_link; stack_t uc_stack; struct sigcontext uc_mcontext; unsigned int uc_sigmask[2]; };
#ifdef __i386__
struct sigframe { unsigned int pretcode; int sig; struct sigcontext_32 sc; struct _fpstate_32 fpstate_unused; unsigned int extramask[1]; char retcode[8]; };
struct rt_sigframe { unsigned int pretcode; int sig; unsigned int pinfo; unsigned int puc; struct siginfo info; struct kernel_ucontext uc; char retcode[8]; };
#else
struct rt_sigframe { char *pretcode; struct kernel_ucontext uc; struct siginfo info; };
#endif
`;

const mcontext = (prefix, path) => ({
  x86_64: 'r8 r9 r10 r11 r12 r13 r14 r15 di si bp bx dx ax cx sp ip flags cs gs fs ss err trapno oldmask cr2 fpstate'.split(' ')
    .map((f) => `${prefix}${f}=${path}${({ di: 'rdi', si: 'rsi', bp: 'rbp', bx: 'rbx', dx: 'rdx', ax: 'rax', cx: 'rcx', sp: 'rsp', ip: 'rip', flags: 'eflags' })[f] ?? f}`).join(' '),
  i386: 'gs gsh fs fsh es esh ds dsh di si bp sp bx dx cx ax trapno err ip cs csh flags sp_at_signal ss ssh fpstate oldmask cr2'.split(' ')
    .map((f) => `${prefix}${f}=${path}${({ gsh: '__gsh', fsh: '__fsh', esh: '__esh', dsh: '__dsh', csh: '__csh', ssh: '__ssh', di: 'edi', si: 'esi', bp: 'ebp', bx: 'ebx', dx: 'edx', ax: 'eax', cx: 'ecx', sp: 'esp', ip: 'eip', flags: 'eflags', sp_at_signal: 'esp_at_signal' })[f] ?? f}`).join(' '),
});
const uc = mcontext('', 'uc_mcontext.');

const statTimes = 'st_atime st_atime_nsec st_mtime st_mtime_nsec st_ctime st_ctime_nsec';
const siginfo = 'si_signo si_errno si_code si_pid=_sifields._kill._pid si_uid=_sifields._kill._uid '
  + 'si_tid=_sifields._timer._tid si_overrun=_sifields._timer._overrun si_timer_value=_sifields._timer._sigval.sival_ptr '
  + 'si_timer_int=_sifields._timer._sigval.sival_int si_value=_sifields._rt._sigval.sival_ptr si_int=_sifields._rt._sigval.sival_int '
  + 'si_status=_sifields._sigchld._status si_utime=_sifields._sigchld._utime si_stime=_sifields._sigchld._stime '
  + 'si_addr=_sifields._sigfault._addr si_addr_lsb=_sifields._sigfault._addr_lsb si_lower=_sifields._sigfault._addr_bnd._lower '
  + 'si_upper=_sifields._sigfault._addr_bnd._upper si_pkey=_sifields._sigfault._addr_pkey._pkey '
  + 'si_band=_sifields._sigpoll._band si_fd=_sifields._sigpoll._fd '
  + 'si_call_addr=_sifields._sigsys._call_addr si_syscall=_sifields._sigsys._syscall si_arch=_sifields._sigsys._arch';
const ipcPerm = (p) => `key=${p}.key uid=${p}.uid gid=${p}.gid cuid=${p}.cuid cgid=${p}.cgid mode=${p}.mode seq=${p}.seq`;

export const structureFiles = [
  {
    file: 'stat', doc: 'struct stat family (stat(2), statx(2)).',
    include: ['asm/stat.h', 'linux/stat.h'],
    prelude: `#ifndef __i386__\n#define stat64 stat\n#endif\n`,
    structs: {
      stat: ['struct stat', `st_dev st_ino st_mode st_nlink st_uid st_gid st_rdev st_size st_blksize st_blocks ${statTimes}`],
      stat64: ['struct stat64', `st_dev st_ino st_mode st_nlink st_uid st_gid st_rdev st_size st_blksize st_blocks ${statTimes}`],
      oldStat: ['struct __old_kernel_stat', 'st_dev st_ino st_mode st_nlink st_uid st_gid st_rdev st_size st_atime st_mtime st_ctime'],
      statx: ['struct statx', 'stx_mask stx_blksize stx_attributes stx_nlink stx_uid stx_gid stx_mode stx_ino stx_size stx_blocks stx_attributes_mask '
        + ['atime', 'btime', 'ctime', 'mtime'].map((t) => `stx_${t}=stx_${t}.tv_sec stx_${t}_nsec=stx_${t}.tv_nsec`).join(' ')
        + ' stx_rdev_major stx_rdev_minor stx_dev_major stx_dev_minor stx_mnt_id stx_dio_mem_align stx_dio_offset_align'],
    },
    // The 32-bit stat64 carries a second, truncated inode number that programs of the 2.2 era read.
    only: { i386: { stat64ShortIno: ['struct stat64', 'st_ino=__st_ino'] } },
  },
  {
    file: 'statfs', doc: 'struct statfs family (statfs(2)).', include: ['asm/statfs.h', 'linux/types.h'],
    structs: {
      statfs: ['struct statfs', 'f_type f_bsize f_blocks f_bfree f_bavail f_files f_ffree f_fsid=f_fsid.val[0] f_fsid_hi=f_fsid.val[1] f_namelen f_frsize f_flags'],
      statfs64: ['struct statfs64', 'f_type f_bsize f_blocks f_bfree f_bavail f_files f_ffree f_fsid=f_fsid.val[0] f_fsid_hi=f_fsid.val[1] f_namelen f_frsize f_flags'],
    },
  },
  {
    file: 'dirent', doc: 'Directory entries (getdents(2)); d_name is where the name starts, sizes without it.',
    include: ['linux/types.h'],
    prelude: `struct linux_dirent { unsigned long d_ino; unsigned long d_off; unsigned short d_reclen; char d_name[1]; };
struct linux_dirent64 { __u64 d_ino; __s64 d_off; unsigned short d_reclen; unsigned char d_type; char d_name[0]; };
struct old_linux_dirent { unsigned long d_ino; unsigned long d_offset; unsigned short d_namlen; char d_name[1]; };\n`,
    structs: {
      dirent: ['struct linux_dirent', 'd_ino d_off d_reclen d_name:bytes'],
      dirent64: ['struct linux_dirent64', 'd_ino d_off d_reclen d_type d_name:bytes'],
      oldDirent: ['struct old_linux_dirent', 'd_ino d_offset d_namlen d_name:bytes'],
    },
  },
  {
    file: 'time', doc: 'Times and clocks. timespec64 is the y2038-safe form of the *_time64 calls (and timespec on x86-64).',
    include: ['linux/time.h', 'linux/time_types.h', 'linux/timex.h', 'linux/times.h', 'linux/utime.h'],
    structs: {
      timespec: ['struct timespec', 'tv_sec tv_nsec'],
      timespec64: ['struct __kernel_timespec', 'tv_sec tv_nsec'],
      timeval: ['struct timeval', 'tv_sec tv_usec'],
      timezone: ['struct timezone', 'tz_minuteswest tz_dsttime'],
      itimerval: ['struct itimerval', 'interval_sec=it_interval.tv_sec interval_usec=it_interval.tv_usec value_sec=it_value.tv_sec value_usec=it_value.tv_usec'],
      itimerspec: ['struct itimerspec', 'interval_sec=it_interval.tv_sec interval_nsec=it_interval.tv_nsec value_sec=it_value.tv_sec value_nsec=it_value.tv_nsec'],
      itimerspec64: ['struct __kernel_itimerspec', 'interval_sec=it_interval.tv_sec interval_nsec=it_interval.tv_nsec value_sec=it_value.tv_sec value_nsec=it_value.tv_nsec'],
      timex: ['struct timex', 'modes offset freq maxerror esterror status constant precision tolerance time_sec=time.tv_sec time_usec=time.tv_usec tick ppsfreq jitter shift stabil jitcnt calcnt errcnt stbcnt tai'],
      timex64: ['struct __kernel_timex', 'modes offset freq maxerror esterror status constant precision tolerance time_sec=time.tv_sec time_usec=time.tv_usec tick ppsfreq jitter shift stabil jitcnt calcnt errcnt stbcnt tai'],
      tms: ['struct tms', 'tms_utime tms_stime tms_cutime tms_cstime'],
      utimbuf: ['struct utimbuf', 'actime modtime'],
      long: ['long', ''], time: ['__kernel_old_time_t', ''],
    },
  },
  {
    file: 'resource', doc: 'Limits, usage, system information.',
    include: ['linux/resource.h', 'linux/sysinfo.h', 'linux/utsname.h'],
    structs: {
      rlimit: ['struct rlimit', 'rlim_cur rlim_max'],
      rlimit64: ['struct rlimit64', 'rlim_cur rlim_max'],
      rusage: ['struct rusage', 'utime_sec=ru_utime.tv_sec utime_usec=ru_utime.tv_usec stime_sec=ru_stime.tv_sec stime_usec=ru_stime.tv_usec ru_maxrss ru_ixrss ru_idrss ru_isrss ru_minflt ru_majflt ru_nswap ru_inblock ru_oublock ru_msgsnd ru_msgrcv ru_nsignals ru_nvcsw ru_nivcsw'],
      sysinfo: ['struct sysinfo', 'uptime load1=loads[0] load5=loads[1] load15=loads[2] totalram freeram sharedram bufferram totalswap freeswap procs totalhigh freehigh mem_unit'],
      utsname: ['struct new_utsname', 'sysname:bytes nodename:bytes release:bytes version:bytes machine:bytes domainname:bytes'],
      oldUtsname: ['struct old_utsname', 'sysname:bytes nodename:bytes release:bytes version:bytes machine:bytes'],
      oldOldUtsname: ['struct oldold_utsname', 'sysname:bytes nodename:bytes release:bytes version:bytes machine:bytes'],
    },
  },
  {
    file: 'signal', doc: 'Signals: actions, masks, siginfo, alternate stacks, sigevent, signalfd.',
    include: ['linux/types.h', 'linux/time.h', 'asm/signal.h', 'asm/siginfo.h', 'linux/signalfd.h'],
    prelude: kernelTypes + kernelSigaction + `
struct sigset_argpack { void *set; unsigned long size; };\n`,
    structs: {
      sigaction: ['struct kernel_sigaction', 'sa_handler sa_flags sa_restorer sa_mask=sa_mask[0] sa_mask_hi=sa_mask[1]'],
      oldSigaction: ['struct old_sigaction', 'sa_handler sa_mask sa_flags sa_restorer'],
      sigset: ['struct { unsigned int v[2]; }', 'lo=v[0] hi=v[1]'],
      stack: ['stack_t', 'ss_sp ss_flags ss_size'],
      siginfo: ['struct siginfo', siginfo],
      sigevent: ['struct sigevent', 'sigev_value=sigev_value.sival_ptr sigev_int=sigev_value.sival_int sigev_signo sigev_notify sigev_tid=_sigev_un._tid'],
      signalfdSiginfo: ['struct signalfd_siginfo', 'ssi_signo ssi_errno ssi_code ssi_pid ssi_uid ssi_fd ssi_tid ssi_band ssi_overrun ssi_trapno ssi_status ssi_int ssi_ptr ssi_utime ssi_stime ssi_addr ssi_addr_lsb ssi_syscall ssi_call_addr ssi_arch'],
      sigsetArgpack: ['struct sigset_argpack', 'set size'],
    },
  },
  {
    file: 'sigframe', doc: 'Signal frames, ucontext and floating-point state as the kernel pushes them (arch/x86/include/asm/sigframe.h).',
    include: ['linux/types.h', 'linux/time.h', 'asm/signal.h', 'asm/siginfo.h', 'asm/sigcontext.h'],
    prelude: sigframes,
    structs: {
      ucontext: ['struct kernel_ucontext', { x86_64: `uc_flags uc_link ss_sp=uc_stack.ss_sp ss_flags=uc_stack.ss_flags ss_size=uc_stack.ss_size ${uc.x86_64} sigmask=uc_sigmask[0] sigmask_hi=uc_sigmask[1]`,
        i386: `uc_flags uc_link ss_sp=uc_stack.ss_sp ss_flags=uc_stack.ss_flags ss_size=uc_stack.ss_size ${uc.i386} sigmask=uc_sigmask[0] sigmask_hi=uc_sigmask[1]` }],
      sigcontext: ['struct sigcontext', mcontext('', '')],
      rtSigframe: ['struct rt_sigframe', { x86_64: 'pretcode uc:bytes info:bytes', i386: 'pretcode sig pinfo puc info:bytes uc:bytes retcode:bytes' }],
      fpxSwBytes: ['struct _fpx_sw_bytes', { x86_64: 'magic1 extended_size xfeatures xstate_size', i386: 'magic1 extended_size xfeatures xstate_size' }],
      fpstate: ['struct _fpstate', {
        x86_64: 'cwd swd twd fop rip rdp mxcsr mxcsr_mask st_space:bytes xmm_space:bytes sw_reserved:bytes',
        i386: 'cw sw tag ipoff cssel dataoff datasel st:bytes=_st status magic fxsr_env:bytes=_fxsr_env mxcsr mxcsr_mask=reserved fxsr_st:bytes=_fxsr_st xmm:bytes=_xmm sw_reserved:bytes' }],
    },
    only: { i386: { sigframe: ['struct sigframe', 'pretcode sig sc:bytes fpstate:bytes=fpstate_unused extramask=extramask[0] retcode:bytes'] } },
  },
  {
    file: 'termios', doc: 'Terminal settings (ioctl_tty(2)); termios is TCGETS\'s, termios2 TCGETS2\'s, termio TCGETA\'s.',
    include: ['asm/termios.h', 'asm/termbits.h'],
    structs: {
      termios: ['struct termios', 'c_iflag c_oflag c_cflag c_lflag c_line c_cc:bytes'],
      termios2: ['struct termios2', 'c_iflag c_oflag c_cflag c_lflag c_line c_cc:bytes c_ispeed c_ospeed'],
      termio: ['struct termio', 'c_iflag c_oflag c_cflag c_lflag c_line c_cc:bytes'],
      winsize: ['struct winsize', 'ws_row ws_col ws_xpixel ws_ypixel'],
    },
  },
  {
    file: 'uio', doc: 'Vectors and messages.', include: ['linux/uio.h', 'linux/types.h', 'linux/socket.h'],
    prelude: `
struct user_msghdr { void *msg_name; int msg_namelen; struct iovec *msg_iov; __kernel_size_t msg_iovlen; void *msg_control; __kernel_size_t msg_controllen; unsigned int msg_flags; };
struct mmsghdr_ { struct user_msghdr msg_hdr; unsigned int msg_len; };
struct cmsghdr { __kernel_size_t cmsg_len; int cmsg_level; int cmsg_type; };\n`,
    structs: {
      iovec: ['struct iovec', 'iov_base iov_len'],
      msghdr: ['struct user_msghdr', 'msg_name msg_namelen msg_iov msg_iovlen msg_control msg_controllen msg_flags'],
      mmsghdr: ['struct mmsghdr_', 'msg_hdr:bytes msg_len'],
      cmsghdr: ['struct cmsghdr', 'cmsg_len cmsg_level cmsg_type'],
    },
  },
  {
    file: 'socket', doc: 'Socket addresses and options (the same bytes on both ABIs except linger-like integers, which are too).',
    include: ['linux/in.h', 'linux/in6.h', 'linux/un.h', 'linux/netlink.h', 'linux/tcp.h', 'linux/if.h', 'linux/socket.h', 'linux/ipv6.h'],
    prelude: 'struct ucred { int pid; unsigned uid; unsigned gid; }; struct linger { int l_onoff; int l_linger; };\n', preludeFirst: '#define _SYS_SOCKET_H\nstruct sockaddr { unsigned short sa_family; char sa_data[14]; };\n',
    structs: {
      sockaddrIn: ['struct sockaddr_in', 'sin_family sin_port:bytes sin_addr:bytes'],
      sockaddrIn6: ['struct sockaddr_in6', 'sin6_family sin6_port:bytes sin6_flowinfo sin6_addr:bytes sin6_scope_id'],
      sockaddrUn: ['struct sockaddr_un', 'sun_family sun_path:bytes'],
      sockaddrNl: ['struct sockaddr_nl', 'nl_family nl_pid nl_groups'],
      ucred: ['struct ucred', 'pid uid gid'],
      linger: ['struct linger', 'l_onoff l_linger'],
      ipMreq: ['struct ip_mreq', 'imr_multiaddr:bytes imr_interface:bytes'],
      ipMreqn: ['struct ip_mreqn', 'imr_multiaddr:bytes imr_address:bytes imr_ifindex'],
      ipv6Mreq: ['struct ipv6_mreq', 'ipv6mr_multiaddr:bytes ipv6mr_ifindex'],
      inPktinfo: ['struct in_pktinfo', 'ipi_ifindex ipi_spec_dst:bytes ipi_addr:bytes'],
      in6Pktinfo: ['struct in6_pktinfo', 'ipi6_addr:bytes ipi6_ifindex'],
      tcpInfo: ['struct tcp_info', 'tcpi_state tcpi_ca_state tcpi_retransmits tcpi_probes tcpi_backoff tcpi_options tcpi_rto tcpi_ato tcpi_snd_mss tcpi_rcv_mss tcpi_unacked tcpi_last_data_sent tcpi_last_data_recv tcpi_pmtu tcpi_rtt tcpi_rttvar tcpi_snd_ssthresh tcpi_snd_cwnd tcpi_advmss tcpi_rcv_space tcpi_total_retrans'],
      ifreq: ['struct ifreq', 'ifr_name:bytes=ifr_ifrn.ifrn_name ifr_ifindex=ifr_ifru.ifru_ivalue ifr_flags=ifr_ifru.ifru_flags ifr_addr:bytes=ifr_ifru.ifru_addr'],
      ifconf: ['struct ifconf', 'ifc_len ifc_buf=ifc_ifcu.ifcu_buf'],
      nlmsghdr: ['struct nlmsghdr', 'nlmsg_len nlmsg_type nlmsg_flags nlmsg_seq nlmsg_pid'],
    },
  },
  {
    file: 'fcntl', doc: 'Locks and file handles.', include: ['linux/fcntl.h', 'linux/falloc.h', 'linux/fs.h', 'linux/fiemap.h'],
    prelude: `struct f_owner_ex_ { int type; int pid; };
struct file_handle_ { unsigned handle_bytes; int handle_type; unsigned char f_handle[0]; };
#ifndef __i386__
#define flock64 flock
#endif\n`,
    structs: {
      flock: ['struct flock', 'l_type l_whence l_start l_len l_pid'],
      flock64: ['struct flock64', 'l_type l_whence l_start l_len l_pid'],
      fOwnerEx: ['struct f_owner_ex_', 'type pid'],
      fileHandle: ['struct file_handle_', 'handle_bytes handle_type f_handle:tail'],
      openHow: ['struct { __u64 flags, mode, resolve; }', 'flags mode resolve'],
      fileCloneRange: ['struct file_clone_range', 'src_fd src_offset src_length dest_offset'],
      fstrimRange: ['struct fstrim_range', 'start len minlen'],
      fsxattr: ['struct fsxattr', 'fsx_xflags fsx_extsize fsx_nextents fsx_projid fsx_cowextsize'],
      fiemap: ['struct fiemap', 'fm_start fm_length fm_flags fm_mapped_extents fm_extent_count fm_extents:tail'],
      fiemapExtent: ['struct fiemap_extent', 'fe_logical fe_physical fe_length fe_flags'],
    },
  },
  {
    file: 'poll', doc: 'poll, select, epoll, inotify.', include: ['linux/types.h', 'asm/poll.h', 'linux/eventpoll.h', 'linux/inotify.h'],
    prelude: 'struct sel_arg { unsigned long n; void *inp, *outp, *exp, *tvp; };\n',
    structs: {
      pollfd: ['struct pollfd', 'fd events revents'],
      epollEvent: ['struct epoll_event', 'events data data_lo=data data_hi=data'],
      inotifyEvent: ['struct inotify_event', 'wd mask cookie len name:tail'],
      selectArgs: ['struct sel_arg', 'n inp outp exp tvp'],
    },
  },
  {
    file: 'thread', doc: 'Threads: clone, robust futexes, scheduling, TLS descriptors, rseq.',
    include: ['linux/sched.h', 'linux/sched/types.h', 'linux/futex.h', 'asm/ldt.h', 'linux/rseq.h', 'linux/capability.h'],
    prelude: 'struct sched_param_ { int sched_priority; };\n',
    structs: {
      cloneArgs: ['struct clone_args', 'flags pidfd child_tid parent_tid exit_signal stack stack_size tls set_tid set_tid_size cgroup'],
      robustList: ['struct robust_list', 'next'],
      robustListHead: ['struct robust_list_head', 'list=list.next futex_offset list_op_pending'],
      futexWaitv: ['struct futex_waitv', 'val uaddr flags'],
      schedParam: ['struct sched_param_', 'sched_priority'],
      schedAttr: ['struct sched_attr', 'size sched_policy sched_flags sched_nice sched_priority sched_runtime sched_deadline sched_period sched_util_min sched_util_max'],
      userDesc: ['struct user_desc', 'entry_number base_addr limit'],
      rseq: ['struct rseq', 'cpu_id_start cpu_id rseq_cs flags'],
      capUserHeader: ['struct __user_cap_header_struct', 'version pid'],
      capUserData: ['struct __user_cap_data_struct', 'effective permitted inheritable'],
    },
  },
  {
    file: 'ipc', doc: 'System V IPC and POSIX message queues.',
    include: ['linux/ipc.h', 'asm/ipcbuf.h', 'linux/msg.h', 'linux/sem.h', 'linux/shm.h', 'linux/mqueue.h'],
    prelude: `struct mmap_arg_struct { unsigned long addr, len, prot, flags, fd, offset; };
struct compat_ipc_kludge { void *msgp; long msgtyp; };\n`,
    structs: {
      msqidDs: ['struct msqid64_ds', `${ipcPerm('msg_perm')} msg_stime msg_rtime msg_ctime msg_cbytes msg_qnum msg_qbytes msg_lspid msg_lrpid`],
      semidDs: ['struct semid64_ds', `${ipcPerm('sem_perm')} sem_otime sem_ctime sem_nsems`],
      shmidDs: ['struct shmid64_ds', `${ipcPerm('shm_perm')} shm_segsz shm_atime shm_dtime shm_ctime shm_cpid shm_lpid shm_nattch`],
      sembuf: ['struct sembuf', 'sem_num sem_op sem_flg'],
      msgbuf: ['struct msgbuf', 'mtype mtext:bytes'],
      msginfo: ['struct msginfo', 'msgpool msgmap msgmax msgmnb msgmni msgssz msgtql msgseg'],
      seminfo: ['struct seminfo', 'semmap semmni semmns semmnu semmsl semopm semume semusz semvmx semaem'],
      shminfo: ['struct shminfo64', 'shmmax shmmin shmmni shmseg shmall'],
      shmInfo: ['struct shm_info', 'used_ids shm_tot shm_rss shm_swp swap_attempts swap_successes'],
      mqAttr: ['struct mq_attr', 'mq_flags mq_maxmsg mq_msgsize mq_curmsgs'],
      mmapArgs: ['struct mmap_arg_struct', 'addr len prot flags fd offset'],
      ipcKludge: ['struct compat_ipc_kludge', 'msgp msgtyp'],
    },
  },
  {
    file: 'elf', doc: 'ELF headers of the ABI\'s own class, auxiliary vector entry.', include: ['linux/elf.h', 'linux/auxvec.h'],
    prelude: `#ifdef __i386__
#define EHDR Elf32_Ehdr
#define PHDR Elf32_Phdr
#define SHDR Elf32_Shdr
#define SYM Elf32_Sym
#define DYN Elf32_Dyn
#define NHDR Elf32_Nhdr
#else
#define EHDR Elf64_Ehdr
#define PHDR Elf64_Phdr
#define SHDR Elf64_Shdr
#define SYM Elf64_Sym
#define DYN Elf64_Dyn
#define NHDR Elf64_Nhdr
#endif\n`,
    structs: {
      elfEhdr: ['EHDR', 'e_ident:bytes e_type e_machine e_version e_entry e_phoff e_shoff e_flags e_ehsize e_phentsize e_phnum e_shentsize e_shnum e_shstrndx'],
      elfPhdr: ['PHDR', 'p_type p_flags p_offset p_vaddr p_paddr p_filesz p_memsz p_align'],
      elfShdr: ['SHDR', 'sh_name sh_type sh_flags sh_addr sh_offset sh_size sh_link sh_info sh_addralign sh_entsize'],
      elfSym: ['SYM', 'st_name st_value st_size st_info st_other st_shndx'],
      elfDyn: ['DYN', 'd_tag d_val=d_un.d_val'],
      elfNhdr: ['NHDR', 'n_namesz n_descsz n_type'],
      auxEntry: ['struct { unsigned long a_type, a_val; }', 'a_type a_val'],
    },
  },
  {
    file: 'misc', doc: 'Structures of single calls: seccomp, mount_setattr, prctl, kcmp, io vectors of aio, BPF filters, user_regs.',
    include: ['linux/seccomp.h', 'linux/filter.h', 'linux/prctl.h', 'linux/mount.h', 'linux/aio_abi.h', 'linux/ptrace.h', 'asm/ptrace.h', 'linux/hdreg.h', 'linux/random.h', 'linux/wait.h'],
    prelude: `struct getcpu_cache_ { unsigned long blob[16]; };
#ifdef __i386__
struct user_regs_struct { long ebx, ecx, edx, esi, edi, ebp, eax; unsigned long xds, xes, xfs, xgs; long orig_eax, eip, xcs, eflags, esp, xss; };
#else
struct user_regs_struct { unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs; };
#endif\n`,
    structs: {
      seccompData: ['struct seccomp_data', 'nr arch instruction_pointer arg0=args[0] arg1=args[1] arg2=args[2] arg3=args[3] arg4=args[4] arg5=args[5]'],
      seccompNotif: ['struct seccomp_notif', 'id pid flags data:bytes'],
      seccompNotifResp: ['struct seccomp_notif_resp', 'id val error flags'],
      seccompNotifAddfd: ['struct seccomp_notif_addfd', 'id flags srcfd newfd newfd_flags'],
      sockFilter: ['struct sock_filter', 'code jt jf k'],
      sockFprog: ['struct sock_fprog', 'len filter'],
      mountAttr: ['struct mount_attr', 'attr_set attr_clr propagation userns_fd'],
      ioEvent: ['struct io_event', 'data obj res res2'],
      iocb: ['struct iocb', 'aio_data aio_key aio_rw_flags aio_lio_opcode aio_reqprio aio_fildes aio_buf aio_nbytes aio_offset aio_flags aio_resfd'],
      userRegs: ['struct user_regs_struct', { x86_64: 'r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs',
        i386: 'ebx ecx edx esi edi ebp eax xds xes xfs xgs orig_eax eip xcs eflags esp xss' }],
    },
  },
];
