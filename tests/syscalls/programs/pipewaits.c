#include "test.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sched.h>
/* flags: -pthread */
/* timeout: 120 */
/* Processes and threads that wait for each other's bytes, while everything happens to them and to the pipe. */
#define ROUNDS 400
struct link { int there[2], back[2]; };
static void make(struct link *l) { if (pipe(l->there) || pipe(l->back)) say("pipe: %s\n", ename(errno)); }
/* Numbers come back one greater; another end is told apart from a mistake. */
static void echo(struct link *l) {
  int n; ssize_t r;
  while ((r = read(l->there[0], &n, sizeof n)) == sizeof n || (r < 0 && errno == EINTR)) { if (r < 0) continue; n++; if (write(l->back[1], &n, sizeof n) != sizeof n) _exit(3); }
  _exit(r == 0 ? 0 : 2);
}
static pid_t child(struct link *l) { pid_t c = fork(); if (c == 0) { close(l->there[1]); close(l->back[0]); echo(l); } return c; }
static int ask(struct link *l, int i) {
  int n = i; if (write(l->there[1], &n, sizeof n) != sizeof n) return -1;
  ssize_t r; while ((r = read(l->back[0], &n, sizeof n)) < 0 && errno == EINTR) {}
  return r == sizeof n && n == i + 1;
}
static void end(const char *name, struct link *l, pid_t c, int good) {
  int status; close(l->there[1]); waitpid(c, &status, 0); close(l->there[0]); close(l->back[0]); close(l->back[1]);
  say("%s: %d, ", name, good); show_status("child", status);
}
static volatile int handled; static void handler(int s) { handled++; }
static void catch(int sig, int flags) { struct sigaction a; memset(&a, 0, sizeof a); a.sa_handler = handler; a.sa_flags = flags; sigaction(sig, &a, NULL); }

