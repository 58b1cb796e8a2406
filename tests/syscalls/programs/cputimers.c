/* flags: -pthread -lrt */
/* Clocks and timers of CPU time, of oneself, of threads and of other processes; deadlines from before the machine was started; intervals too
 * long for a double; overruns. */
#include "test.h"
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/timerfd.h>

#define PER_THREAD 4
static clockid_t clock_of(pid_t pid, int kind) { return (clockid_t)((~(unsigned)pid << 3) | kind); }
static long raw_nanosleep(clockid_t c, int flags, long sec, long nsec) {
  struct timespec t = { sec, nsec };
  long r = syscall(SYS_clock_nanosleep, c, flags, &t, NULL);
  return r;
}
static void spin(int ms) {
  struct timespec a, b;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
  do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
  while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < ms);
}
static pid_t spinner(void) {
  pid_t pid = fork();
  if (pid == 0) for (;;) getppid();
  return pid;
}

static void sleeping(void) {
  say("-- sleeping on CPU time\n");
  pid_t pid = spinner();
  clockid_t c = clock_of(pid, 2), own;
  okay("getcpuclockid", clock_getcpuclockid(pid, &own));
  say("the same clock: %d\n", own == c);
  struct timespec before, after;
  clock_gettime(c, &before);
  R(raw_nanosleep(c, 0, 0, 30000000));
  clock_gettime(c, &after);
  say("slept: %d\n", (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 30);
  clock_gettime(c, &before);
  before.tv_nsec += 20000000;
  if (before.tv_nsec >= 1000000000) before.tv_sec++, before.tv_nsec -= 1000000000;
  R(raw_nanosleep(c, TIMER_ABSTIME, before.tv_sec, before.tv_nsec));
  R(raw_nanosleep(c, TIMER_ABSTIME, 0, 1));
  R(raw_nanosleep(c, 0, 0, -1));
  R(raw_nanosleep(c, 0, 0, 1000000000));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  R(raw_nanosleep(c, 0, 0, 1));
  R(clock_gettime(c, &before));
  R(raw_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, 0, 1));
  R(raw_nanosleep(clock_of(0, 2 | PER_THREAD), 0, 0, 1));
  R(raw_nanosleep(clock_of(syscall(SYS_gettid), 2 | PER_THREAD), 0, 0, 1));
  R(raw_nanosleep(clock_of(0, 3), 0, 0, 1));
  R(raw_nanosleep(CLOCK_MONOTONIC_RAW, 0, 0, 1));
  R(raw_nanosleep(99, 0, 0, 1));
}

static volatile int caught, expiries, value;
static void note(int s, siginfo_t *i, void *u) { caught++; expiries += 1 + i->si_overrun; value = i->si_value.sival_int; }
static timer_t make(clockid_t c, int signo, int v) {
  timer_t id;
  struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signo, .sigev_value.sival_int = v };
  if (timer_create(c, &e, &id)) { say("timer_create: %s\n", ename(errno)); return 0; }
  return id;
}
static void set(timer_t id, int flags, long sec, long nsec, long isec, long insec) {
  struct itimerspec s = { { isec, insec }, { sec, nsec } };
  R(timer_settime(id, flags, &s, NULL));
}

static volatile int ready;
static int gate[2];
static void asleep_thread(pid_t tid) {
  char path[60];
  sprintf(path, "/proc/self/task/%d/stat", tid);
  asleep_at(path);
}
static void *idle(void *p) {
  *(pid_t *)p = syscall(SYS_gettid);
  ready = 1;
  char c;
  read(gate[0], &c, 1);
  return NULL;
}

