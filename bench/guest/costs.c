// What single operations cost: costs OPERATION COUNT prints nanoseconds per operation. `idle N`: N children that sleep.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void local(int count) {
  struct timespec t;
  for (int i = 0; i < count; i++) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
}

static void mailbox(int count) {
  for (int i = 0; i < count; i++) syscall(SYS_getpgrp);
}

/** A byte to the other process and back. */
static void pipes(int count) {
  int there[2], back[2];
  char c = 0;
  if (pipe(there) || pipe(back)) exit(1);
  if (fork() == 0) {
    for (int i = 0; i < count; i++) if (read(there[0], &c, 1) != 1 || write(back[1], &c, 1) != 1) _exit(1);
    _exit(0);
  }
  for (int i = 0; i < count; i++) if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1) exit(1);
  wait(0);
}

static void forks(int count) {
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, 0, 0);
  }
}

static void execs(int count) {
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) {
      execl("/bin/true", "true", (char *)0);
      _exit(1);
    }
    waitpid(child, 0, 0);
  }
}

static void *nothing(void *arg) { return arg; }

static void threads(int count) {
  for (int i = 0; i < count; i++) {
    pthread_t thread;
    if (pthread_create(&thread, 0, nothing, 0)) exit(1);
    pthread_join(thread, 0);
  }
}

static int turn;

static void wait_for(int mine) {
  for (int now; (now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine;) syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, 0, 0, 0);
}

static void give(int other) {
  __atomic_store_n(&turn, other, __ATOMIC_RELEASE);
  syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static void *second(void *count) {
  for (long i = 0; i < (long)count; i++) {
    wait_for(1);
    give(0);
  }
  return 0;
}

/** To the other thread and back: two wake-ups. */
static void futexes(int count) {
  pthread_t thread;
  if (pthread_create(&thread, 0, second, (void *)(long)count)) exit(1);
  for (int i = 0; i < count; i++) {
    give(1);
    wait_for(0);
  }
  pthread_join(thread, 0);
}

/** A byte to the other process and back over a connected pair of sockets. */
static void round_trips(int here, int there, int count) {
  char c = 0;
  if (fork() == 0) {
    for (int i = 0; i < count; i++) if (read(there, &c, 1) != 1 || write(there, &c, 1) != 1) _exit(1);
    _exit(0);
  }
  for (int i = 0; i < count; i++) if (write(here, &c, 1) != 1 || read(here, &c, 1) != 1) exit(1);
  wait(0);
  close(here);
  close(there);
}

/** One to the other process and back. */
static void eventfds(int count) {
  int there = eventfd(0, 0), back = eventfd(0, 0);
  uint64_t n = 1;
  if (fork() == 0) {
    for (int i = 0; i < count; i++) if (read(there, &n, 8) != 8 || write(back, &n, 8) != 8) _exit(1);
    _exit(0);
  }
  for (int i = 0; i < count; i++) if (write(there, &n, 8) != 8 || read(back, &n, 8) != 8) exit(1);
  wait(0);
}

/** A byte to the other process and back by pipes that do not wait, with who waits in epoll. */
static void polled_pipes(int count) {
  int there[2], back[2], e, child;
  struct epoll_event event = { .events = EPOLLIN };
  char c = 0;
  if (pipe2(there, O_NONBLOCK) || pipe2(back, O_NONBLOCK)) exit(1);
  child = fork() == 0;
  e = epoll_create1(0);
  int mine = child ? there[0] : back[0], other = child ? back[1] : there[1];
  epoll_ctl(e, EPOLL_CTL_ADD, mine, &event);
  for (int i = 0; i < count; i++) {
    if (!child && write(other, &c, 1) != 1) exit(1);
    // Until there is no more, as event loops do.
    if (epoll_wait(e, &event, 1, -1) != 1 || read(mine, &c, 1) != 1 || read(mine, &c, 1) != -1) exit(1);
    if (child && write(other, &c, 1) != 1) exit(1);
  }
  if (child) _exit(0);
  wait(0);
}

/** The same, with who waits in epoll. */
static void polled_eventfds(int count) {
  int there = eventfd(0, EFD_NONBLOCK), back = eventfd(0, EFD_NONBLOCK), child = fork() == 0, e = epoll_create1(0), mine = child ? there : back, other = child ? back : there;
  struct epoll_event event = { .events = EPOLLIN };
  uint64_t n = 1;
  epoll_ctl(e, EPOLL_CTL_ADD, mine, &event);
  for (int i = 0; i < count; i++) {
    if (!child && write(other, &n, 8) != 8) exit(1);
    if (epoll_wait(e, &event, 1, -1) != 1 || read(mine, &n, 8) != 8) exit(1);
    if (child && write(other, &n, 8) != 8) exit(1);
  }
  if (child) _exit(0);
  wait(0);
}

static void unix_sockets(int count) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) exit(1);
  round_trips(pair[0], pair[1], count);
}

