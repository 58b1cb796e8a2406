#include "test.h"
/* O_ASYNC: SIGIO and F_SETSIG signals of pipes. */
static volatile int got; static siginfo_t info;
static void h(int s, siginfo_t *i, void *c) { got = s; info = *i; }
static void report(const char *what) { msleep(20); say("%s: signal %d code %d", what, got, got ? info.si_code : 0); if (got && got != SIGIO) say(" band %lx fd %d", info.si_band, info.si_fd); say("\n"); got = 0; }
int main(void) {
  struct sigaction sa = { .sa_sigaction = h, .sa_flags = SA_SIGINFO | SA_RESTART };
  sigaction(SIGIO, &sa, 0); sigaction(SIGRTMIN + 3, &sa, 0);
  int p[2]; pipe(p); char b[10];
  R(fcntl(p[0], F_SETOWN, getpid())); R(fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK)); R(fcntl(p[0], F_GETFL));
  write(p[1], "x", 1); report("data"); write(p[1], "x", 1); report("more data"); read(p[0], b, 10); report("read");
  R(fcntl(p[0], F_SETSIG, SIGRTMIN + 3)); write(p[1], "x", 1); report("rt");
  R(fcntl(p[0], F_SETFL, 0)); write(p[1], "x", 1); report("off");
  int on = 1; R(ioctl(p[0], FIOASYNC, &on)); R(fcntl(p[0], F_GETFL)); write(p[1], "x", 1); report("ioctl"); close(p[1]); report("closed");
  int f = open("/tmp", O_RDONLY); R(fcntl(f, F_SETFL, O_ASYNC)); R(fcntl(f, F_GETFL)& O_ASYNC); R(ioctl(f, FIOASYNC, &on));
  pipe(p); fcntl(p[1], F_SETOWN, getpid()); R(fcntl(p[1], F_SETFL, O_ASYNC)); static char big[65536]; write(p[1], big, 65536); report("filled"); read(p[0], big, 4096); report("drained"); close(p[0]); report("reader gone");
  return 0;
}
