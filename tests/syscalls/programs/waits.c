#include "test.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
/* flags: -pthread */
/* timeout: 120 */
/* Threads that wait for each other while everything happens to them: no wake-up is lost and none is counted twice. */
#define ROUNDS 1500
static long fx(volatile int *a, int op, int val, const struct timespec *t, volatile int *b, int v3) { return syscall(SYS_futex, a, op | FUTEX_PRIVATE_FLAG, val, t, b, v3); }

/* To and fro between two threads. */
struct pair { volatile int turn; volatile int rounds; volatile int tid[2]; int limit; };
static void play(struct pair *p, int me) {
  p->tid[me] = syscall(SYS_gettid);
  while (p->rounds < p->limit) {
    int now = p->turn;
    if (now == me) {
      p->rounds++;
      __atomic_store_n(&p->turn, !me, __ATOMIC_SEQ_CST);
      fx(&p->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
    } else fx(&p->turn, FUTEX_WAIT, now, NULL, NULL, 0);
  }
}
static void *player(void *arg) { play(arg, 1); return NULL; }
static void *first(void *arg) { play(arg, 0); return NULL; }
static void both(struct pair *p, pthread_t t[2]) { pthread_create(&t[0], NULL, first, p); pthread_create(&t[1], NULL, player, p); while (!p->tid[0] || !p->tid[1]) msleep(1); }
static void over(const char *name, struct pair *p, pthread_t t[2]) { pthread_join(t[0], NULL); pthread_join(t[1], NULL); say("%s: all rounds %d\n", name, p->rounds >= p->limit); }

/* Every wake that counts is one wait that ends with 0. */
static volatile int word, quit; static volatile long woken, slept;
static void *sleeper(void *limit) {
  struct timespec t = { 0, (long)limit };
  while (!quit) {
    long r = fx(&word, FUTEX_WAIT, 0, limit ? &t : NULL, NULL, 0);
    if (r == 0) __atomic_add_fetch(&slept, 1, __ATOMIC_SEQ_CST);
    else if (errno != ETIMEDOUT && errno != EINTR && errno != EAGAIN) say("wait: %s\n", ename(errno));
  }
  return NULL;
}
static void count(long r) { if (r > 0) __atomic_add_fetch(&woken, r, __ATOMIC_SEQ_CST); }
static void stop(pthread_t *t, int n) {
  quit = 1; word = 1;
  for (int i = 0; i < n; i++) { count(fx(&word, FUTEX_WAKE, 100, NULL, NULL, 0)); }
  for (int i = 0; i < n; i++) pthread_join(t[i], NULL);
}
static void counted(const char *name) { say("%s: wakes %s waits\n", name, woken == slept ? "are" : "are not"); quit = 0; word = 0; woken = slept = 0; }

static volatile int handled; static void handler(int s) { handled++; }
static void catch(int flags) { struct sigaction a; memset(&a, 0, sizeof a); a.sa_handler = handler; a.sa_flags = flags; sigaction(SIGUSR1, &a, NULL); }

static void signals(int flags, const char *name) {
  struct pair p = { .limit = ROUNDS }; pthread_t t[2];
  catch(flags); both(&p, t);
  for (int i = 0; p.rounds < p.limit; i++) pthread_kill(t[i & 1], SIGUSR1);
  over(name, &p, t);
}
static void memory(void) {
  struct pair p = { .limit = ROUNDS }; pthread_t t[2]; both(&p, t);
  while (p.rounds < p.limit) { char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); m[0] = 1; mprotect(m, 4096, PROT_READ); munmap(m, 8192); }
  over("mprotect", &p, t);
}
static void forks(void) {
  struct pair p = { .limit = ROUNDS / 5 }; pthread_t t[2]; both(&p, t);
  while (p.rounds < p.limit) { pid_t c = fork(); if (c == 0) _exit(0); waitpid(c, NULL, 0); }
  over("fork", &p, t);
}
static void looks(void) {
  struct pair p = { .limit = ROUNDS }; pthread_t t[2]; both(&p, t); char path[60], text[400]; long sum = 0;
  for (int i = 0; p.rounds < p.limit; i++) {
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", p.tid[i & 1], i & 2 ? "syscall" : "stat");
    int fd = open(path, O_RDONLY); if (fd >= 0) { sum += read(fd, text, sizeof text); close(fd); }
  }
  over("looked at", &p, t);
}
static void timeouts(void) {
  pthread_t t[4]; for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, sleeper, (void *)(i * 20000));
  for (int i = 0; i < 4 * ROUNDS; i++) count(fx(&word, FUTEX_WAKE, 1 + i % 3, NULL, NULL, 0));
  stop(t, 4); counted("timeouts");
}
static void interrupted(void) {
  catch(0); pthread_t t[4]; for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, sleeper, (void *)(i * 50000));
  for (int i = 0; i < 2 * ROUNDS; i++) { count(fx(&word, FUTEX_WAKE, 1, NULL, NULL, 0)); pthread_kill(t[i & 3], SIGUSR1); }
  stop(t, 4); counted("signals");
}
static void moved(void) {
  static volatile int other; pthread_t t[4]; for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, sleeper, (void *)(i * 100000));
  for (int i = 0; i < 2 * ROUNDS; i++) {
    long r = fx(&word, FUTEX_CMP_REQUEUE, 0, (void *)2, &other, 0); if (r > 2) say("moved %ld\n", r);
    count(fx(&other, FUTEX_WAKE, 1, NULL, NULL, 0)); count(fx(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
  }
  quit = 1; word = 1; for (int i = 0; i < 4; i++) { count(fx(&other, FUTEX_WAKE, 100, NULL, NULL, 0)); count(fx(&word, FUTEX_WAKE, 100, NULL, NULL, 0)); }
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  counted("requeued");
}
/* Who came first is woken first, whether or not somebody has looked at it meanwhile. */
static volatile int order[6], ended;
static void *queued(void *n) { static volatile int at; order[(long)n] = -(int)syscall(SYS_gettid); fx(&word, FUTEX_WAIT, 0, NULL, NULL, 0); order[(long)n] = __atomic_add_fetch(&at, 1, __ATOMIC_SEQ_CST); ended++; return NULL; }
static void in_order(void) {
  pthread_t t[6]; char path[60], text[200];
  for (long i = 0; i < 6; i++) {
    pthread_create(&t[i], NULL, queued, (void *)i); while (!order[i]) msleep(1); asleep(-order[i]);
    if (i % 2) { snprintf(path, sizeof path, "/proc/self/task/%d/syscall", -order[i]); int fd = open(path, O_RDONLY); read(fd, text, sizeof text); close(fd); }
  }
  for (int i = 0; i < 6; i++) { R(fx(&word, FUTEX_WAKE, 1, NULL, NULL, 0)); while (ended <= i) msleep(1); }
  for (int i = 0; i < 6; i++) { pthread_join(t[i], NULL); say("%d%s", order[i], i < 5 ? " " : "\n"); }
}
/* A process whose threads play is stopped, continued, traced and killed. */
static void outside(void) {
  struct pair *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  static struct pair q; int status;
  for (int i = 0; i < 12; i++) {
    p->rounds = 0; pid_t c = fork();
    if (c == 0) { pthread_t t[2]; memset(&q, 0, sizeof q); q.limit = 1 << 30; both(&q, t); p->tid[0] = q.tid[0]; for (;;) { p->rounds = q.rounds; sched_yield(); } }
    while (p->rounds < 20) msleep(1);
    if (i % 3 == 1) { kill(c, SIGSTOP); waitpid(c, &status, WUNTRACED); int r = p->rounds; kill(c, SIGCONT); while (p->rounds <= r) msleep(1); }
    if (i % 3 == 2) { int tid = p->tid[0]; R(ptrace(PTRACE_ATTACH, tid, 0, 0)); R(waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status)); int r = p->rounds; R(ptrace(PTRACE_DETACH, tid, 0, 0)); while (p->rounds <= r + 2) msleep(1); }
    kill(c, SIGKILL); waitpid(c, &status, 0); say("%d: signal %d\n", i, WTERMSIG(status));
  }
}
/* exec and exit from among threads that wait. */
static void *forever(void *arg) { int w = 0; for (;;) fx(&w, FUTEX_WAIT, 0, NULL, NULL, 0); }
static void *execer(void *how) { if (how) { execl("/bin/true", "true", NULL); _exit(9); } exit(7); }
static void ends(void) {
  for (long how = 0; how < 2; how++) for (int i = 0; i < 8; i++) {
    pid_t c = fork(); int status;
    if (c == 0) {
      pthread_t t; static struct pair q; pthread_t u[2]; memset(&q, 0, sizeof q); q.limit = 1 << 30; both(&q, u);
      for (int k = 0; k < 5; k++) pthread_create(&t, NULL, forever, NULL);
      while (q.rounds < 10) msleep(1);
      pthread_create(&t, NULL, execer, (void *)how); forever(NULL);
    }
    waitpid(c, &status, 0); show_status("end", status);
  }
}
/* Sleeping is not computing. */
static void cpu_time(void) {
  pthread_t t; struct timespec a, b; static volatile int tid; quit = 0;
  pthread_create(&t, NULL, forever, NULL);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a); msleep(300); clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
  double ms = (b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6;
  say("asleep for 300 ms: less than 150 ms of CPU time %d\n", ms < 150);
}
int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  signals(SA_RESTART, "restarted"); signals(0, "EINTR"); memory(); forks(); looks(); timeouts(); interrupted(); moved(); in_order(); outside(); ends(); cpu_time();
  return 0;
}
