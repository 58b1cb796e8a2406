#include "test.h"
/* Each call on a descriptor is made with each kind of descriptor, good arguments and bad ones: what is found out first. */
#include <limits.h>
#include <termios.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/fiemap.h>
#include <linux/openat2.h>
#include <sys/xattr.h>
#include <dirent.h>
#include <sys/sendfile.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/signalfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#define BAD ((void*)8)
static void *none, *ro; static char longname[300], longpath[5000];
static void fds(int *f) { int p[2];
  f[0]=-1; f[1]=open("f",O_RDWR|O_CREAT,0644); f[2]=open(".",O_RDONLY); pipe2(p,O_NONBLOCK); f[3]=p[0]; f[4]=p[1]; f[5]=open("/dev/null",O_RDWR); f[6]=open("f",O_PATH); f[7]=open("f",O_RDONLY); f[8]=open("f",O_WRONLY); f[9]=eventfd(0,EFD_NONBLOCK); f[10]=epoll_create1(0); f[11]=timerfd_create(CLOCK_MONOTONIC,TFD_NONBLOCK); sigset_t s; sigemptyset(&s); f[12]=signalfd(-1,&s,SFD_NONBLOCK); f[13]=inotify_init1(IN_NONBLOCK); f[14]=socket(AF_INET,SOCK_STREAM|SOCK_NONBLOCK,0); f[15]=socket(AF_UNIX,SOCK_DGRAM|SOCK_NONBLOCK,0); int q[2]; socketpair(AF_UNIX,SOCK_STREAM|SOCK_NONBLOCK,0,q); f[16]=q[0]; f[17]=q[1]; f[18]=memfd_create("m",MFD_ALLOW_SEALING); f[19]=open("/dev/zero",O_RDWR); f[20]=open("/dev/full",O_RDWR); f[21]=open("/proc/self/status",O_RDONLY); f[22]=open("/dev/urandom",O_RDONLY); f[23]=open("f",O_RDWR|O_APPEND); f[24]=-1;f[25]=open("/proc/self",O_RDONLY|O_DIRECTORY); f[26]=open("/dev/ptmx",O_RDWR|O_NONBLOCK|O_NOCTTY); f[27]=99; f[28]=-1; f[29]=open("/proc/sys/kernel/hostname",O_RDONLY); f[30]=open("/sys",O_RDONLY); }