static void plain(void) { struct link l; make(&l); pid_t c = child(&l); int good = 0; for (int i = 0; i < ROUNDS; i++) good += ask(&l, i) == 1; end("plain", &l, c, good); }
static void signals(int flags, const char *name) {
  struct link l; make(&l); catch(SIGUSR1, flags); pid_t c = child(&l), me = getpid(), k = fork();
  if (k == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); for (;;) { kill(c, SIGUSR1); kill(me, SIGUSR1); sched_yield(); } }
  int good = 0; for (int i = 0; i < ROUNDS; i++) good += ask(&l, i) == 1;
  kill(k, SIGKILL); waitpid(k, NULL, 0); end(name, &l, c, good);
}
/* Each round by another way: poll, epoll, FIONREAD, O_NONBLOCK, splice, tee, readv, much at a time. */
static void ways(void) {
  struct link l; make(&l); pid_t c = child(&l); int good = 0, e = epoll_create1(0), q[2], n; pipe(q);
  struct epoll_event ev = { EPOLLIN }; struct pollfd p = { l.back[0], POLLIN };
  for (int i = 0; i < ROUNDS; i++) {
    n = i; write(l.there[1], &n, sizeof n); int ok = 1;
    switch (i % 8) {
      case 1: ok = poll(&p, 1, -1) == 1 && p.revents == POLLIN; break;
      case 2: epoll_ctl(e, EPOLL_CTL_ADD, l.back[0], &ev); ok = epoll_wait(e, &ev, 1, -1) == 1; epoll_ctl(e, EPOLL_CTL_DEL, l.back[0], NULL); break;
      case 3: for (n = 0; n < (int)sizeof n;) ioctl(l.back[0], FIONREAD, &n); break;
      case 4: fcntl(l.back[0], F_SETFL, O_NONBLOCK); while ((n = read(l.back[0], &n, 0)) < 0) {} while (read(l.back[0], &n, sizeof n) < 0 && errno == EAGAIN) sched_yield(); fcntl(l.back[0], F_SETFL, 0); good += n == i + 1; continue;
      case 5: ok = splice(l.back[0], NULL, q[1], NULL, sizeof n, 0) == sizeof n && read(q[0], &n, sizeof n) == sizeof n; good += ok && n == i + 1; continue;
      case 6: ok = tee(l.back[0], q[1], sizeof n, 0) == sizeof n && read(q[0], &n, sizeof n) == sizeof n && n == i + 1; break;
      case 7: { struct iovec v[2] = { { &n, 2 }, { (char *)&n + 2, 2 } }; ok = readv(l.back[0], v, 2) == 4; good += ok && n == i + 1; continue; }
    }
    ok = ok && read(l.back[0], &n, sizeof n) == sizeof n && n == i + 1; good += ok;
  }
  close(q[0]); close(q[1]); close(e); end("ways", &l, c, good);
}
/* Sums of all bytes, through pieces of all sizes and small pipes. */
static void sizes(int capacity) {
  int p[2], status; pipe(p); if (capacity) R(fcntl(p[1], F_SETPIPE_SZ, capacity)); static unsigned char buf[20000]; unsigned sum = 0, total = 0;
  pid_t c = fork();
  if (c == 0) { close(p[0]); for (int i = 0; i < 400; i++) { int n = (i * 7919) % (i % 20 == 19 ? 20000 : i % 3 ? 200 : 5000) + 1; for (int k = 0; k < n; k++) buf[k] = i + k; if (write(p[1], buf, n) != n) _exit(1); } _exit(0); }
  close(p[1]); ssize_t n; for (int i = 0; (n = read(p[0], buf, (i * 104729) % 7000 + 1)) > 0; i++) { total += n; for (int k = 0; k < n; k++) sum = sum * 31 + buf[k]; }
  close(p[0]); waitpid(c, &status, 0); say("sizes %d: %u bytes, sum %u, ", capacity, total, sum); show_status("writer", status);
}
/* Many that read from one pipe: every byte is somebody's, and all hear of the end. */
static int shared_pipe[2]; static volatile int got;
static void *taker(void *p) { char b[3]; ssize_t n; while ((n = read(shared_pipe[0], b, sizeof b)) > 0) __atomic_add_fetch(&got, n, __ATOMIC_SEQ_CST); return (void *)n; }
static void many(void) {
  pthread_t t[5]; pipe(shared_pipe); got = 0; catch(SIGUSR1, SA_RESTART);
  for (int i = 0; i < 5; i++) pthread_create(&t[i], NULL, taker, NULL);
  for (int i = 0; i < 1500; i++) { write(shared_pipe[1], "abcdefg", 1 + i % 7); if (i % 10 == 0) pthread_kill(t[i / 10 % 5], SIGUSR1); }
  close(shared_pipe[1]); for (int i = 0; i < 5; i++) { void *r; pthread_join(t[i], &r); if (r) say("taker %ld\n", (long)r); }
  say("taken %d\n", got); close(shared_pipe[0]);
}
/* A descriptor that is closed, or becomes another, under a thread that reads from it: it goes on reading from what it was. */
static volatile int reader_tid; static char read_byte; static int read_fd;
static void *one(void *p) { reader_tid = syscall(SYS_gettid); return (void *)read(read_fd, &read_byte, 1); }
static void closed(int how) {
  int p[2], q[2]; pipe(p); pipe(q); pthread_t t; void *r; reader_tid = 0; read_byte = 0; read_fd = p[0];
  pthread_create(&t, NULL, one, NULL); while (!reader_tid) msleep(1); asleep(reader_tid);
  int keep = dup(p[0]); if (how == 0) close(p[0]); else if (how == 1) dup2(q[0], p[0]); else { close(p[0]); close(keep); keep = -1; }
  write(q[1], "q", 1); if (how < 2) write(p[1], "p", 1); else close(p[1]);
  pthread_join(t, &r); say("closed %d: %ld '%c'\n", how, (long)r, read_byte ? read_byte : '-');
  if (how < 2) close(p[1]); if (how == 1) close(p[0]); if (keep >= 0) close(keep); close(q[0]); close(q[1]);
}
/* The ends of those at the other end. */
static void ends(void) {
  int p[2], status; char b; signal(SIGPIPE, SIG_DFL);
  pipe(p); pid_t c = fork(); if (c == 0) { close(p[1]); _exit(read(p[0], &b, 1)); } asleep(c); close(p[0]); close(p[1]); waitpid(c, &status, 0); show_status("end of file", status);
  pipe(p); c = fork(); if (c == 0) { close(p[0]); for (;;) write(p[1], "x", 1); } close(p[1]); R(read(p[0], &b, 1)); close(p[0]); waitpid(c, &status, 0); show_status("nobody reads", status);
  pipe(p); c = fork(); if (c == 0) { close(p[1]); _exit(read(p[0], &b, 1) + 10); } asleep(c); kill(c, SIGSTOP); waitpid(c, &status, WUNTRACED); write(p[1], "x", 1); kill(c, SIGCONT); waitpid(c, &status, 0); show_status("stopped", status); close(p[0]); close(p[1]);
  pipe(p); c = fork(); if (c == 0) { close(p[1]); _exit(read(p[0], &b, 1) + 20); } asleep(c); R(ptrace(PTRACE_ATTACH, c, 0, 0)); waitpid(c, &status, 0); R(WIFSTOPPED(status)); write(p[1], "x", 1); R(ptrace(PTRACE_DETACH, c, 0, 0)); waitpid(c, &status, 0); show_status("traced", status); close(p[0]); close(p[1]);
  pipe(p); c = fork(); if (c == 0) { read(p[0], &b, 1); _exit(1); } asleep(c); kill(c, SIGKILL); waitpid(c, &status, 0); show_status("killed", status); R(write(p[1], "x", 1)); R(read(p[0], &b, 1)); close(p[0]); close(p[1]);
  pipe(p); c = vfork(); if (c == 0) { write(p[1], "v", 1); close(p[1]); _exit(0); } waitpid(c, &status, 0); R(read(p[0], &b, 1)); R(write(p[1], "w", 1)); R(read(p[0], &b, 1)); say("%c\n", b); close(p[0]); close(p[1]);
  pipe(p); fcntl(p[0], F_SETFD, FD_CLOEXEC); c = fork(); if (c == 0) { dup2(p[1], 1); execl("/bin/echo", "echo", "through", NULL); } char t[20]; close(p[1]); say("%ld ", (long)read(p[0], t, 20)); waitpid(c, &status, 0); R(read(p[0], t, 20)); close(p[0]);
}
/* Bad buffers; a page that is read-only; untouched pages; what /proc tells of what was moved. */
static long count_of(const char *name) { char text[600]; int fd = open("/proc/self/io", O_RDONLY); ssize_t n = read(fd, text, 599); close(fd); text[n > 0 ? n : 0] = 0; char *at = strstr(text, name); return at ? atol(at + strlen(name)) : -1; }
static void buffers(void) {
  int p[2]; pipe(p); char *m = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); mprotect(m + 4096, 4096, PROT_READ);
  R(write(p[1], (void *)8, 4)); R(write(p[1], m + 8190, 4)); R(write(p[1], m, 0)); R(read(p[0], m, 0)); R(read(p[0], m + 4096, 4)); R(read(p[0], m + 4094, 4)); R(read(p[0], m, 100));
  R(write(p[1], "abcd", 4)); R(read(p[0], m + 4094, 4)); R(read(p[0], (void *)8, 4)); R(read(p[0], m + 8192, 4)); R(write(p[1], m, 4096)); R(write(p[1], m, 1)); R(read(p[0], m + 8192, 4096)); R(read(p[0], m, 4096));
  long r = count_of("syscr: "), w = count_of("wchar: "); for (int i = 0; i < 10; i++) { write(p[1], "0123456789", 10); read(p[0], m, 10); }
  say("%ld reads, %ld bytes written\n", count_of("syscr: ") - r, count_of("wchar: ") - w); close(p[0]); close(p[1]); munmap(m, 12288);
}
int main(void) {
  catch(SIGUSR1, SA_RESTART); plain(); signals(SA_RESTART, "restarted"); signals(0, "EINTR"); ways(); sizes(0); sizes(4096); many(); closed(0); closed(1); closed(2); ends(); buffers();
  return 0;
}
