#include "test.h"
/* F_NOTIFY: directory change signals. */
static volatile int got;
static siginfo_t info;
static int d;
static void on(int s, siginfo_t *i, void *c) { (void)c; got = s; info = *i; }
static void tell(const char *what) { say("%s: signal %d", what, got); if (got && got != SIGIO) say(" code %d band %lx fd %d", info.si_code, (long)info.si_band, info.si_fd == d); say("\n"); got = 0; }
int main(void) {
  enter_tmp();
  mkdir("d", 0755); put_file("d/old", "x"); put_file("f", "x");
  struct sigaction sa = { .sa_sigaction = on, .sa_flags = SA_SIGINFO | SA_RESTART };
  sigaction(SIGIO, &sa, 0); sigaction(SIGRTMIN + 2, &sa, 0);
  d = open("d", O_RDONLY);
  R(fcntl(open("f", O_RDONLY), F_NOTIFY, DN_CREATE)); R(fcntl(d, F_NOTIFY, 0)); R(fcntl(d, F_NOTIFY, DN_CREATE));
  put_file("d/new", "x"); tell("create"); put_file("d/new2", "x"); tell("once only");
  R(fcntl(d, F_SETSIG, SIGRTMIN + 2)); R(fcntl(d, F_NOTIFY, DN_CREATE | DN_DELETE | DN_MULTISHOT)); put_file("d/new3", ""); tell("create"); unlink("d/new3"); tell("delete"); put_file("d/old", "changed"); tell("not asked"); unlink("d/new2"); tell("delete");
  R(fcntl(d, F_NOTIFY, DN_MODIFY | DN_ATTRIB | DN_RENAME | DN_ACCESS | DN_MULTISHOT)); int f = open("d/old", O_RDWR); tell("open"); write(f, "x", 1); tell("modify"); char c; pread(f, &c, 1, 0); tell("access"); chmod("d/old", 0600); tell("attrib"); rename("d/old", "d/o2"); tell("rename"); rename("d/o2", "gone"); tell("rename away"); ftruncate(f, 0); tell("elsewhere");
  R(fcntl(d, F_NOTIFY, 0)); put_file("d/last", ""); tell("off");
  R(fcntl(d, F_NOTIFY, DN_CREATE | DN_MULTISHOT)); close(d); put_file("d/closed", ""); tell("closed");
  leave_tmp();
  return 0;
}
