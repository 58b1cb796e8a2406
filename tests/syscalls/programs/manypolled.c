/* flags: -pthread */
// poll of thousands of descriptors: pipes that get ready at both ends of the list, timeouts, signals, closed descriptors.
#include "test.h"
#include <pthread.h>

enum { COUNT = 5000, PIPES = 40 };
static struct pollfd polled[COUNT];
static int ends[PIPES][2];

static void handler(int n) {}

static int found(void) {
  int n = 0;
  for (int i = 0; i < COUNT; i++) n += polled[i].revents != 0;
  return n;
}

static void report(const char *what, int n) {
  say("%s: %d %s, revents %d, first %x last %x\n", what, n, n < 0 ? ename(errno) : "", found(), polled[0].revents, polled[COUNT - 1].revents);
}

static void *writer(void *arg) {
  usleep(20000);
  write(ends[(long)arg][1], "x", 1);
  return 0;
}

static void late(const char *what, long which) {
  pthread_t thread;
  char c;
  pthread_create(&thread, 0, writer, (void *)which);
  report(what, poll(polled, COUNT, -1));
  pthread_join(thread, 0);
  read(ends[which][0], &c, 1);
}

int main(void) {
  struct rlimit limit = { 6000, 6000 };
  setrlimit(RLIMIT_NOFILE, &limit);
  for (int i = 0; i < PIPES; i++) pipe(ends[i]);
  for (int i = 0; i < COUNT; i++) polled[i] = (struct pollfd){ dup(ends[i * PIPES / COUNT][0]), POLLIN, 0 };
  report("nothing", poll(polled, COUNT, 0));
  report("10 ms", poll(polled, COUNT, 10));
  late("the last", PIPES - 1);
  late("the first", 0);
  late("the middle", PIPES / 2);
  polled[7].fd = -5;
  polled[4321].fd = 5999;
  report("closed", poll(polled, COUNT, -1));
  polled[4321].fd = polled[4320].fd;
  struct sigaction act = { .sa_handler = handler };
  sigaction(SIGALRM, &act, 0);
  struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
  setitimer(ITIMER_REAL, &soon, 0);
  report("signal", poll(polled, COUNT, -1));
  for (int i = 0; i < 3; i++) write(ends[i * 17][1], "x", 1);
  report("three", poll(polled, COUNT, -1));
  sigset_t set, none;
  sigemptyset(&set), sigemptyset(&none);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, 0);
  raise(SIGALRM);
  struct timespec long_ago = { 0, 0 };
  report("ready, with a signal", ppoll(polled, COUNT, &long_ago, &none));
  report("too many", poll(polled, 6001, 0));
  report("bad address", poll((void *)8, COUNT, 0));
  for (int i = 0; i < PIPES; i++) close(ends[i][1]);
  report("hung up", poll(polled, COUNT, -1));
}
