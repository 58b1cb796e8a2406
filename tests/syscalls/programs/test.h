/* Shared by the conformance programs. They print what they see; the runner compares the output of a native run with that of a
 * run under tuxlate, so everything printed must be the same on every run: no pids, times, addresses, inode numbers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *ename(int e) {
  const char *n = strerrorname_np(e);
  return n ? n : "?";
}

static void say(const char *fmt, ...) {
  char buf[4096];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(buf, sizeof buf, fmt, ap);
  va_end(ap);
  if (n > (int)sizeof buf - 1) n = sizeof buf - 1;
  for (int at = 0; at < n;) {
    ssize_t w = write(1, buf + at, n - at);
    if (w <= 0) break;
    at += w;
  }
}

/* Result of a call: its value, or the name of its error. */
static long show(const char *what, long r) {
  int e = errno;
  if (r == -1) say("%s = -1 %s\n", what, ename(e));
  else say("%s = %ld\n", what, r);
  errno = e;
  return r;
}
/* For results that differ from run to run (descriptors are fine, pids and addresses are not). */
static long okay(const char *what, long r) {
  int e = errno;
  if (r == -1) say("%s = -1 %s\n", what, ename(e));
  else say("%s = ok\n", what);
  errno = e;
  return r;
}
#define R(call) show(#call, (long)(call))
#define OK(call) okay(#call, (long)(call))

static char tmp_dir[64];
static void leave_tmp(void) {
  char cmd[128];
  if (tmp_dir[0]) {
    snprintf(cmd, sizeof cmd, "rm -rf %s", tmp_dir);
    if (chdir("/") == 0 && system(cmd) != 0) say("cannot remove\n");
  }
}
/* A fresh directory as working directory, removed at exit() of this process. */
static void enter_tmp(void) {
  strcpy(tmp_dir, "/tmp/tuxtest-XXXXXX");
  if (!mkdtemp(tmp_dir) || chdir(tmp_dir)) {
    say("no temporary directory: %s\n", ename(errno));
    exit(99);
  }
  umask(022);
}

static void show_status(const char *what, int status) {
  if (WIFEXITED(status)) say("%s: exit %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) say("%s: signal %s%s\n", what, sigabbrev_np(WTERMSIG(status)), WCOREDUMP(status) ? " core" : "");
  else if (WIFSTOPPED(status)) say("%s: stopped %s\n", what, sigabbrev_np(WSTOPSIG(status)));
  else if (WIFCONTINUED(status)) say("%s: continued\n", what);
  else say("%s: status %#x\n", what, status);
}

/* Runs body in a child and tells how it ended. */
#define CHILD(name, ...) do { \
  pid_t child_ = fork(); \
  if (child_ == 0) { __VA_ARGS__; _exit(0); } \
  int status_; \
  if (waitpid(child_, &status_, 0) != child_) say("waitpid: %s\n", ename(errno)); \
  else show_status(name, status_); \
} while (0)

static void put_file(const char *name, const char *text) {
  int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) say("put_file %s: %s\n", name, ename(errno));
  close(fd);
}
static void cat_file(const char *name) {
  char buf[4096];
  int fd = open(name, O_RDONLY);
  if (fd < 0) { say("%s: %s\n", name, ename(errno)); return; }
  ssize_t n = read(fd, buf, sizeof buf - 1);
  close(fd);
  buf[n < 0 ? 0 : n] = 0;
  say("%s: [%s]\n", name, buf);
}
static void msleep(int ms) {
  struct timespec t = { ms / 1000, (ms % 1000) * 1000000L };
  while (nanosleep(&t, &t) == -1 && errno == EINTR);
}
/* Until the process or thread whose stat file this is sleeps in a call (or five seconds have gone by). */
static void asleep_at(const char *path) {
  char text[400];
  for (int i = 0; i < 500; i++) {
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    char *end = strrchr(text, ')');
    if (end && end[2] == 'S') return;
    msleep(10);
  }
}
static void asleep(pid_t pid) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  asleep_at(path);
}
static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}
/* Runs `body` as an ordinary user, in a directory of its own; says how it ended. */
static void as_ordinary_user(void (*body)(void)) {
  enter_tmp();
  chown(".", 65534, 65534);
  pid_t pid = fork();
  if (pid == 0) {
    setgroups(0, 0);
    setgid(65534);
    setuid(65534);
    body();
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  say("end %#x\n", status);
  leave_tmp();
}

static void unused_(void) { (void)as_ordinary_user; (void)leave_tmp; (void)enter_tmp; (void)put_file; (void)cat_file; (void)msleep; (void)now_ms; (void)asleep; (void)show; (void)okay; (void)show_status; (void)unused_; }
