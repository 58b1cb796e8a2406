/* Time namespaces: who lives in them, offsets, clocks and limits on them (time_namespaces(7)). */
#include "test.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define PART(name) do { say("-- %s\n", #name); fflush(stdout); pid_t p_ = fork(); if (p_ == 0) { name(); _exit(0); } \
  int s_; waitpid(p_, &s_, 0); if (s_) say("%s ended %x\n", #name, s_); } while (0)

static int put(const char *text) {
  int fd = open("/proc/self/timens_offsets", O_WRONLY);
  if (fd < 0) return -1;
  int n = write(fd, text, strlen(text)), e = errno;
  close(fd);
  errno = e;
  return n;
}
static long seconds(int clock) {
  struct timespec t;
  return clock_gettime(clock, &t) ? -1 : t.tv_sec;
}
static long base[16];
static void note(void) { for (int i = 0; i < 10; i++) base[i] = seconds(i); }
/* By how much a clock is ahead of when it was noted, to the nearest thousand. */
static void ahead(void) {
  const int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
  for (int i = 0; i < 5; i++) say("clock %d: %ld\n", clocks[i], (seconds(clocks[i]) - base[clocks[i]] + 500) / 1000 * 1000);
}
static long uptime(void) {
  double up = 0;
  FILE *f = fopen("/proc/uptime", "r");
  fscanf(f, "%lf", &up);
  fclose(f);
  return up;
}
static long started(void) {
  char text[600];
  int fd = open("/proc/self/stat", O_RDONLY);
  text[read(fd, text, 599)] = 0;
  close(fd);
  char *at = strrchr(text, ')') + 2;
  for (int i = 0; i < 19; i++) at = strchr(at, ' ') + 1;
  return atol(at) / 100;
}
static long nsid(const char *kind) {
  char p[64];
  struct stat st;
  snprintf(p, sizeof p, "/proc/self/ns/%s", kind);
  return stat(p, &st) ? -1 : (long)st.st_ino;
}

static void offsets(void) {
  cat_file("/proc/self/timens_offsets");
  R(put("monotonic 1 0"));
  R(unshare(CLONE_NEWTIME));
  cat_file("/proc/self/timens_offsets");
  say("same time %d, other for children %d\n", nsid("time") == nsid("time_for_children"), nsid("time") != nsid("time_for_children"));
  R(put(""));
  R(put("x"));
  R(put("monotonic"));
  R(put("monotonic 1"));
  R(put("monotonic 1 1000000000"));
  R(put("realtime 1 0"));
  R(put("0 1 0"));
  R(put("monotonic -99999999999 0"));
  R(put("monotonic 99999999999 0"));
  R(put("monotonic -100000000 0"));
  R(put("1 200000 5"));
  cat_file("/proc/self/timens_offsets");
  R(put("monotonic 100000 0\nboottime 500000 7\n"));
  cat_file("/proc/self/timens_offsets");
  R(put("boottime 500000 8\nmonotonic 100000 0\n7 1 1\n"));
  R(put("7 700000 900000000\n"));
  cat_file("/proc/self/timens_offsets");
  note();
  ahead();
  CHILD("child", {
    R(put("monotonic 1 0"));
    ahead();
    struct sysinfo info;
    R(sysinfo(&info));
    say("sysinfo %ld uptime %ld\n", (info.uptime - base[CLOCK_BOOTTIME] + 500) / 1000 * 1000, (uptime() - base[CLOCK_BOOTTIME] + 500) / 1000 * 1000);
    say("started %ld\n", (started() - base[CLOCK_BOOTTIME] + 500) / 1000 * 1000);
    say("same %d\n", nsid("time") == nsid("time_for_children"));
    CHILD("grandchild", ahead());
  });
  R(put("monotonic 1 0"));
  ahead();
}

static void limits(void) {
  R(unshare(CLONE_NEWTIME));
  R(put("monotonic 100000 0\nboottime 500000 0\n"));
  note();
  CHILD("child", {
    /* Times that have passed here, though not elsewhere; and a little later ones. */
    const int clocks[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME };
    for (int i = 0; i < 2; i++) {
      struct timespec t;
      clock_gettime(clocks[i], &t);
      t.tv_sec -= 5;
      R(clock_nanosleep(clocks[i], TIMER_ABSTIME, &t, NULL));
      clock_gettime(clocks[i], &t);
      t.tv_nsec += 20000000;
      if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
      R(clock_nanosleep(clocks[i], TIMER_ABSTIME, &t, NULL));
      struct timespec after;
      clock_gettime(clocks[i], &after);
      say("reached %d\n", after.tv_sec > t.tv_sec || (after.tv_sec == t.tv_sec && after.tv_nsec >= t.tv_nsec));
      int fd = timerfd_create(clocks[i], 0);
      struct itimerspec s = { .it_value = t };
      uint64_t n = 0;
      R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &s, NULL));
      R(read(fd, &n, 8));
      s.it_value.tv_sec += 1000;
      R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &s, NULL));
      R(timerfd_gettime(fd, &s));
      say("left %ld\n", (s.it_value.tv_sec + 50) / 100 * 100);
      close(fd);
      timer_t id;
      struct sigevent e = { .sigev_notify = SIGEV_NONE };
      R(timer_create(clocks[i], &e, &id));
      s.it_value = t;
      s.it_value.tv_sec += 1000;
      R(timer_settime(id, TIMER_ABSTIME, &s, NULL));
      R(timer_gettime(id, &s));
      say("left %ld\n", (s.it_value.tv_sec + 50) / 100 * 100);
    }
    int word = 0;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    R(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL, FUTEX_BITSET_MATCH_ANY));
    pthread_cond_t c;
    pthread_condattr_t a;
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(&c, &a);
    pthread_mutex_lock(&m);
    say("wait %s\n", ename(pthread_cond_timedwait(&c, &m, &t)));
  });
}

