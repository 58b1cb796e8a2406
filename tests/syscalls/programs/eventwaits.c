#include "test.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
/* flags: -pthread */
/* eventfds that threads and processes wait for: reads that block, semaphores, epoll and poll beside them, signals, descriptors that go, full counters. */
static uint64_t get(int fd) { uint64_t n = 77; ssize_t r = read(fd, &n, 8); return r == 8 ? n : r < 0 ? 1000000 + errno : 2000000 + r; }
static int put(int fd, uint64_t n) { ssize_t r = write(fd, &n, 8); return r < 0 ? -errno : r; }
static void info(int fd) { char path[40], text[400]; snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd); FILE *f = fopen(path, "r"); while (fgets(text, sizeof text, f)) if (strstr(text, "count")) say("%s", text); fclose(f); }
static int a, b;
static void *echo(void *arg) { for (int i = 0; i < 3000; i++) { uint64_t n = get(a); if (put(b, n + 1) != 8) say("echo\n"); } return arg; }
static void round_trips(void) {
  a = eventfd(0, 0); b = eventfd(0, 0); pthread_t t; pthread_create(&t, 0, echo, 0); int wrong = 0;
  for (int i = 0; i < 3000; i++) { put(a, i + 1); wrong += get(b) != (uint64_t)i + 2; }
  pthread_join(t, 0); say("threads: wrong %d\n", wrong);
  pid_t p = fork(); if (p == 0) { echo(0); _exit(0); } for (int i = 0; i < 3000; i++) { put(a, i + 1); wrong += get(b) != (uint64_t)i + 2; } int s; waitpid(p, &s, 0); say("processes: wrong %d\n", wrong); close(a); close(b);
}
static int tokens, done_fd; static volatile int taken[8];
static void *take(void *arg) { for (;;) { uint64_t n = get(tokens); if (n != 1) { say("token %ld\n", (long)n); break; } if (__atomic_add_fetch(&taken[(long)arg], 1, __ATOMIC_SEQ_CST) == 0) break; put(done_fd, 1); } return arg; }
static void semaphores(void) {
  tokens = eventfd(0, EFD_SEMAPHORE); done_fd = eventfd(0, EFD_SEMAPHORE); pthread_t t[4]; for (long i = 0; i < 4; i++) pthread_create(t + i, 0, take, (void *)i);
  put(tokens, 4); for (int i = 0; i < 4; i++) get(done_fd); say("first four\n"); for (int i = 0; i < 2000; i++) put(tokens, 1 + i % 3); uint64_t want = 0; for (int i = 0; i < 2000; i++) want += 1 + i % 3;
  for (uint64_t i = 0; i < want; i++) get(done_fd); int all = 0; for (int i = 0; i < 4; i++) all += taken[i]; say("all %d of %d\n", all, (int)want + 4);
  struct pollfd p = { tokens, POLLIN | POLLOUT }; poll(&p, 1, 0); say("left %x\n", p.revents); for (int i = 0; i < 4; i++) pthread_cancel(t[i]); for (int i = 0; i < 4; i++) pthread_join(t[i], 0); close(tokens); close(done_fd);
}
static volatile int hits; static void on(int s) { hits++; (void)s; }
static void signals(void) {
  int e = eventfd(0, 0), tell[2]; pipe(tell); struct sigaction sa = { .sa_handler = on }; sigaction(SIGUSR1, &sa, 0); sa.sa_flags = SA_RESTART; sigaction(SIGUSR2, &sa, 0);
  pid_t p = fork(); if (p == 0) { uint64_t n = get(e); say("interrupted: %s\n", n == 1000000 + EINTR ? "EINTR" : "?"); write(tell[1], "x", 1); n = get(e); say("restarted: %ld after %d\n", (long)n, hits); _exit(0); }
  asleep(p); kill(p, SIGUSR1); char c; read(tell[0], &c, 1); asleep(p); kill(p, SIGUSR2); asleep(p); kill(p, SIGSTOP); int s; waitpid(p, &s, WUNTRACED); show_status("waiting", s); put(e, 5); kill(p, SIGCONT); waitpid(p, &s, 0); show_status("reader", s); close(e);
}
static void polled(void) {
  int e = eventfd(0, EFD_NONBLOCK), ep = epoll_create1(0), level = eventfd(3, EFD_NONBLOCK); struct epoll_event ev = { EPOLLIN | EPOLLET, { .u32 = 1 } }, out[4]; epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev); ev.events = EPOLLIN | EPOLLOUT; ev.data.u32 = 2; epoll_ctl(ep, EPOLL_CTL_ADD, level, &ev);
  for (int round = 0; round < 4; round++) {
    if (round != 2) put(e, round + 1); for (int again = 0; again < 2; again++) { int n = epoll_wait(ep, out, 4, 0); say("round %d:", round); for (int i = 0; i < n; i++) say(" %u:%x", out[i].data.u32, out[i].events); say("\n"); }
    if (round == 1) say("read %ld, then %ld\n", (long)get(e), (long)get(e)); if (round == 2) say("level %ld, then %ld\n", (long)get(level), (long)get(level)); if (round == 3) put(level, 9);
  }
  ev.events = EPOLLOUT | EPOLLET; ev.data.u32 = 3; int w = eventfd(0, EFD_NONBLOCK); epoll_ctl(ep, EPOLL_CTL_DEL, e, 0); epoll_ctl(ep, EPOLL_CTL_DEL, level, 0); epoll_ctl(ep, EPOLL_CTL_ADD, w, &ev);
  for (int i = 0; i < 5; i++) { if (i == 1) put(w, 1); if (i == 2) get(w); if (i == 3) put(w, 0xfffffffffffffffe); if (i == 4) get(w); int n = epoll_wait(ep, out, 4, 0); say("edge %d: %d %x\n", i, n, n > 0 ? out[0].events : 0); }
  close(e); close(level); close(w); close(ep);
}
static void *wait_in_epoll(void *arg) { int ep = *(int *)arg; struct epoll_event out; for (int i = 0; i < 500; i++) { if (epoll_wait(ep, &out, 1, -1) != 1) say("epoll\n"); uint64_t n = get(a); if (n > 500) say("got %ld\n", (long)n); put(b, n); } return arg; }
static void waits_in_epoll(void) {
  a = eventfd(0, EFD_NONBLOCK); b = eventfd(0, 0); int ep = epoll_create1(0), wrong = 0; struct epoll_event ev = { EPOLLIN }; epoll_ctl(ep, EPOLL_CTL_ADD, a, &ev); pthread_t t; pthread_create(&t, 0, wait_in_epoll, &ep);
  for (int i = 0; i < 500; i++) { put(a, i % 7 + 1); wrong += get(b) != (uint64_t)i % 7 + 1; } pthread_join(t, 0); say("epoll: wrong %d, then %ld\n", wrong, (long)get(a)); close(ep); close(a); close(b);
}
static volatile int tid, result;
static void *write_it(void *arg) { tid = gettid(); result = put(*(int *)arg, 5); return arg; }
static void *read_it(void *arg) { tid = gettid(); result = get(*(int *)arg); return arg; }
static void thread_asleep(void) { char path[60]; while (!tid); snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid); asleep_at(path); tid = 0; }
static void edges(void) {
  int e = eventfd(7, EFD_CLOEXEC), d = dup(e), other; info(e); say("%ld\n", (long)get(d)); info(e); R(put(e, 0xffffffffffffffff)); R(put(e, 0xfffffffffffffffe)); info(e); fcntl(e, F_SETFL, O_NONBLOCK); R(put(e, 1)); R(put(e, 0)); info(e); say("%d\n", get(e) == 0xfffffffffffffffe); R(get(e)); fcntl(d, F_SETFL, 0);
  void *volatile nowhere = (void *)8; uint64_t n[4] = { 1, 2, 3, 4 }; R(read(e, n, 7)); R(write(e, n, 7)); R(write(e, n, 9)); R(write(e, n, 16)); R(put(e, 0)); R(write(e, nowhere, 8)); R(put(e, 6)); R(read(e, n, 32)); say("%ld\n", (long)n[0]); R(put(e, 6)); R(read(e, nowhere, 8)); fcntl(e, F_SETFL, O_NONBLOCK); R(get(e)); fcntl(e, F_SETFL, 0);
  char odd[20]; memset(odd, 0, sizeof odd); odd[3] = 9; R(write(e, odd + 3, 8)); R(read(e, odd + 5, 8)); say("%d %d\n", odd[3], odd[5]); struct iovec v[2] = { { n, 4 }, { n + 1, 8 } }; put(e, 3); R(readv(e, v, 2)); say("%d %d\n", (int)n[0], (int)n[1]); put(e, 3); v[1].iov_len = 3; R(readv(e, v, 2)); R(writev(e, v, 2)); R(recv(e, n, 8, 0)); R(send(e, n, 8, 0)); get(e);
  pthread_t t; put(e, 0xfffffffffffffffe); pthread_create(&t, 0, write_it, &e); thread_asleep(); say("%d\n", get(e) == 0xfffffffffffffffe); pthread_join(t, 0); say("written %d\n", result); say("%ld\n", (long)get(e));
  pthread_create(&t, 0, read_it, &d); thread_asleep(); close(d); other = dup(2); say("same number %d\n", other == d); put(e, 44); pthread_join(t, 0); say("read %d\n", result); close(other);
  CHILD("inherited", say("%d\n", put(e, 21))); say("%ld\n", (long)get(e)); put(e, 0); struct pollfd p = { e, POLLIN | POLLOUT }; R(poll(&p, 1, 0)); say("%x\n", p.revents); close(e); R(get(e)); e = open("/dev/null", O_RDWR); R(put(e, 1)); close(e);
}
int main(void) { round_trips(); semaphores(); signals(); polled(); waits_in_epoll(); edges(); return 0; }