static const char *fn[]={"-1","file","dir","pr","pw","null","path","ro","wo","evt","epoll","timerfd","sigfd","inot","tcp","udg","us0","us1","memfd","zero","full","procst","urand","app","none","procdir","ptmx","99","none2","sysctl","sysfs"};
#define NF 31
#define EACH(call) do { say("%s:", #call); for (int i = 0; i < NF; i++) { int fd = F[i]; errno = 0; long v = (long)(call); if (v == -1) say(" %s=%s", fn[i], ename(errno)); else say(" %s=%ld", fn[i], v); } say("\n"); } while (0)
#define EACHOK(call) do { say("%s:", #call); for (int i = 0; i < NF; i++) { int fd = F[i]; errno = 0; long v = (long)(call); say(" %s=%s", fn[i], v == -1 ? ename(errno) : "ok"); } say("\n"); } while (0)
static void all(void) {
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){1024, 4096});
  for(int i=1;i<65;i++) if(i!=SIGSEGV&&i!=SIGCHLD) signal(i,SIG_IGN); none=mmap(0,4096,PROT_NONE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); ro=mmap(0,4096,PROT_READ,MAP_PRIVATE|MAP_ANONYMOUS,-1,0);
  int F[NF]; for(int i=0;i<NF;i++) F[i]=-2; fds(F); write(F[1],"hello world",11);
  char b[100]; struct stat st; struct statfs sf; loff_t o; struct iovec iv={b,4};
  EACHOK(read(fd,b,0));
  EACH(write(fd,b,0));
  EACHOK(read(fd,none,1)); 
  for(int i=0;i<NF;i++) if (i!=5&&i!=19) { errno=0; long v=write(F[i],none,1); say("write none [%s] %ld %s\n",fn[i],v,v==-1?ename(errno):""); }
  EACHOK(pread(fd,b,1,0));
  EACHOK(pread(fd,b,1,-1));
  EACHOK(pwrite(fd,b,0,0));
  EACHOK(pwrite(fd,b,1,-1));
  EACHOK(pread(fd,none,1,0));
  EACHOK(preadv(fd,&iv,1,0));
  EACHOK(preadv(fd,&iv,-1,0));
  EACHOK(preadv(fd,&iv,1025,0));
  EACHOK(readv(fd,&iv,-1));
  EACHOK(writev(fd,&iv,-1));
  EACHOK(readv(fd,&iv,0));
  EACHOK(writev(fd,&iv,0));
  EACHOK(readv(fd,none,1));
  EACHOK(writev(fd,none,1));
  EACHOK(readv(fd,0,0));
  { struct iovec big[2]={{b,0x7fffffff},{b,0x7fffffff}}; struct iovec neg={b,-1};
  EACHOK(writev(fd,&neg,1));
  EACHOK(readv(fd,&neg,1)); struct iovec nn={none,1};
  EACHOK(readv(fd,&nn,1)); }
  EACH(preadv2(fd,&iv,1,-1,0)>=-1?errno:0);
  EACHOK(preadv2(fd,&iv,1,0,RWF_HIPRI));
  EACHOK(preadv2(fd,&iv,1,0,RWF_NOWAIT));
  EACHOK(preadv2(fd,&iv,1,0,RWF_DSYNC));
  EACHOK(preadv2(fd,&iv,1,0,RWF_APPEND));
  EACHOK(preadv2(fd,&iv,1,0,0x40));
  EACHOK(preadv2(fd,&iv,1,0,0x80));
  EACHOK(preadv2(fd,&iv,1,0,0x100));
  EACHOK(preadv2(fd,&iv,1,0,0x20));EACHOK(preadv2(fd,&iv,1,0,0x40000000)); 
  { struct iovec z={b,0};
  EACHOK(pwritev2(fd,&z,1,0,RWF_SYNC));
  EACHOK(pwritev2(fd,&z,1,0,RWF_APPEND));
  EACHOK(pwritev2(fd,&z,1,0,RWF_NOWAIT));
  EACHOK(pwritev2(fd,&z,1,0,RWF_HIPRI));
  EACHOK(pwritev2(fd,&z,1,0,RWF_APPEND|0x20));
  EACHOK(pwritev2(fd,&z,1,-1,0));
  EACHOK(pwritev2(fd,&z,1,0,0x40));EACHOK(pwritev2(fd,&z,1,0,0x80)); }
  EACHOK(lseek(fd,0,SEEK_CUR));
  EACHOK(lseek(fd,-1,SEEK_SET));
  EACHOK(lseek(fd,0,7));
  EACHOK(lseek(fd,0,SEEK_END));
  EACHOK(lseek(fd,0,SEEK_SET));
  EACHOK(ftruncate(fd,11));
  EACHOK(ftruncate(fd,-1));
  EACHOK(fsync(fd));
  EACHOK(fdatasync(fd));
  EACHOK(syncfs(fd));
  EACHOK(sync_file_range(fd,0,0,0));
  EACHOK(sync_file_range(fd,-1,0,0));
  EACHOK(sync_file_range(fd,0,-1,0));
  EACHOK(sync_file_range(fd,0,0,8));
  EACHOK(sync_file_range(fd,0,0,7));
  EACHOK(fallocate(fd,0,0,0));
  EACHOK(fallocate(fd,0,0,11));
  EACHOK(fallocate(fd,0,-1,1));
  EACHOK(fallocate(fd,FALLOC_FL_PUNCH_HOLE,0,1));
  EACHOK(fallocate(fd,FALLOC_FL_KEEP_SIZE,0,1));
  EACHOK(fallocate(fd,0x1000,0,1));
  EACHOK(fallocate(fd,3,0,1));
  EACHOK(fallocate(fd,FALLOC_FL_COLLAPSE_RANGE,0,1));
  EACHOK(fallocate(fd,FALLOC_FL_ZERO_RANGE,0,1));
  EACHOK(fallocate(fd,FALLOC_FL_INSERT_RANGE,0,1));
  EACHOK(fallocate(fd,FALLOC_FL_UNSHARE_RANGE,0,1));
  EACHOK(posix_fadvise(fd,0,0,0));
  EACHOK(posix_fadvise(fd,0,0,9)?(errno=posix_fadvise(fd,0,0,9),-1):0);
  EACH(posix_fadvise(fd,0,-1,0));
  EACH(readahead(fd,0,4096));
  EACHOK(flock(fd,LOCK_SH|LOCK_NB));
  EACHOK(flock(fd,LOCK_UN));
  EACHOK(flock(fd,0));
  EACHOK(flock(fd,LOCK_NB));
  EACHOK(flock(fd,LOCK_MAND|LOCK_READ));
  EACHOK(flock(fd,15));
  EACHOK(fchown(fd,-1,-1));
  EACHOK(fchdir(fd)); chdir(tmp_dir);
  EACHOK(fstatfs(fd,&sf));
  EACHOK(syscall(SYS_fstatfs,fd,none));
  EACHOK(flistxattr(fd,b,100)>=0?0:-1);
  EACHOK(fsetxattr(fd,"trusted.a","1",1,0));
  EACHOK(fsetxattr(fd,"user.x","1",70000,0));
  EACHOK(fcntl(fd,F_GETFD));
  EACH(fcntl(fd,F_GETFL));
  EACHOK(fcntl(fd,F_DUPFD,-1));
  EACHOK(fcntl(fd,F_DUPFD,1<<30));
  EACHOK(fcntl(fd,F_GETPIPE_SZ));
  EACHOK(fcntl(fd,F_SETPIPE_SZ,4096));
  EACHOK(fcntl(fd,F_GET_SEALS));
  EACHOK(fcntl(fd,F_ADD_SEALS,0));
  EACHOK(fcntl(fd,F_GETLEASE));
  EACHOK(fcntl(fd,F_SETLEASE,F_UNLCK));
  EACHOK(fcntl(fd,F_SETLEASE,F_UNLCK));
  EACHOK(fcntl(fd,F_SETLEASE,9));
  EACHOK(fcntl(fd,F_NOTIFY,DN_ACCESS));
  EACHOK(fcntl(fd,F_NOTIFY,0));
  EACHOK(fcntl(fd,F_SETSIG,65));
  EACHOK(fcntl(fd,F_SETSIG,0));
  EACHOK(fcntl(fd,F_GETSIG));
  EACHOK(fcntl(fd,F_SETOWN,0));
  EACHOK(fcntl(fd,F_SETOWN,1<<29));
  EACHOK(fcntl(fd,F_SETOWN,INT_MIN));
  EACHOK(fcntl(fd,F_GETOWN));
  EACHOK(fcntl(fd,F_SETFL,O_DIRECT));
  EACHOK(fcntl(fd,F_SETFL,O_NONBLOCK));
  EACHOK(fcntl(fd,F_SETFL,O_NOATIME|O_NONBLOCK));
  EACHOK(fcntl(fd,F_SETFL,O_ASYNC|O_NONBLOCK));
  EACH(fcntl(fd,F_GETFL));
  EACHOK(fcntl(fd,F_SETFL,O_NONBLOCK));
  EACHOK(fcntl(fd,1024+13));
  EACHOK(fcntl(fd,F_SETFD,0x100));
  EACHOK(fcntl(fd,F_GETOWN_EX,none));
  EACHOK(fcntl(fd,F_SETOWN_EX,none));
  EACHOK(fcntl(fd,1035,none));
  EACHOK(fcntl(fd,1036,none));
  EACHOK(fcntl(fd,1037,none));
  EACHOK(fcntl(fd,1038,none)); { uint64_t h=0;
  EACH(fcntl(fd,1035,&h)); h=3;
  EACH(fcntl(fd,1036,&h)); h=9;
  EACH(fcntl(fd,1036,&h)); h=0;EACH(fcntl(fd,1036,&h));
  EACH(fcntl(fd,1037,&h)); } EACH(fcntl(fd,1024+3,3));
  EACH(fcntl(fd,1024+4,0));
  { struct flock l={.l_type=F_RDLCK};
  EACHOK((l.l_type=F_RDLCK,l.l_len=0,l.l_start=0,fcntl(fd,F_GETLK,&l)));
  EACHOK((l.l_type=F_RDLCK,fcntl(fd,F_SETLK,&l)));
  EACHOK((l.l_type=F_WRLCK,fcntl(fd,F_SETLK,&l)));
  EACHOK((l.l_type=F_UNLCK,fcntl(fd,F_SETLK,&l)));
  EACHOK((l.l_type=9,fcntl(fd,F_SETLK,&l)));
  EACHOK((l.l_type=F_RDLCK,l.l_whence=9,fcntl(fd,F_SETLK,&l))); l.l_whence=0;
  EACHOK((l.l_type=F_RDLCK,l.l_start=-1,fcntl(fd,F_SETLK,&l))); l.l_start=0;
  EACHOK((l.l_type=F_RDLCK,l.l_len=-1,fcntl(fd,F_SETLK,&l))); l.l_len=0;
  EACHOK((l.l_type=F_RDLCK,l.l_pid=1,fcntl(fd,F_OFD_SETLK,&l))); l.l_pid=0;
  EACHOK((l.l_type=F_RDLCK,fcntl(fd,F_OFD_SETLK,&l)));
  EACHOK((l.l_type=F_UNLCK,fcntl(fd,F_OFD_SETLK,&l)));
  EACHOK((l.l_type=F_UNLCK,fcntl(fd,F_OFD_GETLK,&l)));  EACHOK((l.l_type=F_EXLCK,fcntl(fd,F_GETLK,&l)));EACHOK((l.l_type=F_UNLCK,fcntl(fd,F_GETLK,&l)));EACHOK((l.l_type=F_RDLCK,l.l_whence=SEEK_END,l.l_start=-5,fcntl(fd,F_SETLK,&l)));l.l_whence=SEEK_CUR;EACHOK((l.l_type=F_UNLCK,fcntl(fd,F_SETLK,&l))); }
  EACHOK(getdents64(fd,b,0));
  EACHOK(syscall(SYS_getdents64,fd,b,10));
  EACHOK(syscall(SYS_getdents64,fd,none,1000)); 
  EACHOK(openat(fd,"f",O_RDONLY)>=0?0:-1);
  EACHOK(openat(fd,"",O_RDONLY));
  EACHOK(openat(fd,0,O_RDONLY));
  EACHOK(mkdirat(fd,"/",0));
  EACHOK(mkdirat(fd,"f",0));
  EACHOK(unlinkat(fd,"nope",0));
  EACHOK(unlinkat(fd,"f",4));
  EACHOK(unlinkat(fd,"f",AT_REMOVEDIR));
  EACHOK(fstatat(fd,"",&st,AT_EMPTY_PATH));
  EACHOK(fstatat(fd,"",&st,0));
  EACHOK(fstatat(fd,"f",&st,0));
  EACHOK(fstatat(fd,0,&st,AT_EMPTY_PATH));
  EACHOK(fstatat(fd,"f",&st,2));
  EACHOK(faccessat(fd,"f",F_OK,0));
  EACHOK(faccessat(fd,"",F_OK,AT_EMPTY_PATH));
  EACHOK(fchmodat(fd,"nope",0,0));
  EACHOK(syscall(452,fd,"",0644,0x2000));
  EACHOK(fchownat(fd,"",-1,-1,AT_EMPTY_PATH));
  EACHOK(fchownat(fd,"nope",-1,-1,0));
  EACHOK(fchownat(fd,"",-1,-1,1));
  EACHOK(readlinkat(fd,"",b,10));
  EACHOK(readlinkat(fd,"f",b,10));
  EACHOK(readlinkat(fd,"f",b,0));
  EACHOK(readlinkat(fd,"f",b,-1));
  EACHOK(symlinkat("x",fd,"f"));
  EACHOK(symlinkat("",fd,"g"));
  EACHOK(linkat(fd,"",AT_FDCWD,"zz",AT_EMPTY_PATH)); unlink("zz");
  EACHOK(linkat(fd,"f",fd,"f",0));
  EACHOK(linkat(fd,"f",fd,"f",1));
  EACHOK(renameat(fd,"nope",fd,"nope2"));
  EACHOK(renameat2(fd,"f",fd,"f",RENAME_NOREPLACE|RENAME_EXCHANGE));
  EACHOK(renameat2(fd,"f",fd,"f",8));
  EACHOK(renameat2(fd,"f",fd,"f",RENAME_NOREPLACE));
  EACHOK(renameat2(fd,"f",fd,"f",RENAME_EXCHANGE));
  EACHOK(renameat2(fd,"f",fd,"f",RENAME_WHITEOUT));
  EACHOK(mknodat(fd,"f",S_IFREG,0));
  EACHOK(mknodat(fd,"ff",S_IFDIR,0));
  EACHOK(mknodat(fd,"ff",0170000,0));
  EACHOK(mknodat(fd,"ff",S_IFCHR,0));
  EACHOK(utimensat(fd,0,0,0));
  EACHOK(utimensat(fd,"f",0,0));
  EACHOK(utimensat(fd,"f",0,4));
  EACHOK(syscall(SYS_statx,fd,"",AT_EMPTY_PATH,0xfff,none));
  EACHOK(syscall(SYS_statx,fd,"",AT_EMPTY_PATH,0x80000000,b));
  EACHOK(syscall(SYS_statx,fd,"",0x6000,0xfff,b));EACHOK(syscall(SYS_statx,fd,0,AT_EMPTY_PATH,0x7ff,none));
  { struct open_how h={.flags=O_RDONLY};
  EACHOK(syscall(SYS_openat2,fd,"f",&h,sizeof h)>=0?0:-1); h.flags=O_CREAT; h.mode=0x1ffff;
  EACHOK(syscall(SYS_openat2,fd,"f",&h,sizeof h)); h.flags=O_RDONLY; h.mode=1;
  EACHOK(syscall(SYS_openat2,fd,"f",&h,sizeof h)); h.mode=0; h.resolve=0x40;
  EACHOK(syscall(SYS_openat2,fd,"f",&h,sizeof h)); h.resolve=0;
  EACHOK(syscall(SYS_openat2,fd,"f",&h,8));
  EACHOK(syscall(SYS_openat2,fd,"f",&h,5000));
  EACHOK(syscall(SYS_openat2,fd,"f",none,sizeof h)); h.resolve=RESOLVE_BENEATH|RESOLVE_IN_ROOT;
  EACHOK(syscall(SYS_openat2,fd,"f",&h,sizeof h)); }
  for(int i=100;i<1024;i++) close(i); for(int i=3;i<100;i++) { int k=0; for(int j=0;j<NF;j++) if(F[j]==i) k=1; if(!k) close(i);} 
  close(F[14]);
  EACHOK(mmap(0,4096,PROT_READ,MAP_SHARED,fd,0));
  EACHOK(mmap(0,4096,PROT_READ|PROT_WRITE,MAP_SHARED,fd,0));
  EACHOK(mmap(0,4096,PROT_READ|PROT_WRITE,MAP_PRIVATE,fd,0));
  EACHOK(mmap(0,4096,PROT_EXEC,MAP_PRIVATE,fd,0));
  EACHOK(mmap(0,0,PROT_READ,MAP_PRIVATE,fd,0));
  EACHOK(mmap(0,4096,PROT_READ,0,fd,0));
  EACHOK(mmap(0,4096,PROT_READ,MAP_SHARED_VALIDATE,fd,0));
  EACHOK(mmap(0,4096,PROT_READ,MAP_PRIVATE|MAP_HUGETLB,fd,0));
  EACHOK(mmap(0,4096,PROT_READ,MAP_PRIVATE,fd,4096));
  F[14]=socket(AF_INET,SOCK_STREAM|SOCK_NONBLOCK,0);
  { struct epoll_event e={EPOLLIN};
  EACHOK(epoll_ctl(F[10],EPOLL_CTL_ADD,fd,&e));
  EACHOK(epoll_ctl(F[10],EPOLL_CTL_ADD,fd,&e));
  EACHOK(epoll_ctl(F[10],EPOLL_CTL_MOD,fd,none));
  EACHOK(epoll_ctl(fd,EPOLL_CTL_ADD,F[3],&e));
  EACHOK(epoll_ctl(F[10],99,fd,&e));
  EACHOK(epoll_ctl(F[10],EPOLL_CTL_DEL,fd,0));
  EACHOK(epoll_ctl(F[10],EPOLL_CTL_DEL,fd,0));
  EACHOK(epoll_wait(fd,&e,1,0));
  EACHOK(epoll_wait(fd,&e,0,0));
  EACHOK(epoll_wait(fd,&e,-1,0));
  EACHOK(epoll_ctl(F[10],EPOLL_CTL_MOD,fd,&e)); e.events=EPOLLEXCLUSIVE|EPOLLONESHOT;
  EACHOK(epoll_ctl(F[10],EPOLL_CTL_ADD,fd,&e)); }
  { struct pollfd p;
  EACH((p.fd=fd,p.events=POLLIN|POLLOUT|POLLPRI|POLLRDHUP|POLLRDNORM|POLLWRNORM|POLLRDBAND|POLLWRBAND,p.revents=0,poll(&p,1,0),p.revents)); }
  { struct itimerspec it={}; struct signalfd_siginfo si;
  EACHOK(timerfd_gettime(fd,&it));
  EACHOK(timerfd_settime(fd,0,&it,0));
  EACHOK(syscall(SYS_timerfd_settime,fd,0,none,0));
  EACHOK(timerfd_settime(fd,8,&it,0));
  EACHOK(signalfd(fd,none,0)); sigset_t s; sigemptyset(&s);
  EACHOK(signalfd(fd,&s,0));
  EACHOK(signalfd(fd,&s,0x10));
  EACHOK(inotify_add_watch(fd,".",IN_ACCESS));
  EACHOK(inotify_add_watch(fd,".",0));
  EACHOK(inotify_add_watch(fd,none,1));
  EACHOK(inotify_rm_watch(fd,77)); }
  EACHOK(sendfile(fd,F[1],0,0));
  EACHOK(sendfile(F[17],fd,none,1)); o=-1; { int w=F[4]; int r=F[3]; while(read(r,b,100)>0);
  EACHOK(splice(r,0,fd,0,1,SPLICE_F_NONBLOCK)); write(w,"x",1);  EACHOK(splice(fd,0,w,0,0,0));
  EACHOK(splice(fd,0,w,0,1,0x100)); o=0;
  EACHOK(splice(fd,0,w,&o,1,2));
  EACHOK(splice(r,&o,fd,0,1,2));
  EACHOK(tee(fd,w,1,2));
  EACHOK(tee(r,fd,1,2));
  EACHOK(vmsplice(fd,&iv,1,2));
  EACHOK(vmsplice(fd,none,1,2));
  EACHOK(vmsplice(fd,&iv,1,0x80)); }
  { int g=open("g",O_RDWR|O_CREAT,0644);
  EACHOK(copy_file_range(fd,0,g,0,1,0));
  EACHOK(copy_file_range(g,0,fd,0,0,0));
  EACHOK(copy_file_range(fd,0,g,0,1,1)); o=0; loff_t o2=100;
  EACHOK((o=0,o2=100,copy_file_range(fd,&o,fd,&o2,1,0)));
  EACHOK((o=-1,copy_file_range(fd,&o,g,0,1,0)));
  EACHOK(copy_file_range(fd,none,g,0,1,0));
  EACHOK((o=0,o2=0,copy_file_range(fd,&o,fd,&o2,5,0)));
  EACHOK((o=0,copy_file_range(g,0,fd,&o,5,0)));
  EACHOK((o=0x7fffffffffffffffLL,copy_file_range(fd,0,g,&o,5,0))); 
   EACHOK(ioctl(fd,FICLONE,g));
  EACHOK(ioctl(g,FICLONE,fd)); }
  EACHOK(isatty(fd)?0:-1); { int n;
  EACHOK(ioctl(fd,FIONREAD,&n));
  EACHOK(ioctl(fd,FIONREAD,none));
  EACHOK(ioctl(fd,FIONBIO,none)); n=1;
  EACHOK(ioctl(fd,FIONBIO,&n));
  EACHOK(ioctl(fd,FIOASYNC,&n)); n=0;
  EACHOK(ioctl(fd,FIOASYNC,&n));
  EACHOK(ioctl(fd,FIGETBSZ,&n));
  EACHOK(ioctl(fd,FIBMAP,&n));
  EACHOK(ioctl(fd,FS_IOC_GETFLAGS,&n));
  EACHOK(ioctl(fd,0x5421,none));
  EACHOK(ioctl(fd,TIOCOUTQ,&n));
  EACHOK(ioctl(fd,TIOCGPGRP,&n));
  EACHOK(ioctl(fd,TIOCGSID,&n));
  EACHOK(ioctl(fd,0xdeadbeef,&n));
  EACHOK(ioctl(fd,FIOCLEX));
  EACHOK(ioctl(fd,FIONCLEX));
  EACHOK(ioctl(fd,0x5460,&n));
  EACHOK(ioctl(fd,FIOQSIZE,b));
  EACHOK(ioctl(fd,_IOR('X',31,int),b));}
  { socklen_t l; int n; struct sockaddr_storage ss;
  EACHOK((l=4,getsockopt(fd,SOL_SOCKET,SO_TYPE,&n,&l)));
  EACHOK(setsockopt(fd,SOL_SOCKET,SO_REUSEADDR,&n,4));
  EACHOK(setsockopt(fd,SOL_SOCKET,SO_REUSEADDR,&n,1));
  EACHOK(setsockopt(fd,SOL_SOCKET,SO_REUSEADDR,none,4));
  EACHOK((l=sizeof ss,getsockname(fd,(void*)&ss,&l)));
  EACHOK((l=sizeof ss,getpeername(fd,(void*)&ss,&l)));
  EACHOK((l=-1,getsockname(fd,(void*)&ss,&l)));
  EACHOK(getsockname(fd,none,&l));
  EACHOK(shutdown(fd,9));
  EACHOK(recv(fd,b,1,MSG_DONTWAIT));
  EACHOK(send(fd,b,1,MSG_DONTWAIT|MSG_NOSIGNAL));
  EACHOK(sendmsg(fd,none,0));
  EACHOK(recvmsg(fd,none,MSG_DONTWAIT));
  EACHOK(accept4(fd,0,0,0x77));
  EACHOK(bind(fd,none,10));
  EACHOK(bind(fd,(void*)&ss,1000));
  EACHOK(bind(fd,(void*)&ss,-1));
  EACHOK(bind(fd,(void*)&ss,0));
  EACHOK(connect(fd,(void*)&ss,0));
  EACHOK(connect(fd,(void*)&ss,1));
  EACHOK(connect(fd,none,16));
  EACHOK(connect(fd,(void*)&ss,-1));
  EACHOK(listen(fd,-1));
  EACHOK(accept(fd,0,0));
  EACHOK(shutdown(fd,1));
  EACHOK(send(fd,b,1,MSG_DONTWAIT|MSG_NOSIGNAL)); }
  EACHOK(fexecve(fd,(char*[]){0},(char*[]){0}));
  EACHOK(syscall(SYS_execveat,fd,"",0,0,0x1));
  EACHOK(dup2(fd,fd)==fd?0:-1);
  EACHOK(dup3(fd,fd,0));
  EACHOK(dup3(fd,200,0x1));
  EACHOK(dup2(fd,-1));
  EACHOK(dup2(fd,5000));
  EACHOK(syscall(SYS_pidfd_send_signal,fd,0,0,0));
  EACHOK(syscall(SYS_pidfd_getfd,fd,0,0)==-1&&errno==EBADF?0:0);
  EACHOK(waitid(P_PIDFD,fd,0,WEXITED|WNOHANG));
  EACHOK(setns(fd,0));
  EACHOK(syscall(SYS_process_madvise,fd,&iv,1,MADV_COLD,0)>=0?0:-1);
  EACHOK(syscall(SYS_open_by_handle_at,fd,none,0));
  EACHOK(syscall(SYS_mq_notify,fd,0));
  EACHOK(syscall(SYS_mq_getsetattr,fd,0,0));
  EACHOK(syscall(SYS_finit_module,fd,"",0));
  EACHOK(syscall(SYS_fsconfig,fd,0,0,0,0));
  EACHOK(syscall(SYS_fsmount,fd,0,0));
  EACHOK(syscall(SYS_move_mount,fd,"",-100,"/",4));
  EACHOK(syscall(SYS_close_range,fd,0,0));
  EACHOK(close(fd));
  EACHOK(close(fd)); 
  }

int main(void) {
  as_ordinary_user(all);
  return 0;
}
