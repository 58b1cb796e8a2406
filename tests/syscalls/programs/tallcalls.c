#include "test.h"
/* System calls with everything they are given above 4 GiB: buffers, structures, vectors, stacks; what /proc and ptrace show of it. */
/* flags: -pthread */
#include <dirent.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/user.h>
#include <sys/utsname.h>
#define MB (1UL << 20)
#if __SIZEOF_POINTER__ == 8
static char *base, *b;
static char *insist(void) {
  for (unsigned long n = 0; n < 1000; n++) {
    char *p = mmap((void *)(0x1234500000000UL / 16 + n * 4096), 1UL << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if ((unsigned long)p >= 1UL << 33) return p;
    munmap(p, 1UL << 40);
  }
  return NULL;
}
static char *put(size_t at, const char *text) { return strcpy(b + at, text); }
static long sys(long n, ...) { va_list v; va_start(v, n); long a[6]; for (int k = 0; k < 6; k++) a[k] = va_arg(v, long); va_end(v); return syscall(n, a[0], a[1], a[2], a[3], a[4], a[5]); }
static void files(void) {
  int fd = R(open(put(0, "file"), O_RDWR | O_CREAT | O_TRUNC, 0644)); put(100, "hello there"); R(write(fd, b + 100, 11)); R(pread(fd, b + 200, 5, 6)); say("%.5s\n", b + 200);
  struct iovec *v = (void *)(b + 304); v[0] = (struct iovec){ b + 100, 5 }; v[1] = (struct iovec){ put(400, " world"), 6 }; R(writev(fd, v, 2)); lseek(fd, 11, SEEK_SET); v[0].iov_base = b + 4090; v[1].iov_base = b + 500; R(readv(fd, v, 2)); say("%.5s|%.6s\n", b + 4090, b + 500);
  struct stat *st = (void *)(b + 600); R(fstat(fd, st)); say("%ld %o\n", (long)st->st_size, st->st_mode); R(stat(b, st)); R(rename(b, put(20, "other"))); R(access(b, F_OK)); R(symlink(b + 20, b)); R(readlink(b, b + 800, 90)); say("%s\n", b + 800);
  R(getcwd(b + 1000, 200) == b + 1000); mkdir(put(40, "dir"), 0755); int d = open(b + 40, O_RDONLY); long n = sys(SYS_getdents64, d, b + 1200, 1000L); say("entries %d\n", n > 0); close(d);
  R(ftruncate(fd, 3 * 4096)); R(fallocate(fd, 0, 0, 4096)); R(lseek(fd, 0, SEEK_SET)); *(long *)(b + 1400) = 3; int o = memfd_create(put(60, "name"), 0); R(sendfile(o, fd, (off_t *)(b + 1400), 4)); say("%ld\n", *(long *)(b + 1400)); R(pread(o, b + 1500, 4, 0)); say("%.4s\n", b + 1500);
  long limit = (long)b + 64 * MB; R(read(fd, b + 16 * MB, 10)); R(read(fd, (void *)(0x7ffffffff000UL - 5), 10)); R(write(fd, (void *)(1UL << 47), 1)); R(write(fd, (void *)-8L, 1)); R(write(fd, (char *)limit, 4096)); R(pread(fd, b + 4 * MB - 3, 100, 0)); R(open((char *)limit, O_RDONLY)); R(open(strcpy(b + 4 * MB - 6, "other"), O_RDONLY)); R(open(memset(b + 4 * MB - 6, 'x', 6), O_RDONLY));
  struct statfs *fs = (void *)(b + 1600); R(statfs("/proc", fs)); struct utsname *u = (void *)(b + 1800); R(uname(u)); say("%s\n", u->sysname);
  struct timespec *t = (void *)(b + 2200); R(clock_gettime(CLOCK_MONOTONIC, t)); t->tv_sec = 0; t->tv_nsec = 1000; R(nanosleep(t, t + 1)); struct timeval *tv = (void *)(b + 2300); R(gettimeofday(tv, NULL)); say("%d\n", tv->tv_sec > 1000000); R(sys(SYS_time, b + 2320) > 1000000); R(sys(SYS_getcpu, b + 2340, b + 2344, 0L)); struct rlimit *l = (void *)(b + 2400); R(getrlimit(RLIMIT_NOFILE, l)); R(sys(SYS_getrandom, b + 2500, 16L, 0L));
  close(fd); close(o);
}
static void waits(void) {
  int *p = (int *)(b + 3000), *s = (int *)(b + 3010 + 6); R(pipe2(p, O_NONBLOCK)); struct pollfd *f = (void *)(b + 3100); f->fd = p[0]; f->events = POLLIN; R(poll(f, 1, 0)); R(write(p[1], put(3200, "x"), 1)); R(poll(f, 1, 0)); say("%x\n", f->revents);
  fd_set *set = (void *)(b + 3300); FD_ZERO(set); FD_SET(p[0], set); struct timeval *tv = (void *)(b + 3500); tv->tv_sec = tv->tv_usec = 0; R(select(p[0] + 1, set, NULL, NULL, tv)); int e = epoll_create1(0); struct epoll_event *ev = (void *)(b + 3600); ev->events = EPOLLIN; ev->data.u64 = (unsigned long)b; R(epoll_ctl(e, EPOLL_CTL_ADD, p[0], ev)); memset(ev, 0, 12); R(epoll_wait(e, ev, 4, -1)); say("%d\n", ev->data.ptr == b);
  R(socketpair(AF_UNIX, SOCK_STREAM, 0, s)); struct msghdr *m = (void *)(b + 3800); struct iovec *v = (void *)(b + 3900); memset(m, 0, sizeof *m); v->iov_base = put(4000, "message"); v->iov_len = 7; m->msg_iov = v; m->msg_iovlen = 1; m->msg_control = b + 4100; m->msg_controllen = CMSG_SPACE(4); struct cmsghdr *c = CMSG_FIRSTHDR(m); c->cmsg_level = SOL_SOCKET; c->cmsg_type = SCM_RIGHTS; c->cmsg_len = CMSG_LEN(4); *(int *)CMSG_DATA(c) = p[0];
  R(sendmsg(s[0], m, 0)); v->iov_base = b + 4300; memset(b + 4100, 0, 64); R(recvmsg(s[1], m, 0)); say("%.7s %d\n", b + 4300, *(int *)CMSG_DATA(c) > p[0]); socklen_t *len = (void *)(b + 4400); *len = 100; R(getsockname(s[0], (void *)(b + 4500), len)); say("%d\n", *len); R(getsockopt(s[0], SOL_SOCKET, SO_TYPE, b + 4600, (*len = 4, len))); say("%d\n", *(int *)(b + 4600));
  sigset_t *ss = (void *)(b + 4700); sigemptyset(ss); sigaddset(ss, SIGUSR1); R(sigprocmask(SIG_BLOCK, ss, ss + 1)); kill(getpid(), SIGUSR1); siginfo_t *si = (void *)(b + 5200); R(sigwaitinfo(ss, si)); say("%d\n", si->si_signo); R(sigprocmask(SIG_SETMASK, ss + 1, NULL));
}
static volatile int handled; static stack_t *alternative;
static void on_usr(int s, siginfo_t *i, void *c) { stack_t now; sigaltstack(NULL, &now); char here; handled = 1 + (&here >= b + MB && &here < b + MB + 65536) + 2 * (now.ss_flags == SS_ONSTACK) + 4 * (now.ss_sp == b + MB); }
static int in_clone(void *arg) { char local[100]; snprintf(local, 100, "clone %ld %d", (long)arg, local > b); say("%s\n", local); *(long *)(b + 6000) = 5; return 3; }
static void *waiter(void *arg) { int *f = (int *)(b + 7000 + (long)arg * 16); long r = sys(SYS_futex, f, (long)arg ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE, 0L, 0L, 0L, 0L); __atomic_fetch_add((int *)(b + 7100), 1, 5); return (void *)r; }
static void tasks(void) {
  alternative = (void *)(b + 5600); alternative->ss_sp = b + MB; alternative->ss_size = 65536; alternative->ss_flags = 0; R(sigaltstack(alternative, NULL)); struct sigaction *a = (void *)(b + 5700); memset(a, 0, sizeof *a); a->sa_sigaction = on_usr; a->sa_flags = SA_SIGINFO | SA_ONSTACK; R(sigaction(SIGUSR2, a, a + 1)); raise(SIGUSR2); say("handled %d\n", handled); R(sigaltstack(NULL, alternative + 1)); say("%d\n", alternative[1].ss_sp == b + MB);
  pid_t c = clone(in_clone, b + 3 * MB, CLONE_VM | SIGCHLD, (void *)7); int *st = (int *)(b + 6100); R(waitpid(c, st, 0) == c); say("%x %ld\n", *st, *(long *)(b + 6000));
  pthread_t t[4]; memset(b + 7000, 0, 200); for (long k = 0; k < 2; k++) pthread_create(&t[k], NULL, waiter, (void *)k); int woken = 0;
  while (woken < 2) { woken += sys(SYS_futex, b + 7000, (long)FUTEX_WAKE_PRIVATE, 9L, 0L, 0L, 0L); woken += sys(SYS_futex, b + 7016, (long)FUTEX_WAKE, 9L, 0L, 0L, 0L); sched_yield(); }
  for (int k = 0; k < 2; k++) { void *r; pthread_join(t[k], &r); say("woken %ld\n", (long)r); } R(sys(SYS_futex, b + 7000, (long)FUTEX_WAIT, 1L, 0L, 0L, 0L)); R(sys(SYS_futex, b + 65 * MB, (long)FUTEX_WAIT, 1L, 0L, 0L, 0L));
  pthread_mutex_t *mu = (void *)(b + 7200); pthread_mutexattr_t at; pthread_mutexattr_init(&at); pthread_mutexattr_setrobust(&at, PTHREAD_MUTEX_ROBUST); pthread_mutex_init(mu, &at); pthread_create(&t[0], NULL, (void *(*)(void *))pthread_mutex_lock, mu); pthread_join(t[0], NULL); say("robust %s\n", ename(pthread_mutex_lock(mu)));
  char **v = (char **)(b + 7400); v[0] = put(7500, "echo"); v[1] = put(7510, "from above"); v[2] = NULL; v[3] = put(7530, "A=b"); v[4] = NULL; CHILD("exec", dup2(1, 2); execve(put(7540, "/bin/echo"), v, v + 3); say("%s\n", ename(errno)));
}
static void looks(void) {
  char line[300], *at; FILE *f = fopen("/proc/self/maps", "r"); unsigned long s, e; while (fgets(line, sizeof line, f)) if (sscanf(line, "%lx-%lx", &s, &e) == 2 && s >= (unsigned long)b && s < (unsigned long)b + 4 * MB) say("maps %lx-%lx%s", s - (unsigned long)b, e - (unsigned long)b, strchr(line, ' ')); fclose(f);
  int m = open("/proc/self/mem", O_RDWR), g = open("/proc/self/pagemap", O_RDONLY); put(8000, "look"); R(pread(m, line, 4, (long)b + 8000)); say("%.4s\n", line); R(pwrite(m, "seen", 4, (long)b + 8000)); say("%s\n", b + 8000); R(pread(m, line, 4, (long)b + 70 * MB)); unsigned long entry; R(pread(g, &entry, 8, (unsigned long)b / 4096 * 8)); say("present %d\n", (int)(entry >> 63));
  struct iovec l = { line, 4 }, r = { b + 8000, 4 }; R(process_vm_readv(getpid(), &l, 1, &r, 1, 0)); r.iov_base = b + 80 * MB; R(process_vm_readv(getpid(), &l, 1, &r, 1, 0)); unsigned char *vec = (void *)(b + 8100); memset(b + 2 * MB, 1, 3 * 4096); R(mincore(b + 2 * MB, 4 * 4096, vec)); say("%d%d%d\n", vec[0] & 1, vec[1] & 1, vec[2] & 1); R(mincore(b + 90 * MB, 4096, vec)); R(mlock(b, 8192)); R(munlock(b, 8192)); R(msync(b, 4096, MS_SYNC)); R(madvise(b + 2 * MB, 4096, MADV_DONTNEED)); say("%d %d\n", b[2 * MB], b[2 * MB + 4096]);
  pid_t c = fork(); if (!c) { ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); say("child sees %s\n", b + 8000); b[8000] = 0; *(volatile char *)(b + 100 * MB) = 1; _exit(1); }
  int st; waitpid(c, &st, 0); struct user_regs_struct *regs = (void *)(b + 8200); R(ptrace(PTRACE_GETREGS, c, 0, regs)); long w = ptrace(PTRACE_PEEKDATA, c, b + 8000, 0); say("%.4s\n", (char *)&w); memcpy(&w, "poke", 5); R(ptrace(PTRACE_POKEDATA, c, b + 8000, w)); ptrace(PTRACE_CONT, c, 0, 0); waitpid(c, &st, 0); siginfo_t *si = (void *)(b + 8600); R(ptrace(PTRACE_GETSIGINFO, c, 0, si)); say("%s at %ld\n", sigabbrev_np(WSTOPSIG(st)), ((char *)si->si_addr - b) / (long)MB); ptrace(PTRACE_KILL, c, 0, 0); waitpid(c, &st, 0); say("%s\n", b + 8000);
  int id = shmget(IPC_PRIVATE, 8192, 0600); munmap(b + 3 * MB, MB); char *sh = shmat(id, b + 3 * MB, 0); say("attached %d\n", sh == b + 3 * MB); shmctl(id, IPC_RMID, NULL); if (sh != (void *)-1) { sh[5] = 6; CHILD("shm", sh[5]++); say("%d\n", sh[5]); R(shmdt(sh)); }
  R(mprotect(b + 5 * MB, 4096, PROT_READ)); R(mprotect(b + 500 * MB, 4096, PROT_READ)); R(munmap((void *)(1UL << 47), 4096)); R(mmap((void *)0x7ffffffff000UL, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED); R(mmap(b, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED); say("%s\n", ename(errno)); R(mremap(b + 40 * MB, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED);
}
#endif
int main(void) {
#if __SIZEOF_POINTER__ == 8
  base = insist(); if (!base) { say("never high\n"); return 1; }
  b = base + 8 * MB; say("%d\n", mmap(b, 4 * MB, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == b);
  R(munmap(b + 32 * MB, 256 * MB)); enter_tmp(); files(); waits(); tasks(); looks(); leave_tmp();
#else
  say("no such addresses\n");
#endif
  return 0;
}
