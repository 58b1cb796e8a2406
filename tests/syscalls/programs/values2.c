#include "test.h"
#include <grp.h>
/* As values.c, of memory, System V objects, message queues, prctl, policies and keys. */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/mman.h>
#include <mqueue.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
static char buf[8192]; static void *none,*ro;
#define S syscall
#define V(list, ...) do { static const long l_[]=list; say("%s:", #__VA_ARGS__); for (int i_=0;i_<sizeof l_/sizeof *l_;i_++) { long v=l_[i_]; errno=0; long r=(long)(__VA_ARGS__); int e=errno; say(" %ld=%s", v, r==-1?ename(e):"ok"); } say("\n"); } while(0)
#define L(...) {__VA_ARGS__}
#define INTS L(-2147483647L-1,-1,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70,71,72,73,74,75,76,77,78,79,99,100,101,127,128,255,256,1000,1024,4096,65535,65536,0x7fffffff)
#define BITS L(0,1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,0x20000,0x40000,0x80000,0x100000,0x200000,0x400000,0x800000,0x1000000,0x2000000,0x4000000,0x8000000,0x10000000,0x20000000,0x40000000)
#define PTRS L(0,1,8,(long)0xfffff000)
static void all(void) { for(int i=1;i<65;i++) if(i!=SIGSEGV&&i!=SIGCHLD&&i!=SIGBUS) signal(i,SIG_IGN);
  none=mmap(0,4096,PROT_NONE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); ro=mmap(0,4096,PROT_READ,MAP_PRIVATE|MAP_ANONYMOUS,-1,0);
  char *m=mmap(0,16*4096,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); int fd=open("f",O_RDWR|O_CREAT,0644); ftruncate(fd,16*4096); char *sh=mmap(0,16*4096,PROT_READ|PROT_WRITE,MAP_SHARED,fd,0), *pf=mmap(0,16*4096,PROT_READ|PROT_WRITE,MAP_PRIVATE,fd,0), *sa=mmap(0,16*4096,PROT_READ|PROT_WRITE,MAP_SHARED|MAP_ANONYMOUS,-1,0); munmap(m+8*4096,4096);
  V(INTS,v==9||v==25?0:madvise(m,4096,v));
  V(INTS,v==9||v==25?0:madvise(sh,4096,v));
  V(INTS,v==9||v==25?0:madvise(pf,4096,v));
  V(INTS,v==9||v==25?0:madvise(sa,4096,v));
  V(INTS,madvise(m+1,4096,v));
  V(INTS,madvise(m,0,v));
  V(INTS,madvise(m+8*4096,4096,v));  V(INTS,v==25?0:madvise(none,4096,v));
  V(INTS,v==25?0:madvise(ro,4096,v)); 
  V(BITS,mprotect(m,4096,v)); mprotect(m,4096,3);
  V(BITS,mprotect(sh,4096,v));
  V(L(0,1,4095,4096,4097,8*4096,9*4096,-1),mprotect(m,v,3));
  V(L(1,4095,4096),mprotect(m+v,4096,3));
  V(BITS,msync(m,4096,v));
  V(BITS,msync(sh,4096,v));
  V(L(0,1,4096,9*4096,-1),msync(m,v,MS_SYNC));
  V(L(1,4096),msync(m+v,4096,MS_SYNC));
  V(L(5,6,7,3,4),msync(sh,4096,v));
  V(L(0,1,4096,9*4096,-1),mlock(m,v));
  V(L(0,1,4096,9*4096,-1),munlock(m,v));
  V(BITS,S(SYS_mlock2,m,4096,v));
  V(BITS,S(SYS_mlockall,v)); munlockall();
  V(L(0,1,4096,9*4096,-1),S(SYS_mincore,m,v,buf));
  V(L(1,4096),S(SYS_mincore,m+v,4096,buf));
  V(PTRS,S(SYS_mincore,m,4096,v));
  V(L(0,1,4096,-1),munmap(m+12*4096,v));
  V(L(1,4095),munmap(m+v,4096));
  V(BITS,(mmap(0,4096,3,v|MAP_ANONYMOUS|MAP_PRIVATE,-1,0)==MAP_FAILED)?-1:0);
  V(BITS,mmap(0,4096,v,MAP_ANONYMOUS|MAP_PRIVATE,-1,0)==MAP_FAILED?-1:0);
  V(L(0,-1,0x7ffffff000),v>0xffffffffL?0:mmap(0,v,3,MAP_ANONYMOUS|MAP_PRIVATE,-1,0)==MAP_FAILED?-1:0);
  V(L(0,1,2,3,4,5,15),mmap(0,4096,1,v,fd,0)==MAP_FAILED?-1:0);
  V(L(0,1,2,3,4,5,15),mmap(0,4096,1,v|MAP_ANONYMOUS,-1,0)==MAP_FAILED?-1:0);
  V(L(1,4095,4096,1<<20),S(
#ifdef __LP64__
SYS_mmap
#else
SYS_mmap2
#endif
,0,4096,1,MAP_PRIVATE,fd,v)==-1?-1:0);
  V(L(1,4095,4096),mmap((void*)(0x10000000+v),4096,1,MAP_FIXED|MAP_PRIVATE|MAP_ANONYMOUS,-1,0)==MAP_FAILED?-1:0); 
  V(L(0,1,2,3,4,5,6,7,8),(long)mremap(m,4096,4096,v,(void*)0x20000000)==-1?-1:0); { char *q=mmap(0,8*4096,3,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); munmap(q+4*4096,4096*4);
  V(L(0,1,4096,8192,65536,-1),(long)mremap(q,4096,v,0)==-1?-1:0);
  V(L(0,1,4096,8192,65536,-1),(long)mremap(q+4*4096,v,4096,0)==-1?-1:0);
  V(L(0,4096,16384,-1),(long)mremap(q+2*4096,v,v,MREMAP_MAYMOVE)==-1?-1:0);
  V(L(1,4095),(long)mremap(q+v,4096,8192,MREMAP_MAYMOVE)==-1?-1:0);
  V(L(0,1,0x30000000,0x30000001),(long)mremap(sh,4096,4096,MREMAP_MAYMOVE|MREMAP_FIXED,v)==-1?-1:0);
  V(L(0,4096),(long)mremap(sa,v,4096,MREMAP_MAYMOVE)==-1?-1:0); }
  V(L(0,1,-1),S(SYS_remap_file_pages,m,4096,v,0,0));
  V(L(0,1,-1),S(SYS_remap_file_pages,sh,4096,0,v,0));
  V(BITS,S(462,ro,0,v));
  V(L(0,1,4096),S(462,m+8*4096+v,4096,0));
  { int id=msgget(IPC_PRIVATE,0600); struct msqid_ds ds;
  V(INTS,msgctl(id,v,&ds)); id=msgget(IPC_PRIVATE,0600);
  V(PTRS,S(SYS_msgctl,id,IPC_STAT,v));
  V(L(-1,0,1,8192,8193,100000),S(SYS_msgsnd,id,(*(long*)buf=1,buf),v,IPC_NOWAIT));
  V(L(-1,0),(*(long*)buf=v,msgsnd(id,buf,1,IPC_NOWAIT)));
  V(PTRS,msgsnd(id,(void*)v,1,IPC_NOWAIT));
  V(L(-1,0,1,8192),msgrcv(id,buf,v,0,IPC_NOWAIT));
  V(BITS,msgrcv(id,buf,10,0,v|IPC_NOWAIT)); msgctl(id,IPC_RMID,0);
  V(L(0,1),msgctl(id,IPC_STAT,&ds));
  V(BITS,S(SYS_msgget,0x12345,v&IPC_CREAT?0:v)); }
  { int id=semget(IPC_PRIVATE,3,0600);
  V(L(-1,0,1,32000,32001,250),({int r=semget(IPC_PRIVATE,v,0600); if(r>=0) semctl(r,0,IPC_RMID); r;})); static unsigned short vals[10];
  V(INTS,v==0?0:semctl(id,0,v,vals));
  V(L(-1,0,1,2,3),semctl(id,v,GETVAL));
  V(L(-1,0,1,32767,32768),semctl(id,0,SETVAL,v)); struct sembuf sb={0,1,IPC_NOWAIT};
  V(L(0,1,500,501,-1),semop(id,&sb,v>1?0:v));
  V(L(-1,0,2,3,100),(sb.sem_num=v,semop(id,&sb,1))); sb.sem_num=0;
  V(PTRS,semop(id,(void*)v,1));
  V(L(-32768,32767,0,-1,1),(sb.sem_op=v,semop(id,&sb,1)));
  V(BITS,(sb.sem_op=0,sb.sem_flg=v|IPC_NOWAIT,semop(id,&sb,1))); semctl(id,0,IPC_RMID);
  V(L(0),semop(id,&sb,1)); }
  { V(L(0,1,4096,-1),({int r=S(SYS_shmget,IPC_PRIVATE,v,0600); if(r>=0) shmctl(r,IPC_RMID,0); r;})); int id=shmget(IPC_PRIVATE,8192,0600); struct shmid_ds sd;
  V(INTS,v==0?0:shmctl(id,v,&sd)); id=shmget(IPC_PRIVATE,8192,0600);
  V(BITS,({void*p=shmat(id,0,v); if(p!=(void*)-1) shmdt(p); (long)p==-1?-1:0;}));  V(L(0x40000001),({void*p=shmat(id,(void*)v,SHM_RND); if(p!=(void*)-1) shmdt(p); (long)p==-1?-1:0;}));
  V(PTRS,shmdt((void*)v));
  V(L(-1,99999999),shmat(v,0,0)==(void*)-1?-1:0); shmctl(id,IPC_RMID,0); }
  { struct mq_attr a={0,10,100}; char nm[50]; sprintf(nm,"/values2-%d",getpid());
  V(L(-1,0,1,10,11,100000),(a.mq_maxmsg=v,({mqd_t q=mq_open(nm,O_CREAT|O_RDWR,0600,&a); if(q>=0) {close(q); mq_unlink(nm);} q;}))); a.mq_maxmsg=10;
  V(L(-1,0,1,8192,8193,1<<25),(a.mq_msgsize=v,({mqd_t q=mq_open(nm,O_CREAT|O_RDWR,0600,&a); if(q>=0) {close(q); mq_unlink(nm);} q;}))); a.mq_msgsize=100;
  V(L(0),S(SYS_mq_open,"a/b",O_CREAT,0600,0));
  V(L(0),S(SYS_mq_open,"",O_CREAT,0600,0));
  V(L(0),S(SYS_mq_open,"nope",0,0600,0));
  V(PTRS,S(SYS_mq_open,v,0,0600,0));
  V(PTRS,S(SYS_mq_unlink,v));
  V(L(0),mq_unlink("/nope")); int q=mq_open(nm,O_CREAT|O_RDWR|O_NONBLOCK,0600,&a);
  V(L(-1,0,100,101),S(SYS_mq_timedsend,q,buf,v,0,0));
  V(L(-1,0,32767,32768),S(SYS_mq_timedsend,q,buf,1,v,0));
  V(L(0,99,100,200),S(SYS_mq_timedreceive,q,buf,v,0,0));
  V(PTRS,S(SYS_mq_timedreceive,q,v,100,0,0));
  V(PTRS,S(SYS_mq_timedsend,q,v,1,0,0)); struct timespec bad={0,-1};
  V(L(0),S(SYS_mq_timedreceive,q,buf,100,0,&bad));
  V(BITS,(a.mq_flags=v,mq_setattr(q,&a,0))); struct sigevent se={};
  V(INTS,(se.sigev_notify=v,se.sigev_signo=10,({int r=S(SYS_mq_notify,q,&se); if(!r) S(SYS_mq_notify,q,0); r;})));
  V(INTS,(se.sigev_notify=SIGEV_SIGNAL,se.sigev_signo=v,({int r=S(SYS_mq_notify,q,&se); if(!r) S(SYS_mq_notify,q,0); r;}))); mq_unlink(nm); }
  V(INTS,v==8||v==22||v==24||v==4||v==31||v==10||v==26||v==1||v==57||v==53||v==59||v==71||v==72||v==28||v>=67?0:prctl(v,0,0,0,0));
  V(INTS,v==22||v==59||v==8||v==35||v==71||v==72||v==26||v==28||v>=67?0:prctl(v,1,0,0,0));
  V(INTS,v==22||v==59||v==8||v==35||v==71||v==72||v==26||v==28||v>=67?0:prctl(v,-1,-1,-1,-1));
  V(INTS,prctl(PR_SET_PDEATHSIG,v));
  V(INTS,prctl(PR_CAPBSET_READ,v));
  V(INTS,prctl(PR_SET_SECUREBITS,v));
  V(INTS,prctl(PR_SET_TIMERSLACK,v));
  V(INTS,prctl(PR_SET_CHILD_SUBREAPER,v));
  V(INTS,prctl(PR_SET_THP_DISABLE,v,0,0,0));
  V(INTS,prctl(PR_CAP_AMBIENT,v,0,0,0));
  V(INTS,prctl(PR_CAP_AMBIENT,1,v,0,0));
  V(INTS,prctl(PR_GET_SPECULATION_CTRL,v,0,0,0)<0?-1:0);
  V(PTRS,prctl(PR_SET_NAME,v));
  V(PTRS,prctl(PR_GET_NAME,v));
  V(PTRS,prctl(PR_GET_PDEATHSIG,v));  V(INTS,prctl(PR_MCE_KILL,v,0,0,0));
  V(INTS,prctl(PR_SET_IO_FLUSHER,v,0,0,0));  V(INTS,prctl(PR_SET_NO_NEW_PRIVS,v==1?2:v,0,0,0));
  V(INTS,prctl(PR_SET_DUMPABLE,v));
  V(INTS,prctl(PR_SET_KEEPCAPS,v));
  V(INTS,prctl(PR_SET_TSC,v==2?1:v));
  V(INTS,S(SYS_set_mempolicy,v,0,0));
  V(INTS,S(SYS_get_mempolicy,buf,0,0,0,v));
  V(INTS,S(SYS_mbind,m,4096,v,0,0,0));
  V(BITS,S(SYS_mbind,m,4096,0,0,0,v));
  V(L(0,1,64,65,-1),S(SYS_set_mempolicy,2,buf,v));
  V(L(1,2,3),(*(long*)buf=v,S(SYS_set_mempolicy,2,buf,64)));  V(L(-1,-2,-3,-4,-5,-6,-7,-8,-9,0,1),S(SYS_keyctl,KEYCTL_GET_KEYRING_ID,v,0)==-1?-1:0);
  V(PTRS,S(SYS_add_key,v,"x","y",1,-3));
  V(PTRS,S(SYS_add_key,"user",v,"y",1,-3)==-1?-1:0);
  V(PTRS,S(SYS_add_key,"user","br","y"+0*v,v==0?0:v==1?1:32768,-3)==-1?-1:0);
  V(L(-1,-2,-3,-4,-5,-6,-7,-8,-9,0,1),S(SYS_add_key,"user","br","y",1,v)==-1?-1:0);
  V(L(0),S(SYS_add_key,"nosuch","br","y",1,-3));
  V(L(0),S(SYS_add_key,".user","br","y",1,-3));
  V(L(0),S(SYS_add_key,"keyring","br","y",1,-3));
  V(PTRS,S(SYS_request_key,"user",v,0,0));
  V(L(0),S(SYS_request_key,"user","brnope",0,0));
  V(L(-1,0,1),S(SYS_iopl,v));
  V(L(0,1,65536,65537,-1),S(SYS_ioperm,v,1,1));  V(L(0,1,2,3,4),S(SYS_sysfs,v,"tmpfs",buf)==-1&&errno==EINVAL?-1:0);
  V(L(0),S(SYS_ustat,-1,buf));
  V(L(0,8,63,4097,-1),S(SYS_clone3,memset(buf,0,200),v));
}

int main(void) {
  as_ordinary_user(all);
  return 0;
}
