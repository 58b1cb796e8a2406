/* Calls that libc makes seldom or never, or by other names: each with what it does and how it refuses. */
#include "test.h"
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/xattr.h>

static void on_usr1(int sig) { (void)sig; }

static void attributes(void) {
  char b[256];
  put_file("f", "x");
  int fd = open("f", O_RDWR), place = open("f", O_PATH);
  R(syscall(SYS_fsetxattr, fd, "user.one", "1", 1, 0));
  R(syscall(SYS_fsetxattr, fd, "user.two", "22", 2, 0));
  long n = R(syscall(SYS_flistxattr, fd, NULL, 0));
  R(syscall(SYS_flistxattr, fd, b, n - 1));
  R(syscall(SYS_flistxattr, fd, b, sizeof b));
  for (char *at = b; at < b + n; at += strlen(at) + 1) say("%s\n", at);
  R(syscall(SYS_flistxattr, fd, 8, sizeof b));
  R(syscall(SYS_flistxattr, place, b, sizeof b));
  R(syscall(SYS_flistxattr, 99, b, sizeof b));
  R(syscall(SYS_fremovexattr, fd, "user.one"));
  R(syscall(SYS_fremovexattr, fd, "user.one"));
  R(syscall(SYS_fremovexattr, fd, "nothing.here"));
  R(syscall(SYS_fremovexattr, place, "user.two"));
  R(syscall(SYS_fremovexattr, 99, "user.two"));
  R(syscall(SYS_fgetxattr, fd, "user.two", b, sizeof b));
  close(fd), close(place);
}

static void waiting(void) {
  int e = epoll_create1(0), p[2];
  struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 7 };
  sigset_t usr1, none, pending;
  sigemptyset(&usr1), sigaddset(&usr1, SIGUSR1), sigemptyset(&none);
  signal(SIGUSR1, on_usr1);
  pipe(p);
  epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev);
  R(syscall(SYS_epoll_pwait, e, &ev, 1, 0, NULL, 8));
  R(syscall(SYS_epoll_pwait, e, &ev, 0, 0, NULL, 8));
  R(syscall(SYS_epoll_pwait, e, &ev, 1, 0, &none, 4));
  R(syscall(SYS_epoll_pwait, e, &ev, 1, 0, 8, 8));
  sigprocmask(SIG_BLOCK, &usr1, NULL);
  raise(SIGUSR1);
  R(syscall(SYS_epoll_pwait, e, &ev, 1, 1000, &usr1, 8) == 0 || 1);
  R(syscall(SYS_epoll_pwait, e, &ev, 1, -1, &none, 8));
  sigpending(&pending);
  say("pending %d\n", sigismember(&pending, SIGUSR1));
  write(p[1], "x", 1);
  R(syscall(SYS_epoll_pwait, e, &ev, 1, -1, &none, 8));
  say("%llu\n", (unsigned long long)ev.data.u64);
  int i = R(syscall(SYS_inotify_init) >= 0);
  i = syscall(SYS_inotify_init);
  R(fcntl(i, F_GETFD) | fcntl(i, F_GETFL));
  R(inotify_add_watch(i, "f", IN_DELETE_SELF) > 0);
  close(i), close(e);
#ifdef __i386__
  struct { long long sec; long long nsec; } soon = { 0, 1000000 }, bad = { 0, 1000000000 };
  fd_set set;
  FD_ZERO(&set);
  FD_SET(p[0], &set);
  struct { sigset_t *s; size_t n; } mask = { &none, 8 }, short_mask = { &none, 4 };
  R(syscall(SYS_pselect6_time64, p[0] + 1, &set, NULL, NULL, &soon, &mask));
  say("left %d\n", soon.nsec != 0);
  FD_ZERO(&set);
  soon.nsec = 1000000;
  R(syscall(SYS_pselect6_time64, p[0] + 1, &set, NULL, NULL, &soon, &mask));
  R(syscall(SYS_pselect6_time64, p[0] + 1, &set, NULL, NULL, &soon, &short_mask));
  R(syscall(SYS_pselect6_time64, p[0] + 1, &set, NULL, NULL, &bad, NULL));
  R(syscall(SYS_pselect6_time64, -1, &set, NULL, NULL, &soon, NULL));
  raise(SIGUSR1);
  R(syscall(SYS_pselect6_time64, 0, NULL, NULL, NULL, NULL, &mask));
  siginfo_t si;
  raise(SIGUSR1);
  R(syscall(SYS_rt_sigtimedwait_time64, &usr1, &si, &soon, 8));
  say("%d\n", si.si_signo);
  R(syscall(SYS_rt_sigtimedwait_time64, &usr1, &si, &soon, 8));
  R(syscall(SYS_rt_sigtimedwait_time64, &usr1, &si, &bad, 8));
  R(syscall(SYS_rt_sigtimedwait_time64, &usr1, &si, &soon, 4));
#endif
  sigprocmask(SIG_UNBLOCK, &usr1, NULL);
  R(syscall(SYS_restart_syscall));
}

