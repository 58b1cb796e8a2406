// What may keep the kernel's thread busy for long: holds WORKLOAD. bench/holds.mjs looks at how long calls are kept waiting meanwhile.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1L << 20)

static void check(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(1);
}

static void forks(void) {
  for (int i = 0; i < 10000; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    check(child > 0, "fork");
    waitpid(child, 0, 0);
  }
}

/** 200 processes at a time, each of which does something. */
static void live(void) {
  int hold[2];
  char c;
  check(pipe(hold) == 0, "pipe");
  for (int i = 0; i < 200; i++) {
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child != 0) continue;
    close(hold[1]);
    for (int k = 0; k < 50; k++) {
      struct stat st;
      stat("/bin/sh", &st);
      poll(0, 0, 5);
    }
    _exit(read(hold[0], &c, 1));
  }
  close(hold[1]);
  while (wait(0) > 0) {}
}

static void descriptors(void) {
  struct rlimit limit = { 12000, 12000 };
  enum { COUNT = 10000 };
  static struct pollfd polled[COUNT];
  setrlimit(RLIMIT_NOFILE, &limit);
  int ends[2], e = epoll_create1(0);
  check(pipe(ends) == 0, "pipe");
  for (int i = 0; i < COUNT; i++) {
    polled[i] = (struct pollfd){ dup(ends[0]), POLLIN, 0 };
    check(polled[i].fd >= 0, "dup");
    struct epoll_event event = { .events = EPOLLIN, .data.fd = i };
    check(epoll_ctl(e, EPOLL_CTL_ADD, polled[i].fd, &event) == 0, "epoll_ctl");
  }
  for (int i = 0; i < 20; i++) {
    struct epoll_event events[64];
    fd_set set;
    char c = 0;
    poll(polled, COUNT, 1);
    check(write(ends[1], &c, 1) == 1, "write");
    check(poll(polled, COUNT, -1) == COUNT, "poll");
    check(epoll_wait(e, events, 64, -1) == 64, "epoll_wait");
    FD_ZERO(&set);
    for (int k = 3; k < 1000; k++) FD_SET(k, &set);
    select(1000, &set, 0, 0, 0);
    check(read(ends[0], &c, 1) == 1, "read");
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, 0, 0);
  }
  syscall(SYS_close_range, 10, ~0U, 0);
}

static void transfers(const char *dir) {
  long size = 64 * MIB;
  char *data = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(data != MAP_FAILED, "mmap");
  check(chdir(dir) == 0, "chdir");
  int f = open("big", O_RDWR | O_CREAT | O_TRUNC, 0600), ends[2];
  check(f >= 0, "open");
  memset(data, 'x', size);
  for (int i = 0; i < 4; i++) {
    check(pwrite(f, data, size, i * size) == size, "pwrite");
    check(pread(f, data, size, i * size) == size, "pread");
  }
  int g = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
  off_t from = 0;
  while (from < 2 * size) check(sendfile(g, f, &from, 2 * size - from) > 0, "sendfile");
  char *shared = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
  check(shared != MAP_FAILED, "mmap");
  memset(shared, 'y', size);
  check(msync(shared, size, MS_SYNC) == 0, "msync");
  check(fsync(f) == 0, "fsync");
  munmap(shared, size);
  check(ftruncate(f, 0) == 0, "ftruncate");
  check(pipe(ends) == 0, "pipe");
  fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
  pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    while (read(ends[0], data, size) > 0) {}
    _exit(0);
  }
  close(ends[0]);
  check(write(ends[1], data, size) == size, "write");
  close(ends[1]);
  waitpid(child, 0, 0);
  unlink("big");
  unlink("copy");
}

static int list(const char *path) {
  DIR *d = opendir(path);
  int n = 0;
  check(d != 0, path);
  while (readdir(d) != 0) n++;
  closedir(d);
  return n;
}

static void directories(const char *dir) {
  enum { COUNT = 20000 };
  char name[32];
  check(chdir(dir) == 0 && mkdir("many", 0700) == 0 && chdir("many") == 0, "chdir");
  for (int i = 0; i < COUNT; i++) {
    sprintf(name, "file%d", i);
    int f = open(name, O_CREAT | O_WRONLY, 0600);
    check(f >= 0, "open");
    close(f);
  }
  for (int i = 0; i < 5; i++) check(list(".") >= COUNT, "list");
  for (int i = 0; i < COUNT; i++) {
    sprintf(name, "file%d", i);
    check(unlink(name) == 0, "unlink");
  }
  check(chdir("..") == 0 && rmdir("many") == 0, "rmdir");
  for (int i = 0; i < 3; i++) list("/usr/bin");
}

/** A big address space: forked, written to on both sides, protected, moved, given back. */
static void memory(void) {
  long size = 1024 * MIB;
  char *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(at != MAP_FAILED, "mmap");
  for (long i = 0; i < size; i += 4096) at[i] = 1;
  for (int i = 0; i < 3; i++) {
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
      for (long k = 0; k < size / 16; k += 4096) at[k] = 2;
      _exit(0);
    }
    for (long k = 0; k < size / 16; k += 4096) at[size - 1 - k] = 3;
    waitpid(child, 0, 0);
  }
  check(mprotect(at, size, PROT_READ) == 0 && mprotect(at, size, PROT_READ | PROT_WRITE) == 0, "mprotect");
  check(madvise(at, size / 2, MADV_DONTNEED) == 0, "madvise");
  for (long i = 0; i < size; i += 4096) at[i] = 1;
  char *moved = mremap(at, size / 2, size / 2 + 4096, MREMAP_MAYMOVE);
  check(moved != MAP_FAILED, "mremap");
  check(munmap(moved, size / 2 + 4096) == 0 && munmap(at + size / 2, size / 2) == 0, "munmap");
  at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  check(at != MAP_FAILED, "mmap");
  // The end of the process gives the rest back.
}

static void *nothing(void *arg) { return arg; }

static void threads(void) {
  for (int i = 0; i < 2000; i++) {
    pthread_t thread;
    check(pthread_create(&thread, 0, nothing, 0) == 0, "pthread_create");
    pthread_join(thread, 0);
  }
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "", *dir = argc > 2 ? argv[2] : "/tmp";
  if (strcmp(what, "forks") == 0) forks();
  else if (strcmp(what, "live") == 0) live();
  else if (strcmp(what, "descriptors") == 0) descriptors();
  else if (strcmp(what, "transfers") == 0) transfers(dir);
  else if (strcmp(what, "directories") == 0) directories(dir);
  else if (strcmp(what, "memory") == 0) memory();
  else if (strcmp(what, "threads") == 0) threads();
  else return 2;
  return 0;
}