static void *thread(void *arg) { (void)arg; return (void *)((seconds(CLOCK_MONOTONIC) - base[CLOCK_MONOTONIC] + 500) / 1000 * 1000); }
static void entered(void) {
  note();
  int old = open("/proc/self/ns/time", O_RDONLY);
  R(unshare(CLONE_NEWTIME));
  R(put("monotonic 100000 0"));
  pthread_t id;
  void *result;
  pthread_create(&id, NULL, thread, NULL);
  pthread_join(id, &result);
  say("thread %ld\n", (long)result);
  if (vfork() == 0) _exit((seconds(CLOCK_MONOTONIC) - base[CLOCK_MONOTONIC]) / 1000);
  int s;
  wait(&s);
  say("vfork %d\n", WEXITSTATUS(s));
  int fresh = open("/proc/self/ns/time_for_children", O_RDONLY);
  R(setns(fresh, CLONE_NEWUTS));
  R(setns(fresh, CLONE_NEWTIME));
  ahead();
  R(put("monotonic 1 0"));
  R(setns(old, CLONE_NEWTIME));
  ahead();
  /* A new program lives where children do. */
  char text[32];
  snprintf(text, sizeof text, "%ld", base[CLOCK_MONOTONIC]);
  R(unshare(CLONE_NEWTIME));
  R(put("monotonic 300000 0"));
  execl("/proc/self/exe", "timens", text, NULL);
}
static void by_clone3(void) {
  struct { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; } a = { .flags = CLONE_NEWTIME, .exit_signal = SIGCHLD };
  pid_t p = syscall(SYS_clone3, &a, sizeof a);
  if (p == 0) { R(put("monotonic 1 0")); _exit(4); }
  int s;
  R(waitpid(p, &s, 0) == p);
  say("%x\n", s);
  setresuid(1234, 1234, 1234);
  R(unshare(CLONE_NEWTIME));
  R(unshare(CLONE_NEWTIME | CLONE_NEWUSER));
}

int main(int argc, char **argv) {
  if (argc > 1) {
    say("after exec %ld\n", (seconds(CLOCK_MONOTONIC) - atol(argv[1]) + 500) / 1000 * 1000);
    return 0;
  }
  PART(offsets);
  PART(limits);
  PART(entered);
  PART(by_clone3);
  return 0;
}
