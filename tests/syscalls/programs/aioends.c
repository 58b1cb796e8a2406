#include "test.h"
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
/* flags: -pthread */
/* Requests that still wait when their process ends, becomes another program, or gives their context up; and transfers that wait in io_submit. */
static aio_context_t ctx;
static struct iocb cb[4], *list[4];
static struct io_event ev[8];
static int setup(void) { ctx = 0; return syscall(SYS_io_setup, 8, &ctx); }
static int submit(long n) { return syscall(SYS_io_submit, ctx, n, list); }
static void prep(int i, int op, int fd, void *buf, long n) { memset(&cb[i], 0, sizeof cb[i]); cb[i].aio_lio_opcode = op; cb[i].aio_fildes = fd; cb[i].aio_buf = (uint64_t)(unsigned long)buf; cb[i].aio_nbytes = n; cb[i].aio_data = 100 + i; list[i] = &cb[i]; }
static void got(const char *name, int least, int most) {
  struct timespec t = { 2, 0 };
  int n = syscall(SYS_io_getevents, ctx, (long)least, (long)most, ev, &t);
  say("%s: %d", name, n);
  for (int i = 0; i < n; i++) say(" {%d %lld}", (int)ev[i].data, (long long)ev[i].res);
  say("\n");
}
/* Whether anybody has a pipe's read end open. */
static void reader(const char *name, int fd) { int r = write(fd, "x", 1); say("%s: %s\n", name, r == 1 ? "somebody reads" : ename(errno)); }
static void polls(int fd) { setup(); prep(0, IOCB_CMD_POLL, fd, (void *)POLLIN, 0); R(submit(1)); }
static int fds[2];
static void *late(void *arg) { msleep(80); reader("late", fds[1]); return NULL; }
static void on(int s) {}
int main(int argc, char **argv) {
  int p[2];
  signal(SIGPIPE, SIG_IGN);
  if (argc > 1) {
    /* After execve: nothing of the program before waits any more. */
    msleep(20); reader("after exec", atoi(argv[1])); say("destroy of the old: %d\n", syscall(SYS_io_destroy, strtoul(argv[2], 0, 0)) == -1);
    return 0;
  }
  pipe(p);
  CHILD("ended", { polls(p[0]); });
  close(p[0]); reader("after exit", p[1]); close(p[1]);

  pipe(p);
  CHILD("killed", { polls(p[0]); raise(SIGKILL); });
  close(p[0]); reader("after a kill", p[1]); close(p[1]);

  /* A thread's end leaves the process's requests alone. */
  pipe(fds);
  CHILD("thread", { pthread_t th; polls(fds[0]); close(fds[0]); pthread_create(&th, NULL, late, NULL); pthread_join(th, NULL); got("woken", 1, 8); });
  close(fds[0]); close(fds[1]);

  pipe(p);
  pid_t child = fork();
  if (child == 0) {
    polls(p[0]); close(p[0]); reader("before exec", p[1]);
    char fd[20], old[40]; sprintf(fd, "%d", p[1]); sprintf(old, "%lu", (unsigned long)ctx);
    msleep(50); execl("/proc/self/exe", "aioends", fd, old, NULL); _exit(9);
  }
  close(p[0]); close(p[1]); waitpid(child, NULL, 0);

  /* A context that is given up, and a request that is called back, tell their eventfd. */
  pipe(p);
  int e = eventfd(0, EFD_NONBLOCK); uint64_t n;
  polls(p[0]); R(syscall(SYS_io_destroy, ctx)); close(p[0]); reader("after destroy", p[1]); close(p[1]);
  pipe(p); setup();
  prep(0, IOCB_CMD_POLL, p[0], (void *)POLLIN, 0); cb[0].aio_flags = IOCB_FLAG_RESFD; cb[0].aio_resfd = e; R(submit(1)); R(syscall(SYS_io_cancel, ctx, &cb[0], ev));
  msleep(30); n = 0; R(read(e, &n, 8)); say("cancelled: %d\n", (int)n); got("cancelled", 1, 8);
  prep(0, IOCB_CMD_POLL, p[0], (void *)POLLIN, 0); cb[0].aio_flags = IOCB_FLAG_RESFD; cb[0].aio_resfd = e; R(submit(1)); R(syscall(SYS_io_destroy, ctx));
  msleep(30); n = 0; R(read(e, &n, 8)); say("destroyed: %d\n", (int)n);
  CHILD("exit tells", { setup(); prep(0, IOCB_CMD_POLL, p[0], (void *)POLLIN, 0); cb[0].aio_flags = IOCB_FLAG_RESFD; cb[0].aio_resfd = e; R(submit(1)); });
  msleep(30); n = 0; R(read(e, &n, 8)); say("exited: %d\n", (int)n);

  /* What would have to wait for its file waits in io_submit. */
  setup(); char b[4] = "";
  child = fork();
  if (child == 0) { msleep(100); write(p[1], "abc", 3); _exit(0); }
  double t = now_ms();
  prep(0, IOCB_CMD_PREAD, p[0], b, 2); prep(1, IOCB_CMD_PREAD, p[0], b + 2, 1); R(submit(2)); say("waited %d [%.3s]\n", now_ms() - t > 50, b);
  waitpid(child, NULL, 0); got("read", 2, 8);
  fcntl(p[0], F_SETFL, O_NONBLOCK); R(submit(1)); got("would wait", 1, 8); fcntl(p[0], F_SETFL, 0);
  struct sigaction sa = { .sa_handler = on, .sa_flags = SA_RESTART }; sigaction(SIGALRM, &sa, NULL);
  struct itimerval it = { { 0, 0 }, { 0, 60000 } }; setitimer(ITIMER_REAL, &it, NULL);
  R(submit(2)); got("interrupted", 2, 8);
  fcntl(p[1], F_SETPIPE_SZ, 4096); static char big[10000]; memset(big, 'b', sizeof big);
  child = fork();
  if (child == 0) { char c[10000]; int all = 0; msleep(100); while (all < 10000) { int m = read(p[0], c, 1000); if (m <= 0) break; all += m; } _exit(all == 10000 ? 0 : 1); }
  int status; prep(0, IOCB_CMD_PWRITE, p[1], big, sizeof big); R(submit(1)); waitpid(child, &status, 0); show_status("reader", status); got("written", 1, 8);
  setitimer(ITIMER_REAL, &it, NULL); R(submit(1)); got("part written", 1, 8);
  signal(SIGPIPE, on); close(p[0]); R(submit(1)); got("nobody reads", 1, 8);
  CHILD("broken pipe", { signal(SIGPIPE, SIG_DFL); setup(); prep(0, IOCB_CMD_PWRITE, p[1], big, 1); R(submit(1)); got("here", 1, 8); });
  return 0;
}