static int listener(struct sockaddr_in *at) {
  socklen_t length = sizeof *at;
  int s = socket(AF_INET, SOCK_STREAM, 0);
  *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  if (bind(s, (struct sockaddr *)at, sizeof *at) || listen(s, 64) || getsockname(s, (struct sockaddr *)at, &length)) exit(1);
  return s;
}

static int connected(const struct sockaddr_in *to) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(s, (const struct sockaddr *)to, sizeof *to)) exit(1);
  return s;
}

static void tcp(int count) {
  struct sockaddr_in at;
  int l = listener(&at), here = connected(&at), there = accept(l, 0, 0);
  close(l);
  round_trips(here, there, count);
}

enum { CONNECTIONS = 16 };

static void serve(int l) {
  int e = epoll_create1(0);
  struct epoll_event event = { .events = EPOLLIN, .data.fd = l }, events[CONNECTIONS];
  epoll_ctl(e, EPOLL_CTL_ADD, l, &event);
  for (;;) {
    int n = epoll_wait(e, events, CONNECTIONS, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      char text[64];
      if (fd == l) {
        event.data.fd = accept(l, 0, 0);
        epoll_ctl(e, EPOLL_CTL_ADD, event.data.fd, &event);
      } else if (read(fd, text, sizeof text) <= 0) {
        close(fd);
      } else if (write(fd, "answer\n", 7) != 7) {
        _exit(1);
      }
    }
  }
}

/** Requests to a server that waits with epoll, from one client with 16 connections. */
static void requests(int count) {
  struct sockaddr_in at;
  int l = listener(&at), s[CONNECTIONS];
  pid_t server = fork();
  if (server == 0) serve(l);
  for (int i = 0; i < CONNECTIONS; i++) s[i] = connected(&at);
  char text[64];
  for (int done = 0; done < count; done += CONNECTIONS) {
    for (int i = 0; i < CONNECTIONS; i++) if (write(s[i], "request\n", 8) != 8) exit(1);
    for (int i = 0; i < CONNECTIONS; i++) if (read(s[i], text, sizeof text) <= 0) exit(1);
  }
  kill(server, SIGKILL);
  wait(0);
  for (int i = 0; i < CONNECTIONS; i++) close(s[i]);
  close(l);
}

static void idle(int count) {
  for (int i = 0; i < count; i++) {
    if (fork() == 0) {
      pause();
      _exit(0);
    }
  }
  puts("ready");
  fflush(stdout);
  getchar();
}

static const struct { const char *name; void (*run)(int); } operations[] = {
  {"local", local}, {"mailbox", mailbox}, {"pipe", pipes}, {"fork", forks}, {"exec", execs}, {"thread", threads},
  {"futex", futexes}, {"polled pipe", polled_pipes}, {"eventfd", eventfds}, {"polled eventfd", polled_eventfds}, {"unix", unix_sockets}, {"tcp", tcp}, {"request", requests},
};

int main(int argc, char **argv) {
  int count = argc > 2 ? atoi(argv[2]) : 1;
  if (argc > 1 && strcmp(argv[1], "idle") == 0) {
    idle(count);
    kill(0, 9);
  }
  for (unsigned k = 0; k < sizeof operations / sizeof *operations; k++) {
    if (argc < 2 || strcmp(argv[1], operations[k].name) != 0) continue;
    struct timespec from, to;
    operations[k].run(count / 10 + 1);
    clock_gettime(CLOCK_MONOTONIC, &from);
    operations[k].run(count);
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%.0f\n", ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / count);
    return 0;
  }
  return 2;
}