static void firing(void) {
  say("-- timers on CPU time\n");
  struct sigaction a = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };
  sigaction(SIGRTMIN, &a, NULL);
  pid_t pid = spinner();
  timer_t id = make(clock_of(pid, 2), SIGRTMIN, 5);
  set(id, 0, 0, 20000000, 0, 0);
  for (int i = 0; i < 400 && !caught; i++) usleep(5000);
  say("of another process: caught %d, value %d\n", caught, value);
  R(timer_delete(id));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);

  pthread_t th;
  pid_t tid;
  pipe(gate);
  pthread_create(&th, NULL, idle, &tid);
  while (!ready) usleep(1000);
  asleep_thread(tid);
  clockid_t c;
  pthread_getcpuclockid(th, &c);
  timer_t sleeper = make(c, SIGRTMIN, 6), spinning = make(CLOCK_THREAD_CPUTIME_ID, SIGRTMIN, 7);
  caught = value = 0;
  set(sleeper, 0, 0, 400000000, 0, 0);
  set(spinning, 0, 0, 30000000, 0, 0);
  spin(60);
  say("of this thread: caught %d, value %d\n", caught, value);
  struct itimerspec left;
  R(timer_gettime(spinning, &left));
  say("over: %ld.%ld\n", (long)left.it_value.tv_sec, (long)left.it_value.tv_nsec);
  R(timer_gettime(sleeper, &left));
  say("runs: %d\n", left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 400000000);
  close(gate[1]);
  pthread_join(th, NULL);
  for (int i = 0; i < 100 && (syscall(SYS_tgkill, getpid(), tid, 0) == 0); i++) usleep(1000);
  struct itimerspec again = { { 0, 0 }, { 1, 0 } };
  R(timer_settime(sleeper, 0, &again, NULL));
  R(timer_delete(sleeper));
  R(timer_delete(spinning));

  caught = expiries = 0;
  id = make(CLOCK_PROCESS_CPUTIME_ID, SIGRTMIN, 8);
  set(id, 0, 0, 10000000, 0, 10000000);
  spin(120);
  set(id, 0, 0, 0, 0, 0);
  say("again and again: %d\n", expiries >= 4);
  int before = caught;
  spin(40);
  say("and no more: %d\n", caught == before);
  set(id, TIMER_ABSTIME, 0, 1, 0, 0);
  spin(20);
  say("long ago: %d\n", caught - before);
  R(timer_delete(id));
}

static void overrun(void) {
  say("-- overruns\n");
  sigset_t s;
  sigemptyset(&s);
  sigaddset(&s, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &s, NULL);
  timer_t id = make(CLOCK_MONOTONIC, SIGRTMIN + 1, 9);
  set(id, 0, 0, 1000000, 0, 1000000);
  msleep(60);
  siginfo_t i;
  R(sigwaitinfo(&s, &i) == SIGRTMIN + 1);
  say("code %d value %d overruns %d\n", i.si_code, i.si_value.sival_int, i.si_overrun >= 40 && i.si_overrun < 5000);
  say("the same: %d\n", timer_getoverrun(id) == i.si_overrun);
  R(timer_delete(id));
}

static void intervals(void) {
  say("-- long intervals\n");
  const long secs[] = { 1, 9007199, 9007200, 104249991, 2147483647 };
  timer_t id = make(CLOCK_MONOTONIC, SIGRTMIN, 0), cpu = make(CLOCK_PROCESS_CPUTIME_ID, SIGRTMIN, 0);
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  for (int k = 0; k < 5; k++) {
    struct itimerspec s = { { secs[k], 999999999 - k }, { 1000000, 1 } }, now;
    timer_settime(id, 0, &s, NULL), timer_gettime(id, &now);
    say("timer: %ld.%09ld\n", (long)now.it_interval.tv_sec, now.it_interval.tv_nsec);
    timer_settime(cpu, 0, &s, NULL), timer_gettime(cpu, &now);
    say("cpu: %ld.%09ld\n", (long)now.it_interval.tv_sec, now.it_interval.tv_nsec);
    timerfd_settime(fd, 0, &s, NULL), timerfd_gettime(fd, &now);
    say("timerfd: %ld.%09ld\n", (long)now.it_interval.tv_sec, now.it_interval.tv_nsec);
    for (int which = 0; which < 3; which++) {
      struct itimerval v = { { secs[k], 999999 - k }, { 1000000, 1 } }, got;
      setitimer(which, &v, NULL), getitimer(which, &got);
      say("itimer %d: %ld.%06ld, %d\n", which, (long)got.it_interval.tv_sec, (long)got.it_interval.tv_usec, got.it_value.tv_sec <= 1000000);
      v.it_value.tv_sec = v.it_value.tv_usec = 0;
      setitimer(which, &v, NULL), getitimer(which, &got);
      say("off: %ld.%06ld\n", (long)got.it_interval.tv_sec, (long)got.it_interval.tv_usec);
    }
  }
  struct itimerval v = { { 0, 0 }, { 50, 0 } }, got;
  setitimer(ITIMER_REAL, &v, NULL), getitimer(ITIMER_REAL, &got);
  say("less is left: %ld\n", (long)got.it_value.tv_sec);
  alarm(0);
}

