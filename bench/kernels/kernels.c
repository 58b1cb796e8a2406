/* Micro benchmarks: `kernels NAME SCALE` prints the result and the time of the kernel alone in ns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
#include "kernels.h"

static uint32_t getpids(int scale) {
  uint32_t sum = 0;
  for (int i = 0; i < scale * 10000; i++) sum += syscall(SYS_getppid) > 0;
  return sum;
}

/** Not answered in the worker. */
static uint32_t groups(int scale) {
  uint32_t sum = 0;
  for (int i = 0; i < scale * 10000; i++) sum += syscall(SYS_getpgrp) > 0;
  return sum;
}

static uint32_t clocks(int scale) {
  struct timespec t;
  uint32_t sum = 0;
  for (int i = 0; i < scale * 10000; i++) sum += syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t) == 0;
  return sum;
}

static uint32_t forks(int scale) {
  uint32_t sum = 0;
  for (int i = 0; i < scale * 20; i++) {
    pid_t child = fork();
    if (child == 0) _exit(1);
    int status;
    waitpid(child, &status, 0);
    sum += WEXITSTATUS(status);
  }
  return sum;
}

static uint32_t execs(int scale) {
  uint32_t sum = 0;
  for (int i = 0; i < scale * 20; i++) {
    pid_t child = fork();
    if (child == 0) {
      execl("/proc/self/exe", "kernels", "nothing", "1", (char *)0);
      _exit(9);
    }
    int status;
    waitpid(child, &status, 0);
    sum += WEXITSTATUS(status) == 0;
  }
  return sum;
}

static const struct kernel system_kernels[] = {{"getppid", getpids}, {"getpgrp", groups}, {"clock", clocks}, {"fork", forks}, {"exec", execs}, {0}};

static uint32_t (*find(const struct kernel *list, const char *name))(int) {
  for (; list->name != 0; list++)
    if (strcmp(list->name, name) == 0) return list->run;
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  if (strcmp(argv[1], "nothing") == 0) return 0;
  uint32_t (*run)(int) = find(compute_kernels, argv[1]);
  if (run == 0) run = find(system_kernels, argv[1]);
  if (run == 0) return 2;
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  uint32_t result = run(atoi(argv[2]));
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%u %lld\n", result, (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec);
  return 0;
}
