/* What a process model must survive: many forks, many processes, many descriptors, many threads, a fork bomb, sudden ends, no memory.
   Usage: robust WHAT [NUMBER]. Prints one line a fact; natively and under tuxlate the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

/* n forks in a row, each waited for */
static void forks(int n) {
  long sum = 0;
  for (int i = 0; i < n; i++) {
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) _exit(i & 63);
    int status;
    if (waitpid(pid, &status, 0) != pid) fail("waitpid");
    sum += WEXITSTATUS(status);
  }
  printf("forks %d sum %ld\n", n, sum);
}

/* n processes at a time: each answers a byte, and ends when the last is told to */
static void live(int n) {
  int go[2], done[2], end[2];
  if (pipe(go) || pipe(done) || pipe(end)) fail("pipe");
  for (int i = 0; i < n; i++) {
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
      char c;
      close(end[1]);
      if (read(go[0], &c, 1) != 1) _exit(1);
      if (write(done[1], &c, 1) != 1) _exit(2);
      _exit(read(end[0], &c, 1) == 0 ? 7 : 3);
    }
  }
  for (int i = 0; i < n; i++) if (write(go[1], "x", 1) != 1) fail("write");
  int answers = 0;
  char c;
  while (answers < n && read(done[0], &c, 1) == 1) answers++;
  close(end[1]);
  int sevens = 0, status;
  while (wait(&status) > 0) if (WIFEXITED(status) && WEXITSTATUS(status) == 7) sevens++;
  close(go[0]), close(go[1]), close(done[0]), close(done[1]), close(end[0]);
  printf("live %d answers %d ended %d\n", n, answers, sevens);
}

static void fds(int n) {
  struct rlimit r;
  getrlimit(RLIMIT_NOFILE, &r);
  r.rlim_cur = n + 100;
  if (r.rlim_max < r.rlim_cur) r.rlim_max = r.rlim_cur;
  if (setrlimit(RLIMIT_NOFILE, &r)) fail("setrlimit");
  int *list = malloc(n * sizeof *list), k = 0;
  while (k + 4 <= n) {
    int p[2];
    if ((list[k++] = open("/dev/null", O_RDWR)) < 0) fail("open");
    if ((list[k++] = eventfd(1, 0)) < 0) fail("eventfd");
    if (pipe(p)) fail("pipe");
    list[k++] = p[0];
    list[k++] = p[1];
  }
  struct pollfd *polls = calloc(k, sizeof *polls);
  for (int i = 0; i < k; i++) polls[i] = (struct pollfd){ list[i], POLLIN | POLLOUT, 0 };
  int ready = poll(polls, k, 0);
  int top = 0;
  for (int i = 0; i < k; i++) if (list[i] > top) top = list[i];
  for (int round = 0; round < 20; round++) {
    pid_t pid = fork();
    if (pid == 0) _exit(fcntl(list[k - 1], F_GETFD) == 0 ? 0 : 1);
    int status;
    waitpid(pid, &status, 0);
    if (status != 0) printf("child status %x\n", status);
  }
  for (int i = 0; i < k; i++) if (close(list[i])) fail("close");
  printf("fds %d ready %d top %s, after %d\n", k, ready, top >= k ? "beyond" : "below", dup(0) < 10);
}

static void *wait_on(void *barrier) {
  pthread_barrier_wait(barrier);
  return barrier;
}

static void threads(int n) {
  pthread_t *t = malloc(n * sizeof *t);
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, n + 1);
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 65536);
  int made = 0;
  for (int i = 0; i < n; i++) {
    int e = pthread_create(&t[i], &attr, wait_on, &barrier);
    if (e) {
      printf("thread %d: %s\n", i, strerror(e));
      exit(1);
    }
    made++;
  }
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < n; i++) pthread_join(t[i], NULL);
  printf("threads %d\n", made);
}

/* a fork bomb of a user with RLIMIT_NPROC: it stays bounded, and ends with its group */
static void bomb(int limit) {
  int started[2];
  if (pipe(started)) fail("pipe");
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    close(started[0]);
    if (getuid() == 0 && (setgid(54321) || setuid(54321))) _exit(1);
    struct rlimit r = { limit, limit };
    if (setrlimit(RLIMIT_NPROC, &r)) _exit(2);
    int refused = 0;
    for (;;) {
      pid_t child = fork();
      if (child < 0 && errno == EAGAIN && !refused++) if (write(started[1], "E", 1) != 1) _exit(3);
      if (child == 0) refused = 0;
      if (child < 0) usleep(1000);
    }
  }
  close(started[1]);
  char c;
  int told = 0;
  while (told < limit / 2 && read(started[0], &c, 1) == 1) told++;
  /* new ones may be on the way while the group is killed */
  for (int round = 0; round < 3; round++) kill(-pid, SIGKILL);
  int status;
  waitpid(pid, &status, 0);
  /* the end of the pipe: nobody is left */
  while (kill(-pid, SIGKILL) == 0 && read(started[0], &c, 1) >= 0) usleep(1000);
  while (read(started[0], &c, 1) == 1) continue;
  printf("bomb of %d: refused %s, signal %d\n", limit, told >= limit / 2 ? "all" : "few", WTERMSIG(status));
}

