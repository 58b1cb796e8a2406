// What single operations cost: costs OPERATION COUNT prints nanoseconds per operation. `idle N`: N children that sleep.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void local(int count) {
  struct timespec t;
  for (int i = 0; i < count; i++) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
}

static void mailbox(int count) {
  for (int i = 0; i < count; i++) syscall(SYS_getppid);
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
