/* flags: -pthread */
/* Pipes that somebody polls, and that do not wait: bytes, their order, what poll and epoll say before and after, and how full they are. */
#include "test.h"
#include "polled.h"
#include <pthread.h>

enum { ROUNDS = 300 };

static void flag(int fd, int on) { fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0); }

static void steps(int nonblock, int events) {
  int p[2], e = epoll_create1(0);
  char b[9000];
  memset(b, 'x', sizeof b);
  pipe2(p, nonblock);
  say("== %s, %s\n", nonblock ? "O_NONBLOCK" : "waiting", events & EPOLLET ? "edges" : "levels");
  R(write(p[1], "before", 6));
  R(control(e, EPOLL_CTL_ADD, p[0], events));
  say("%x %x\n", in_set(e), in_set(e));
  R(read(p[0], b, 2));
  say("%x %d\n", in_set(e), unread(p[0]));
  R(write(p[1], "more", 4));
  say("%x %d\n", in_set(e), unread(p[0]));
  R(read(p[0], b, 90));
  say("%x %d %x\n", in_set(e), unread(p[0]), events_of(p[0], POLLIN));
  if (nonblock) for (int i = 0; i < 3; i++) R(read(p[0], b, 9));
  for (int i = 0; i < 3; i++) {
    R(write(p[1], b, 4000));
    say("%x ", in_set(e));
    R(read(p[0], b, 3990));
    R(write(p[1], b, 50));
    R(write(p[1], b, 60));
    R(write(p[1], b, 4096));
    say("%x %d %x\n", in_set(e), unread(p[0]), events_of(p[0], POLLIN));
    R(read(p[0], b, 9000));
  }
  R(control(e, EPOLL_CTL_DEL, p[0], 0));
  R(write(p[1], "end", 3));
  close(p[1]);
  say("%x\n", events_of(p[0], POLLIN));
  R(read(p[0], b, 2));
  R(read(p[0], b, 2));
  R(read(p[0], b, 2));
  close(p[0]);
  close(e);
}

/** How many odd writes fill a pipe, after bytes were read from its first page. */
static void room(int size) {
  int p[2], n = 0, e = epoll_create1(0), all = 0;
  char b[5000];
  memset(b, 'y', sizeof b);
  pipe2(p, O_NONBLOCK);
  say("== room %d\n", fcntl(p[1], F_SETPIPE_SZ, size));
  control(e, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLET);
  say("%x\n", in_set(e));
  R(write(p[1], b, 3000));
  R(read(p[0], b, 1000));
  R(read(p[0], b, 1000));
  while (write(p[1], b, 700) == 700) n++;
  say("%d writes, %d inside, %s, %x %x\n", n, unread(p[0]), ename(errno), events_of(p[1], POLLOUT), in_set(e));
  R(read(p[0], b, 10));
  say("%x %x\n", events_of(p[1], POLLOUT), in_set(e));
  R(read(p[0], b, 4090));
  say("%x %x\n", events_of(p[1], POLLOUT), in_set(e));
  while ((n = read(p[0], b, sizeof b)) > 0) all += n;
  say("%d left, %s, %x %x\n", all, ename(errno), events_of(p[1], POLLOUT), in_set(e));
  R(write(p[1], b, 1));
  say("%x\n", events_of(p[1], POLLOUT));
  close(p[0]), close(p[1]), close(e);
}

/** The flag comes and goes while bytes are inside; two descriptions of one end. */
static void flags(void) {
  int p[2];
  char b[100], path[40];
  pipe(p);
  say("== flags\n");
  R(write(p[1], "abc", 3));
  flag(p[0], 1);
  R(read(p[0], b, 2));
  R(read(p[0], b, 2));
  R(read(p[0], b, 2));
  sprintf(path, "/proc/self/fd/%d", p[0]);
  int second = open(path, O_RDONLY);
  R(write(p[1], "def", 3));
  R(read(second, b, 2));
  R(read(p[0], b, 2));
  R(read(p[0], b, 2));
  flag(second, 1);
  R(read(second, b, 2));
  flag(second, 0), flag(p[0], 0);
  R(write(p[1], "ghi", 3));
  R(read(second, b, 1));
  R(read(p[0], b, 9));
  close(second), close(p[0]), close(p[1]);
}

struct link { int there[2], back[2], how; };

/** Sends each number back, waiting in one of several ways. */
static void *answer(void *arg) {
  struct link *l = arg;
  int e = epoll_create1(0), n;
  if (l->how == 1 || l->how == 2) control(e, EPOLL_CTL_ADD, l->there[0], EPOLLIN | (l->how == 2 ? EPOLLET : 0));
  for (int i = 0; i < ROUNDS; i++) {
    struct epoll_event event;
    struct pollfd p = { l->there[0], POLLIN };
    if (l->how == 0) poll(&p, 1, -1);
    else if (l->how < 3) epoll_wait(e, &event, 1, -1);
    for (;;) {
      long got = read(l->there[0], &n, sizeof n);
      if (got == sizeof n) break;
      if (got >= 0 || errno != EAGAIN || l->how < 3) return (void *)1;
      if (l->how == 3) sched_yield();
      else poll(&p, 1, -1);
    }
    n = n * 3 + 1;
    if (write(l->back[1], &n, sizeof n) != sizeof n) return (void *)2;
  }
  close(e);
  return 0;
}

static void trips(int how, int process) {
  struct link l = { .how = how };
  pthread_t thread;
  long good = 0, end = 0;
  int status = 0;
  pipe2(l.there, O_NONBLOCK);
  pipe(l.back);
  pid_t child = process ? fork() : -1;
  if (process && child == 0) _exit((long)answer(&l));
  if (!process) pthread_create(&thread, 0, answer, &l);
  for (int i = 0; i < ROUNDS; i++) {
    int n = -1;
    if (i % 50 == 49) usleep(2000);
    if (write(l.there[1], &i, sizeof i) != sizeof i || read(l.back[0], &n, sizeof n) != sizeof n) break;
    good += n == i * 3 + 1;
  }
  if (process) waitpid(child, &status, 0);
  else pthread_join(thread, (void **)&end);
  say("way %d %s: %ld good, %ld %x\n", how, process ? "process" : "thread", good, end, status);
  close(l.there[0]), close(l.there[1]), close(l.back[0]), close(l.back[1]);
}

int main(void) {
  steps(0, EPOLLIN);
  steps(O_NONBLOCK, EPOLLIN);
  steps(O_NONBLOCK, EPOLLIN | EPOLLET);
  room(65536);
  room(4096);
  flags();
  for (int how = 0; how < 5; how++) for (int process = 0; process < 2; process++) trips(how, process);
}