static void *spin(void *n) {
  volatile unsigned *k = n;
  for (;;) (*k)++;
  return NULL;
}

/* children are killed at any point of what they do */
static void kills(int n) {
  int by_signal = 0;
  for (int i = 0; i < n; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      static unsigned counts[4];
      static char page[1 << 16];
      switch (i % 6) {
        case 0: spin(counts); break;
        case 1:
          for (;;) {
            pid_t c = fork();
            if (c == 0) _exit(0);
            waitpid(c, NULL, 0);
          }
        case 2:
          for (int k = 0; k < 3; k++) {
            pthread_t t;
            pthread_create(&t, NULL, spin, &counts[k]);
          }
          spin(&counts[3]);
          break;
        case 3:
          for (;;) {
            char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            for (int k = 0; k < 1 << 20; k += 4096) {
              p[k] = (char)0xc3;
              ((void (*)(void))(p + k))();
            }
            munmap(p, 1 << 20);
          }
        case 4: {
          int p[2];
          if (pipe(p)) _exit(1);
          for (;;) if (write(p[1], page, 4096) != 4096 || read(p[0], page, 4096) != 4096) _exit(2);
        }
        default:
          for (;;) {
            pid_t c = vfork();
            if (c == 0) {
              execl("/proc/self/exe", "robust", "nothing", (char *)NULL);
              _exit(1);
            }
            waitpid(c, NULL, 0);
          }
      }
    }
    usleep(1000 + (i * 7919) % 40000);
    kill(pid, SIGKILL);
    int status;
    if (waitpid(pid, &status, 0) != pid) fail("waitpid");
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) by_signal++;
  }
  printf("killed %d of %d\n", by_signal, n);
}

/* a child that takes all memory there is; the parent and others live */
static void memory(void) {
  pid_t pid = fork();
  if (pid == 0) {
    size_t total = 0;
    for (;;) {
      char *p = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p == MAP_FAILED) _exit(errno == ENOMEM ? 3 : 4);
      for (size_t k = 0; k < 64 << 20; k += 4096) p[k] = 1;
      total += 64 << 20;
      if (total >= (size_t)6 << 30) _exit(5);
    }
  }
  int status;
  waitpid(pid, &status, 0);
  int ended = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  printf("memory: %s\n", ended == 3 || ended == 5 || ended == -SIGKILL ? "bounded" : "odd");
  fprintf(stderr, "ended %d\n", ended);
}

/* code that is made for ever: each round another function at the same places, called until it is hot */
static void code(int rounds) {
  enum { FUNCTIONS = 16, SIZE = 4096 };
  unsigned char *p = mmap(NULL, FUNCTIONS * SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) fail("mmap");
  unsigned sum = 0;
  for (int round = 0; round < rounds; round++) {
    for (int f = 0; f < FUNCTIONS; f++) {
      unsigned char *q = p + f * SIZE;
      unsigned times = 1000, add = round * FUNCTIONS + f;
      /* mov ecx, times; mov eax, 0; again: add eax, imm; dec ecx; jnz again; ret */
      *q++ = 0xb9; memcpy(q, &times, 4); q += 4;
      *q++ = 0xb8; memset(q, 0, 4); q += 4;
      *q++ = 0x05; memcpy(q, &add, 4); q += 4;
      *q++ = 0xff; *q++ = 0xc9;
      *q++ = 0x75; *q++ = (unsigned char)-9;
      *q++ = 0xc3;
    }
    for (int k = 0; k < 100; k++) for (int f = 0; f < FUNCTIONS; f++) sum += ((unsigned (*)(void))(p + f * SIZE))();
  }
  printf("code %d sum %u\n", rounds, sum);
}

static void *make_code(void *unused) {
  (void)unused;
  code(1000000);
  return NULL;
}

/* a child with threads that make code; a tester makes one of their workers fail once the file is there */
static void crash(const char *file) {
  for (int round = 0; round < 2; round++) {
    pid_t pid = fork();
    if (pid == 0) {
      pthread_t t;
      for (int k = 0; k < 2; k++) pthread_create(&t, NULL, make_code, NULL);
      if (round == 0) close(open(file, O_CREAT | O_WRONLY, 0644));
      if (round == 1) _exit(5);
      make_code(NULL);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("child %d ended by %d, status %d\n", round, WTERMSIG(status), WEXITSTATUS(status));
  }
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  int n = argc > 2 ? atoi(argv[2]) : 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  int rounds = argc > 3 ? atoi(argv[3]) : 1;
  for (int r = 0; r < rounds; r++) {
    if (!strcmp(what, "nothing")) return 0;
    if (!strcmp(what, "forks")) forks(n);
    else if (!strcmp(what, "live")) live(n);
    else if (!strcmp(what, "fds")) fds(n);
    else if (!strcmp(what, "threads")) threads(n);
    else if (!strcmp(what, "bomb")) bomb(n);
    else if (!strcmp(what, "kills")) kills(n);
    else if (!strcmp(what, "memory")) memory();
    else if (!strcmp(what, "code")) code(n);
    else if (!strcmp(what, "crash")) crash(getenv("CRASH_FILE"));
    else return 2;
  }
  return 0;
}
