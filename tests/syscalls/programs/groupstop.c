#include "test.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <linux/futex.h>
/* flags: -pthread */
/* Threads that wait in all kinds of calls when their process is stopped and continued: the stop takes all of them, some calls go on
 * afterwards, some end with EINTR (signal(7)). */
static int p[2], go[2], word, ready, tids[8];
static void *wait_in(void *a) {
  char b; struct timespec ts = { 2, 0 }, long_ts = { 30, 0 }; sigset_t s; siginfo_t si; struct epoll_event ev; struct pollfd pf = { p[0], POLLIN };
  long r;
  errno = 0;
  tids[(long)a] = syscall(SYS_gettid);
  __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
  switch ((long)a) {
    case 0: r = read(p[0], &b, 1); break;
    case 1: r = nanosleep(&ts, NULL); break;
    case 2: sigemptyset(&s); sigaddset(&s, SIGUSR2); r = sigtimedwait(&s, &si, &long_ts); break;
    case 3: { int e = epoll_create1(0); r = epoll_wait(e, &ev, 1, 30000); } break;
    case 4: r = poll(&pf, 0, 2000); break;
    case 5: r = syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL); if (r == -1 && errno == EAGAIN) r = 0; break; /* whoever comes first */
    case 6: r = select(0, NULL, NULL, NULL, &(struct timeval){ 2, 0 }); break;
    default: r = 0; for (volatile int i = 0; i < 100000000; i++) if (word) break;
  }
  return (void *)(r == -1 ? -errno : r);
}
static void body(void) {
  pthread_t t[8];
  for (long i = 0; i < 8; i++) pthread_create(&t[i], NULL, wait_in, (void *)i);
  while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 8) msleep(5);
  for (int i = 0; i < 7; i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tids[i]);
    asleep_at(path);
  }
  raise(SIGSTOP);
  char b;
  read(go[0], &b, 1); /* when the parent has said that we go on */
  word = 1;
  syscall(SYS_futex, &word, FUTEX_WAKE, 10);
  write(p[1], "x", 1);
  for (int i = 0; i < 8; i++) { void *r; pthread_join(t[i], &r); say("%d: %ld %s\n", i, (long)r, (long)r < 0 ? ename(-(long)r) : ""); }
}
int main(void) {
  pipe(p), pipe(go);
  pid_t c = fork();
  if (c == 0) { body(); _exit(3); }
  int st;
  R(waitpid(c, &st, WUNTRACED) == c);
  show_status("stopped", st);
  R(waitpid(c, &st, WNOHANG | WUNTRACED));
  msleep(50);
  kill(c, SIGCONT);
  R(waitpid(c, &st, WCONTINUED) == c);
  show_status("continued", st);
  write(go[1], "x", 1);
  R(waitpid(c, &st, 0) == c);
  show_status("end", st);
  return 0;
}
