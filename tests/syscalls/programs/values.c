#include "test.h"
#include <grp.h>
/* One argument of a call at a time takes many values, the others are good: which are refused, and how. As an ordinary user. */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/timex.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/personality.h>
#include <sys/timerfd.h>
#include <sys/eventfd.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <mqueue.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/membarrier.h>
static void *none, *ro; static char buf[8192];
#define S syscall
#define V(list, ...) do { static const long l_[]=list; say("%s:", #__VA_ARGS__); for (int i_=0;i_<sizeof l_/sizeof *l_;i_++) { long v=l_[i_]; errno=0; long r=(long)(__VA_ARGS__); int e=errno; say(" %ld=%s", v, r==-1?ename(e):"ok"); } say("\n"); } while(0)
#define L(...) {__VA_ARGS__}
#define INTS L(-2147483647L-1,-1,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,31,32,33,63,64,65,99,100,127,128,255,256,1000,1024,4096,65535,65536,0x7fffffff)
#define BITS L(0,1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,0x20000,0x40000,0x80000,0x100000,0x200000,0x400000,0x800000,0x1000000,0x2000000,0x4000000,0x8000000,0x10000000,0x20000000,0x40000000)
#define PTRS L(0,1,8,(long)0xfffff000)
static void hnd(int s) {}
static void all(void) {
  for(int i=1;i<65;i++) if(i!=SIGSEGV&&i!=SIGCHLD&&i!=SIGBUS) signal(i,SIG_IGN);
  none=mmap(0,4096,PROT_NONE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); ro=mmap(0,4096,PROT_READ,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); memset(buf,0,sizeof buf);
  struct timespec ts={0,1}, bad={0,1000000000}, neg={-1,0}; struct itimerspec its={}; struct sigevent se={}; struct sched_param sp={}; siginfo_t si; sigset_t ss; sigemptyset(&ss); int st; struct rlimit rl; struct rusage ru; struct itimerval itv={};
  V(INTS,S(SYS_clock_gettime,v,buf));
  V(INTS,S(SYS_clock_getres,v,buf));
  V(INTS,S(SYS_clock_getres,v,0));
  V(INTS,S(SYS_clock_settime,v,buf));
  V(INTS,v==2?0:S(SYS_clock_nanosleep,v,0,&ts,0));
  V(INTS,S(SYS_clock_nanosleep,v,1,&ts,0));
  V(INTS,S(SYS_clock_nanosleep,v,0,&bad,0));
  V(INTS,S(SYS_clock_nanosleep,v,0,none,0));
  V(INTS,v==0?0:S(SYS_clock_nanosleep,0,v,&ts,0));
  V(INTS,S(SYS_clock_adjtime,v,memset(buf,0,300)));
  V(INTS,S(SYS_timer_create,v,0,buf)==-1?-1:S(SYS_timer_delete,*(int*)buf));
  V(INTS,(memset(&se,0,sizeof se),se.sigev_notify=v,se.sigev_signo=10,S(SYS_timer_create,0,&se,buf)==-1?-1:S(SYS_timer_delete,*(int*)buf)));
  V(INTS,(memset(&se,0,sizeof se),se.sigev_notify=0,se.sigev_signo=v,S(SYS_timer_create,0,&se,buf)==-1?-1:S(SYS_timer_delete,*(int*)buf)));
  V(INTS,(memset(&se,0,sizeof se),se.sigev_notify=4,se.sigev_signo=10,((int*)&se)[sizeof(union sigval)/4+2]=v==100?99:v,S(SYS_timer_create,0,&se,buf)==-1?-1:S(SYS_timer_delete,*(int*)buf)));
  V(INTS,S(SYS_timer_create,0,none,buf));
  V(INTS,S(SYS_timer_create,0,0,none));
  V(INTS,S(SYS_timer_gettime,v,buf));
  V(INTS,S(SYS_timer_settime,v,0,&its,0));
  V(INTS,S(SYS_timer_getoverrun,v));
  V(INTS,S(SYS_timer_delete,v));
  { int id; timer_t t; S(SYS_timer_create,0,0,&id);
  V(INTS,(its.it_value.tv_nsec=v,S(SYS_timer_settime,id,1,&its,0)));
  V(INTS,(its.it_value.tv_nsec=0,its.it_interval.tv_nsec=v,S(SYS_timer_settime,id,0,&its,0)));
  V(INTS,(its.it_interval.tv_nsec=0,its.it_value.tv_sec=v<0?v:0,S(SYS_timer_settime,id,0,&its,0))); memset(&its,0,sizeof its);
  V(INTS,S(SYS_timer_settime,id,v,&its,0));
  V(PTRS,S(SYS_timer_settime,id,0,v,0));
  V(PTRS,S(SYS_timer_settime,id,0,&its,v));
  V(PTRS,S(SYS_timer_gettime,id,v)); S(SYS_timer_delete,id);
  V(L(0),S(SYS_timer_delete,id)); }
  V(INTS,S(SYS_timerfd_create,v,0)>=0?0:-1);
  V(BITS,S(SYS_timerfd_create,1,v)>=0?0:-1);
  V(BITS,S(SYS_eventfd2,0,v)>=0?0:-1);
  V(BITS,S(SYS_epoll_create1,v)>=0?0:-1);
  V(INTS,S(SYS_epoll_create,v)>=0?0:-1);
  V(BITS,S(SYS_signalfd4,-1,&ss,8,v)>=0?0:-1);
  V(INTS,S(SYS_signalfd4,-1,&ss,v,0)>=0?0:-1);
  V(BITS,S(SYS_inotify_init1,v)>=0?0:-1);
  V(BITS,S(SYS_pipe2,buf,v));
  V(BITS,v==4||v==128?0:S(SYS_memfd_create,"x",v)>=0?0:-1);
  V(BITS,S(SYS_pidfd_open,getpid(),v)>=0?0:-1);
  V(INTS,v==1||v==2||(v>2&&v<40000)?0:S(SYS_pidfd_open,v,0));
  for(int i=3;i<1000;i++) close(i);
  V(INTS,S(SYS_getitimer,v,buf));
  V(INTS,S(SYS_setitimer,v,&itv,0));
  V(INTS,S(SYS_setitimer,v,0,0));
  V(INTS,(itv.it_value.tv_usec=v,S(SYS_setitimer,1,&itv,0))); itv.it_value.tv_usec=0; S(SYS_setitimer,1,&itv,0);
  V(PTRS,S(SYS_setitimer,0,&itv,v));
  V(PTRS,S(SYS_getitimer,0,v));
  V(PTRS,S(SYS_gettimeofday,v,0));
  V(PTRS,S(SYS_gettimeofday,0,v));
  V(PTRS,S(SYS_settimeofday,v,0));
  V(PTRS,S(SYS_settimeofday,0,v));
  V(PTRS,S(SYS_nanosleep,v,0));
  V(L(0),S(SYS_nanosleep,&bad,0));
  V(L(0),S(SYS_nanosleep,&neg,0));
  V(PTRS,S(SYS_times,v)==-1?-1:0);
  V(PTRS,S(SYS_time,v)==-1?-1:0);
  V(PTRS,S(SYS_adjtimex,v));
  V(BITS,(memset(buf,0,300),*(int*)buf=v,S(SYS_adjtimex,buf)));
  V(INTS,S(SYS_getrlimit,v,&rl));
  V(INTS,S(SYS_setrlimit,v,none));
  V(INTS,S(SYS_prlimit64,0,v,0,buf));
  V(INTS,S(SYS_prlimit64,0,v,0,none));
  V(INTS,v==0?0:S(SYS_prlimit64,v,7,0,buf)==0||errno==EPERM||errno==ESRCH?0:-1);
  V(INTS,(getrlimit(v,&rl),rl.rlim_cur=rl.rlim_max,rl.rlim_cur++,S(SYS_prlimit64,0,v,(long long[]){5,4},0)));
  V(INTS,S(SYS_getrusage,v,&ru));
  V(PTRS,S(SYS_getrusage,0,v));
  V(PTRS,S(SYS_uname,v));
  V(PTRS,S(SYS_sysinfo,v));
  V(INTS,S(SYS_getpriority,v,0)<0?-1:0);
  V(INTS,S(SYS_getpriority,0,v==1||v>1?0:v)<0?-1:0);  V(INTS,S(SYS_setpriority,0,v>1||v==1?0:v,0));
  V(L(-1,-100),S(SYS_setpriority,0,0,v));
  V(INTS,S(SYS_sched_get_priority_max,v));
  V(INTS,S(SYS_sched_get_priority_min,v));
  V(INTS,S(SYS_sched_setscheduler,0,v,&sp));
  V(INTS,(sp.sched_priority=v,S(SYS_sched_setscheduler,0,0,&sp)));
  V(INTS,(sp.sched_priority=v,S(SYS_sched_setscheduler,0,1,&sp)));
  V(INTS,(sp.sched_priority=v,S(SYS_sched_setparam,0,&sp)));
  V(PTRS,S(SYS_sched_setscheduler,0,0,v));
  V(L(-1,-100,9999999),S(SYS_sched_getscheduler,v));
  V(L(-1,-100,9999999),S(SYS_sched_getparam,v,&sp));
  V(PTRS,S(SYS_sched_getparam,0,v));
  V(L(-1,-100,9999999),S(SYS_sched_rr_get_interval,v,&ts));
  V(PTRS,S(SYS_sched_rr_get_interval,0,v));
  V(INTS,S(SYS_sched_getaffinity,0,v,buf));
  V(PTRS,S(SYS_sched_getaffinity,0,128,v));
  V(INTS,(memset(buf,0xff,512),S(SYS_sched_setaffinity,0,v,buf)));
  V(L(8),(memset(buf,0,512),S(SYS_sched_setaffinity,0,v,buf)));
  V(L(8,9999999,-1),(memset(buf,0xff,512),S(SYS_sched_setaffinity,v==8?0:v,8,buf)));
  V(INTS,S(SYS_sched_getattr,0,buf,v,0));
  V(INTS,S(SYS_sched_getattr,0,buf,48,v));
  V(L(-1,9999999),S(SYS_sched_getattr,v,buf,48,0));
  V(INTS,(memset(buf,0,100),*(int*)buf=v,S(SYS_sched_setattr,0,buf,0)));
  V(INTS,(memset(buf,0,100),*(int*)buf=48,((int*)buf)[1]=v,S(SYS_sched_setattr,0,buf,0)));  V(INTS,(memset(buf,0,100),*(int*)buf=48,((int*)buf)[4]=v,S(SYS_sched_setattr,0,buf,0)));
  V(INTS,S(SYS_sched_setattr,0,buf,v));
  V(INTS,S(SYS_ioprio_get,v,0)>=0?0:-1);
  V(INTS,S(SYS_ioprio_set,1,0,v));
  V(INTS,S(SYS_ioprio_set,1,0,v<<13));
  V(INTS,v==9||v==19?0:S(SYS_rt_sigaction,v,0,buf,8));
  V(INTS,S(SYS_rt_sigaction,v,memset(buf,0,100),0,8));
  V(INTS,S(SYS_rt_sigaction,10,0,buf,v));
  V(PTRS,S(SYS_rt_sigaction,10,v,0,8));
  V(PTRS,S(SYS_rt_sigaction,10,0,v,8));
  V(INTS,S(SYS_rt_sigprocmask,v,&ss,0,8));
  V(INTS,S(SYS_rt_sigprocmask,v,0,buf,8));
  V(INTS,S(SYS_rt_sigprocmask,0,&ss,0,v));
  V(PTRS,S(SYS_rt_sigprocmask,0,v,0,8));
  V(PTRS,S(SYS_rt_sigprocmask,0,0,v,8));
  V(INTS,S(SYS_rt_sigpending,buf,v));
  V(PTRS,S(SYS_rt_sigpending,v,8));
  V(INTS,v==8?0:S(SYS_rt_sigsuspend,&ss,v));
  V(PTRS,S(SYS_rt_sigsuspend,v,8));
  V(INTS,S(SYS_rt_sigtimedwait,&ss,&si,&ts,v));
  V(L(0),S(SYS_rt_sigtimedwait,&ss,&si,&bad,8));
  V(L(0),S(SYS_rt_sigtimedwait,&ss,&si,&neg,8));
  V(PTRS,S(SYS_rt_sigtimedwait,v,&si,&ts,8));
  V(PTRS,v==0?0:S(SYS_rt_sigtimedwait,&ss,&si,v,8));
  V(L(-1,0,64,65,1000),(memset(buf,0,128),S(SYS_rt_sigqueueinfo,9999999,v,buf)));
  V(L(0,-1,-6,1,-2,5),(memset(buf,0,128),((int*)buf)[2]=v,S(SYS_rt_sigqueueinfo,getpid(),0,buf)));
  V(L(0,-1,-6,1,-2,5),(memset(buf,0,128),((int*)buf)[2]=v,S(SYS_rt_sigqueueinfo,1,0,buf)));
  V(PTRS,S(SYS_rt_sigqueueinfo,getpid(),0,v));
  V(L(0,-1,65),S(SYS_rt_tgsigqueueinfo,getpid(),getpid(),v,buf));
  V(L(0,-1,9999999),S(SYS_rt_tgsigqueueinfo,v,v,0,buf));
  V(L(0,65,-1,64),(S(SYS_kill,9999999,v)));
  V(L(65,-1,1000),S(SYS_kill,getpid(),v));
  V(L(0,65),S(SYS_kill,-9999999,v));
  V(L(-2147483648L),S(SYS_kill,v,0));
  V(L(0,65,-1),S(SYS_tkill,9999999,v));
  V(L(0,-1),S(SYS_tkill,v,0));
  V(L(0,-1,9999999),S(SYS_tgkill,getpid(),v,0));
  V(L(0,-1,9999999),S(SYS_tgkill,v,getpid(),0));
  V(L(0,65,-1),S(SYS_tgkill,getpid(),getpid(),v));
  V(BITS,(memset(buf,0,100),((int*)buf)[sizeof(long)/4]=v,*(void**)(buf+2*sizeof(long))=(void*)65536,S(SYS_sigaltstack,buf,0)));
  V(INTS,(memset(buf,0,100),*(long*)(buf+2*sizeof(long))=v&0xffff,S(SYS_sigaltstack,buf,0))); { stack_t d={0,SS_DISABLE,0}; sigaltstack(&d,0); } V(PTRS,S(SYS_sigaltstack,v,0));
  V(PTRS,S(SYS_sigaltstack,0,v));
  V(INTS,v==9||v==19?0:S(SYS_wait4,-1,&st,v,0));
  V(BITS,S(SYS_wait4,-1,&st,v,0));
  V(L(-1,0,9999999,-9999999,-2147483648L),S(SYS_wait4,v,&st,WNOHANG,0));
  V(INTS,S(SYS_waitid,v,0,&si,WEXITED|WNOHANG,0));
  V(BITS,S(SYS_waitid,0,0,&si,v|WNOHANG,0));
  V(BITS,S(SYS_waitid,0,0,&si,v|WNOHANG|WEXITED,0));
  V(L(-1,0,9999999),S(SYS_waitid,P_PID,v,&si,WEXITED|WNOHANG,0));
  V(L(-1,0,9999999),S(SYS_waitid,P_PGID,v,&si,WEXITED|WNOHANG,0));
  V(L(-1,0,9999999),S(SYS_waitid,P_PIDFD,v,&si,WEXITED|WNOHANG,0));
  V(L(-1,9999999),S(SYS_getpgid,v));
  V(L(-1,9999999),S(SYS_getsid,v));  V(L(-1,9999999,1),S(SYS_setpgid,0,v));
  V(L(1),S(SYS_setpgid,1,1));
  V(PTRS,S(SYS_getgroups,0,v));
  V(INTS,S(SYS_getgroups,v,buf));
  V(L(0,1,-1,65536,65537),S(SYS_setgroups,v,buf));
  V(L(0,1,65534,-1),S(SYS_setuid,v));
  V(L(0,1,65534,-1),S(SYS_setgid,v));
  V(L(0,1,65534,-1),S(SYS_setreuid,v,-1));
  V(L(0,1,65534,-1),S(SYS_setreuid,-1,v));
  V(L(0,1,65534,-1),S(SYS_setresuid,-1,-1,v));
  V(L(0,1,65534,-1),S(SYS_setresgid,-1,v,-1));
  V(L(0,1,65534,-1),S(SYS_setfsuid,v));
  V(PTRS,S(SYS_getresuid,v,buf,buf));
  V(PTRS,S(SYS_getresgid,buf,buf,v));
  V(INTS,(memset(buf,0,100),*(int*)buf=v,S(SYS_capget,buf,0)));
  V(L(0x19980330,0x20071026,0x20080522,0),(memset(buf,0,100),*(int*)buf=v,S(SYS_capget,buf,buf+50)));
  V(L(0,1,-1,9999999),(memset(buf,0,100),*(int*)buf=0x20080522,((int*)buf)[1]=v,S(SYS_capget,buf,buf+50)));
  V(L(0,1,-1,9999999),(memset(buf,0,100),*(int*)buf=0x20080522,((int*)buf)[1]=v,S(SYS_capset,buf,buf+50)));
  V(BITS,(memset(buf,0,100),*(int*)buf=0x20080522,*(int*)(buf+50)=v,S(SYS_capset,buf,buf+50)));
  V(BITS,(memset(buf,0,100),*(int*)buf=0x20080522,*(int*)(buf+58)=v,S(SYS_capset,buf,buf+50)));
  V(INTS,S(SYS_personality,v==-1?0xffffffff:0)>=0?0:-1);
  V(BITS,S(SYS_unshare,v&~0x100?0x100:v));
  V(L(0x200000,0x400000,0x800000,0x1000000,0x100,0x1,0xff,0x80000000),S(SYS_unshare,v==0x400000?0x200000:v==0x800000?0:v));
  V(INTS,S(SYS_setns,-1,v));
  V(L(0,100,-1,65),S(SYS_sethostname,"x",v));
  V(L(0,100,-1,65),S(SYS_setdomainname,"x",v));
  V(INTS,S(SYS_reboot,v,v,v,0));  V(INTS,S(SYS_getrandom,buf,8,v)>=0?0:-1);
  V(PTRS,S(SYS_getrandom,v,8,0)>=0?0:-1);   V(INTS,S(SYS_membarrier,0,v,0)>=0?0:-1);
  V(PTRS,S(SYS_getcpu,v,0,0));
  V(INTS,S(SYS_kcmp,getpid(),getpid(),v,0,0)>=0?0:-1);
  V(L(-1,9999999,1),S(SYS_kcmp,getpid(),v,0,0,0)>=0?0:-1);
  V(INTS,S(SYS_kcmp,getpid(),getpid(),0,0,v)>=0?0:-1);
  V(L(0,16,23,24,25,-1),S(SYS_set_robust_list,buf,v));
  V(L(0,9999999,-1,1),S(SYS_get_robust_list,v,buf,buf+8));
  V(INTS,S(SYS_ptrace,v,9999999,0,0));
  V(L(PTRACE_ATTACH,PTRACE_SEIZE),S(SYS_ptrace,v,1,0,0));
  V(L(PTRACE_ATTACH,PTRACE_SEIZE,PTRACE_CONT),S(SYS_ptrace,v,getpid(),0,0));
  V(INTS,S(SYS_process_vm_readv,v,0,0,0,0,0)>=0||errno==ESRCH||errno==EPERM?0:-1);
  V(INTS,(memset(buf,0,sizeof buf),S(SYS_process_vm_readv,getpid(),buf,v>256&&v<2000?0:v,buf,0,0))>=0?0:-1);
  V(INTS,S(SYS_process_vm_readv,getpid(),buf,0,buf,0,v)>=0?0:-1);
  V(BITS,v<2?0:S(SYS_seccomp,v&3?9:v,0,0));
  V(BITS,S(SYS_seccomp,1,v,0));
  V(INTS,S(SYS_seccomp,2,0,v==0?0:"\1"));
  V(INTS,S(SYS_arch_prctl,v,0));
  V(INTS,v<0?-1:S(SYS_io_setup,v,memset(buf,0,8))==0?(S(SYS_io_destroy,*(long*)buf),0):-1);
  V(INTS,S(SYS_io_setup,1,(*(long*)buf=v,buf))==0?(S(SYS_io_destroy,*(long*)buf),0):-1);
  V(PTRS,S(SYS_io_destroy,v));
  V(PTRS,S(SYS_io_submit,v,0,0));
  V(PTRS,S(SYS_io_getevents,v,0,0,0,0));
  V(PTRS,S(SYS_io_cancel,v,buf,buf));
}

int main(void) {
  as_ordinary_user(all);
  return 0;
}