static void long_ago(void) {
  say("-- deadlines of long ago\n");
  const long secs[] = { 0, 1, 1000000000 };
  for (int k = 0; k < 3; k++) {
    struct timespec at = { secs[k], 5 };
    unsigned word = 1;
    R(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &at, NULL, -1));
    R(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 1, &at, NULL, -1));
    R(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 2, &at, NULL, -1));
    unsigned other = 0;
    R(syscall(SYS_futex, &word, FUTEX_WAIT_REQUEUE_PI_PRIVATE | FUTEX_CLOCK_REALTIME, 1, &at, &other, 0));
    struct { uint64_t val, uaddr; uint32_t flags, reserved; } v = { 1, (uintptr_t)&word, 2 | FUTEX_PRIVATE_FLAG, 0 };
    struct { int64_t s, n; } at64 = { secs[k], 5 };
    R(syscall(449, &v, 1, 0, &at64, CLOCK_REALTIME));
    sem_t sem;
    sem_init(&sem, 0, 0);
    R(sem_timedwait(&sem, &at));
    if (k < 2) R(sem_clockwait(&sem, CLOCK_MONOTONIC, &at));
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER, pi;
    pthread_mutex_lock(&m);
    say("mutex: %s\n", ename(pthread_mutex_timedlock(&m, &at)));
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    say("cond: %s\n", ename(pthread_cond_timedwait(&cond, &m, &at)));
    pthread_mutex_unlock(&m);
    pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
    pthread_rwlock_rdlock(&rw);
    say("rwlock: %s\n", ename(pthread_rwlock_timedwrlock(&rw, &at)));
    R(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL));
    struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
    char name[40];
    sprintf(name, "/tuxtest-ago-%d", getpid());
    mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &attr);
    mq_unlink(name);
    char b[8];
    R(mq_timedreceive(q, b, 8, NULL, &at));
    mq_close(q);
    int fd = timerfd_create(CLOCK_REALTIME, 0);
    struct itimerspec s = { { 0, 0 }, at };
    R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &s, NULL));
    uint64_t n = 0;
    R(read(fd, &n, 8));
    say("ticks %d\n", (int)n);
    close(fd);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    timer_t id = make(CLOCK_REALTIME, SIGRTMIN + 2, 1);
    R(timer_settime(id, TIMER_ABSTIME, &s, NULL));
    struct timespec soon = { 2, 0 };
    R(sigtimedwait(&set, NULL, &soon) == SIGRTMIN + 2);
    timer_delete(id);
  }
}

static void cpus(void) {
  say("-- the processor\n");
  cpu_set_t all, one;
  sched_getaffinity(0, sizeof all, &all);
  for (int c = 0; c < 2; c++) {
    if (!CPU_ISSET(c, &all)) { say("cpu %d\ncpu %d in a child\n", c, c); continue; }
    CPU_ZERO(&one);
    CPU_SET(c, &one);
    sched_setaffinity(0, sizeof one, &one);
    unsigned cpu = 99, node = 99;
    syscall(SYS_getcpu, &cpu, &node, NULL);
    say("cpu %u %d\n", cpu, sched_getcpu() == (int)cpu);
    pid_t pid = fork();
    if (pid == 0) {
      say("cpu %d in a child\n", sched_getcpu());
      _exit(0);
    }
    waitpid(pid, NULL, 0);
  }
  sched_setaffinity(0, sizeof all, &all);
}

int main(void) {
  sleeping();
  firing();
  overrun();
  intervals();
  long_ago();
  cpus();
  return 0;
}
