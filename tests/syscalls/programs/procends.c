// /proc/PID of a process that is a zombie, and of one that has been waited for, by name and by what was opened before; of threads.
#include "test.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/wait.h>
/* flags: -pthread */
static const char *names[] = {"stat", "status", "maps", "smaps", "cmdline", "environ", "statm", "limits", "comm", "auxv", "io", "mountinfo", "mounts", "oom_score_adj", "oom_adj", "loginuid", "sessionid", "coredump_filter", "sched", "personality", "mem", "pagemap", "syscall", "timerslack_ns", "exe", "cwd", "root", "fd", "fdinfo", "task", "ns"};
#define COUNT (int)(sizeof names / sizeof *names)
static int count(int fd) {
  char b[8192];
  lseek(fd, 0, SEEK_SET);
  long n = syscall(SYS_getdents64, fd, b, sizeof b);
  return n < 0 ? -errno : n > 60;
}
static void look(int fd, const char *name) {
  struct stat st;
  char b[8192];
  // The size of a directory of descriptors is their number: there is none any more.
  if (strcmp(name, "fd") == 0) st.st_mode = S_IFDIR;
  else if (fd < 0 || fstat(fd, &st)) { say("%s: not open\n", name); return; }
  if (S_ISDIR(st.st_mode)) { int n = count(fd); say("%s: entries %s\n", name, n < 0 ? ename(-n) : n ? "some" : "none"); return; }
  errno = 0;
  long n = pread(fd, b, 4096, 0);
  // How much there is, is another matter.
  say("%s: %s\n", name, n < 0 ? ename(errno) : n == 0 ? "empty" : "text");
}
static void byName(const char *dir) {
  char p[100], b[300];
  for (int i = 0; i < COUNT; i++) {
    snprintf(p, sizeof p, "%s/%s", dir, names[i]);
    errno = 0;
    struct stat st;
    if (lstat(p, &st)) { say("%s: lstat %s\n", names[i], ename(errno)); continue; }
    if (S_ISLNK(st.st_mode)) { long n = readlink(p, b, 299); say("%s: link %s\n", names[i], n < 0 ? ename(errno) : "there"); continue; }
    int fd = open(p, O_RDONLY);
    if (fd < 0) say("%s: open %s\n", names[i], ename(errno));
    else { look(fd, names[i]); close(fd); }
  }
}
static void *thread(void *arg) {
  int *ends = arg;
  char b[100], c;
  snprintf(b, sizeof b, "/proc/self/task/%ld/comm", syscall(SYS_gettid));
  put_file(b, "of a thread");
  long tid = syscall(SYS_gettid);
  write(ends[3], &tid, sizeof tid);
  read(ends[0], &c, 1);
  return NULL;
}
static void line(const char *p) {
  char b[200];
  int fd = open(p, O_RDONLY);
  long n = fd < 0 ? -1 : read(fd, b, 199);
  if (n < 0) { say("%s\n", ename(errno)); return; }
  b[n] = 0;
  say("%s", b);
  close(fd);
}
int main(void) {
  char dir[50], p[100];
  pid_t pid = fork();
  if (pid == 0) for (;;) pause();
  snprintf(dir, sizeof dir, "/proc/%d", pid);
  int fds[COUNT], d = open(dir, O_RDONLY);
  for (int i = 0; i < COUNT; i++) { snprintf(p, sizeof p, "%s/%s", dir, names[i]); fds[i] = open(p, O_RDONLY); }
  for (int i = 0; i < COUNT; i++) {
    // Where the end is.
    struct stat st;
    if (fstat(fds[i], &st) || !S_ISREG(st.st_mode)) continue;
    say("%s: end %ld", names[i], (long)lseek(fds[i], 0, SEEK_END)); say(", before it %ld, behind it %ld\n", (long)lseek(fds[i], -1, SEEK_END), (long)lseek(fds[i], 7, SEEK_END));
  }
  kill(pid, SIGKILL);
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  say("a zombie, by name\n");
  byName(dir);
  say("what was open\n");
  for (int i = 0; i < COUNT; i++) if (strcmp(names[i], "root") && strcmp(names[i], "cwd") && strcmp(names[i], "exe")) look(fds[i], names[i]);
  waitpid(pid, NULL, 0);
  say("gone, by name\n");
  byName(dir);
  say("what was open\n");
  for (int i = 0; i < COUNT; i++) if (strcmp(names[i], "root") && strcmp(names[i], "cwd") && strcmp(names[i], "exe")) look(fds[i], names[i]);
  look(d, "the directory");
  R(openat(d, "stat", O_RDONLY)); R(openat(d, "nothing", O_RDONLY)); R(fchdir(d)); R(open("stat", O_RDONLY)); chdir("/");
  snprintf(p, sizeof p, "%s/comm", dir); R(write(fds[8], "x", 1)); R(write(open("/proc/self/stat", O_WRONLY), "x", 1));
  // A thread has a name, by its id too, and goes.
  int ends[4];
  pipe(ends); pipe(ends + 2);
  pthread_t t;
  pthread_create(&t, NULL, thread, ends);
  long tid;
  read(ends[2], &tid, sizeof tid);
  snprintf(p, sizeof p, "/proc/%ld/comm", tid); line(p); snprintf(p, sizeof p, "/proc/self/task/%ld/comm", tid); line(p); line("/proc/self/comm");
  int open1 = open(p, O_RDONLY);
  snprintf(p, sizeof p, "/proc/self/task/%ld", tid);
  int open2 = open(p, O_RDONLY);
  snprintf(p, sizeof p, "/proc/%ld/task", tid); { int f = open(p, O_RDONLY); char b[4096]; say("task of it %d\n", syscall(SYS_getdents64, f, b, 4096) >= 96); close(f); }
  write(ends[1], "x", 1);
  pthread_join(t, NULL);
  // The join ends before the thread does.
  snprintf(p, sizeof p, "/proc/self/task/%ld", tid); for (int i = 0; i < 500 && access(p, F_OK) == 0; i++) msleep(10);
  look(open1, "comm of a thread that has ended"); look(open2, "its directory"); R(openat(open2, "stat", O_RDONLY)); R(access(p, F_OK)); snprintf(p, sizeof p, "/proc/%ld", tid); R(access(p, F_OK));
  return 0;
}
