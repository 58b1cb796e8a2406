#include "test.h"
/* Leases: who may have one, what breaks it, how the breaker waits. */
#ifndef F_SETLEASE
#define F_SETLEASE 1024
#define F_GETLEASE 1025
#endif
static volatile int got;
static siginfo_t info;
static int lease_fd;
static void on(int s, siginfo_t *i, void *c) { (void)c; got = s; info = *i; }
static void release(int s, siginfo_t *i, void *c) { on(s, i, c); fcntl(lease_fd, F_SETLEASE, F_UNLCK); }
static void downgrade(int s, siginfo_t *i, void *c) { on(s, i, c); fcntl(lease_fd, F_SETLEASE, F_RDLCK); }
static void handler(int sig, void (*h)(int, siginfo_t *, void *)) { struct sigaction sa = { .sa_sigaction = h, .sa_flags = SA_SIGINFO | SA_RESTART }; sigaction(sig, &sa, 0); }
static void tell(const char *what) { say("%s: signal %d", what, got); if (got && got != SIGIO) say(" code %d band %lx fd %d", info.si_code, (long)info.si_band, info.si_fd == lease_fd); say("\n"); got = 0; }
int main(void) {
  enter_tmp();
  put_file("f", "text"); mkdir("d", 0755); chmod(".", 0755);
  int ro = open("f", O_RDONLY), rw, d = open("d", O_RDONLY);
  lease_fd = ro;
  R(fcntl(ro, F_GETLEASE)); R(fcntl(ro, F_SETLEASE, F_RDLCK)); R(fcntl(ro, F_GETLEASE)); R(fcntl(ro, F_SETLEASE, 77)); R(fcntl(d, F_SETLEASE, F_RDLCK)); R(fcntl(999, F_SETLEASE, F_RDLCK));
  R(fcntl(ro, F_SETLEASE, F_WRLCK)); R(fcntl(ro, F_GETLEASE)); R(fcntl(ro, F_SETLEASE, F_UNLCK)); R(fcntl(ro, F_SETLEASE, F_UNLCK));
  rw = open("f", O_RDWR); R(fcntl(ro, F_SETLEASE, F_RDLCK)); R(fcntl(rw, F_SETLEASE, F_RDLCK)); R(fcntl(rw, F_SETLEASE, F_WRLCK)); close(ro); R(fcntl(rw, F_SETLEASE, F_WRLCK)); R(fcntl(rw, F_GETLEASE)); R(fcntl(rw, F_SETLEASE, F_UNLCK)); close(rw);
  /* breaking without waiting */
  handler(SIGIO, on); ro = lease_fd = open("f", O_RDONLY); R(fcntl(ro, F_SETLEASE, F_RDLCK)); R(close(open("f", O_RDONLY))); tell("another reader"); R(open("f", O_WRONLY | O_NONBLOCK)); tell("writer"); R(fcntl(ro, F_GETLEASE)); R(fcntl(ro, F_SETLEASE, F_RDLCK)); R(open("f", O_WRONLY | O_NONBLOCK)); tell("again"); R(fcntl(ro, F_SETLEASE, F_UNLCK)); R(close(open("f", O_WRONLY | O_NONBLOCK)));
  /* a breaker that waits */
  handler(SIGRTMIN + 1, release); R(fcntl(ro, F_SETSIG, SIGRTMIN + 1)); R(fcntl(ro, F_SETLEASE, F_RDLCK)); CHILD("writer", { int f = open("f", O_WRONLY); say("open %d\n", f >= 0); }); tell("waited"); R(fcntl(ro, F_GETLEASE));
  R(fcntl(ro, F_SETSIG, SIGRTMIN + 1)); R(fcntl(ro, F_SETLEASE, F_RDLCK)); CHILD("truncate", { R(truncate("f", 2)); }); tell("truncated");
  close(ro); rw = lease_fd = open("f", O_RDONLY); R(fcntl(rw, F_SETSIG, SIGRTMIN + 1)); handler(SIGRTMIN + 1, downgrade); R(fcntl(rw, F_SETLEASE, F_WRLCK)); CHILD("reader", { int f = open("f", O_RDONLY); say("open %d\n", f >= 0); }); tell("downgraded"); R(fcntl(rw, F_GETLEASE)); close(rw);
  handler(SIGRTMIN + 1, on); rw = lease_fd = open("f", O_RDWR); R(fcntl(rw, F_SETSIG, SIGRTMIN + 1)); R(fcntl(rw, F_SETLEASE, F_WRLCK)); pid_t k = fork(); if (!k) { close(rw); int f = open("f", O_RDONLY); say("open after close %d\n", f >= 0); _exit(0); } msleep(60); tell("pending"); R(fcntl(rw, F_GETLEASE)); close(rw); int st; waitpid(k, &st, 0); show_status("reader", st);
  CHILD("not the owner", { setresuid(1000, 1000, 1000); R(fcntl(open("f", O_RDONLY), F_SETLEASE, F_RDLCK)); put_file("/tmp/own", ""); int f = open("/tmp/own", O_RDONLY); R(fcntl(f, F_SETLEASE, F_RDLCK)); unlink("/tmp/own"); });
  leave_tmp();
  return 0;
}