static void queues(void) {
#ifdef __i386__
  struct mq_attr a = { .mq_maxmsg = 1, .mq_msgsize = 8 };
  struct { long long sec; long long nsec; } past = { 1, 0 }, bad = { 1, 1000000000 }, future = { 4000000000LL, 0 };
  char b[8];
  unsigned priority;
  mq_unlink("/tuxtest-rare");
  int q = mq_open("/tuxtest-rare", O_CREAT | O_RDWR, 0600, &a);
  R(syscall(SYS_mq_timedsend_time64, q, "one", 3, 5, &future));
  R(syscall(SYS_mq_timedsend_time64, q, "two", 3, 5, &past));
  R(syscall(SYS_mq_timedsend_time64, q, "two", 3, 5, &bad));
  R(syscall(SYS_mq_timedsend_time64, q, "much too long", 13, 5, &future));
  R(syscall(SYS_mq_timedreceive_time64, q, b, 8, &priority, &future));
  say("%u %.3s\n", priority, b);
  R(syscall(SYS_mq_timedreceive_time64, q, b, 8, &priority, &past));
  R(syscall(SYS_mq_timedreceive_time64, q, b, 2, &priority, &past));
  struct mq_attr now;
  R(syscall(SYS_mq_getsetattr, q, NULL, &now));
  say("%ld %ld %ld\n", now.mq_maxmsg, now.mq_msgsize, now.mq_curmsgs);
  mq_unlink("/tuxtest-rare");
#endif
}

/* What only 32-bit programs have. */
static void old_ones(void) {
#ifdef __i386__
  unsigned char b[512];
  struct utsname u;
  uname(&u);
  memset(b, 0xee, sizeof b);
  R(syscall(SYS_oldolduname, b));
  say("%d %.8s end %x\n", !strncmp((char *)b, u.sysname, 8), b, b[45]);
  memset(b, 0xee, sizeof b);
  R(syscall(SYS_olduname, b));
  say("%d %d end %x\n", !strcmp((char *)b, u.sysname), !strncmp((char *)b + 65 * 4, u.machine, 4), b[65 * 5]);
  R(syscall(SYS_oldolduname, 8));
  R(syscall(SYS_olduname, 8));
  int fd = open("/dev/null", O_RDWR);
  unsigned short *w = (void *)b;
  long r = syscall(SYS_oldfstat, fd, b);
  say("oldfstat %s\n", r == 0 ? "ok" : ename(errno));
  if (r == 0) say("mode %o rdev %x\n", w[2], w[6]);
  r = syscall(SYS_oldlstat, "/dev/null", b);
  say("oldlstat %s\n", r == 0 ? "ok" : ename(errno));
  R(syscall(SYS_oldfstat, 99, b));
  R(syscall(SYS_oldlstat, "nothing", b));
  R(syscall(SYS_oldfstat, fd, 8));
  unsigned before = syscall(SYS_sgetmask);
  R(syscall(SYS_ssetmask, 1 << (SIGUSR2 - 1)) == before);
  R(syscall(SYS_sgetmask));
  R(syscall(SYS_ssetmask, 0xffffffff));
  R(syscall(SYS_ssetmask, before));
  struct { unsigned entry, base, limit, flags; } d = { -1, 0x12345000, 0xfffff, 0x51 };
  int first;
  R(syscall(SYS_set_thread_area, &d));
  first = d.entry;
  R(syscall(SYS_get_thread_area, &d));
  say("%x %x %x\n", d.base, d.limit, d.flags);
  d.base = 0x54321000;
  R(syscall(SYS_set_thread_area, &d));
  d.base = 0;
  R(syscall(SYS_get_thread_area, &d));
  say("%x entry kept %d\n", d.base, (int)d.entry == first);
  d.entry = 3;
  R(syscall(SYS_set_thread_area, &d));
  R(syscall(SYS_get_thread_area, &d));
  R(syscall(SYS_set_thread_area, 8));
  R(syscall(SYS_get_thread_area, 8));
  struct timex t = { 0 };
  /* struct __kernel_timex: all fields of 64 bits. */
  long long wide[26] = { 0 };
  R(syscall(SYS_clock_adjtime64, 0, wide) >= 0);
  say("tick %lld\n", wide[11]);
  R(syscall(SYS_clock_adjtime64, 1, wide));
  R(syscall(SYS_clock_adjtime64, 99, wide));
  R(syscall(SYS_clock_adjtime64, 0, 8));
  (void)t;
  CHILD("a user's clock", {
    setresuid(4567, 4567, 4567);
    long now = 5;
    R(syscall(SYS_stime, &now));
    R(syscall(SYS_stime, 8));
  });
#endif
}

static void others(void) {
  int word = 1;
  R(syscall(SYS_set_tid_address, &word) == syscall(SYS_gettid));
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  R(syscall(SYS_pkey_mprotect, page, 4096, PROT_READ, -1));
  R(syscall(SYS_pkey_mprotect, page, 4096, PROT_READ, 77));
  R(syscall(SYS_pkey_mprotect, (char *)page + 1, 4096, PROT_READ, -1));
  R(syscall(SYS_pkey_free, 77));
  R(syscall(SYS_pkey_alloc, 1, 0));
  R(syscall(SYS_pkey_alloc, 0, 9));
  R(syscall(SYS_sync));
  sigset_t set;
  R(syscall(SYS_rt_sigpending, &set, 8));
  R(syscall(SYS_rt_sigpending, &set, 16));
}

int main(void) {
  enter_tmp();
  attributes();
  waiting();
  queues();
  old_ones();
  others();
  leave_tmp();
  return 0;
}
