#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <linux/futex.h>
/* flags: -pthread */
/* timeout: 120 */
/* Threads under load: every pthread primitive with several threads at once, 500 threads, atomic instructions in all places (unaligned,
 * over the ends of lines and pages), processes that end or exec while their threads run. Only what does not depend on timing is printed. */

#define N 4
static pthread_t th[512];

static void together(void *(*run)(void *), int n) {
  for (long i = 0; i < n; i++) {
    int e = pthread_create(&th[i], NULL, run, (void *)i);
    if (e) { say("create %s\n", ename(e)); exit(1); }
  }
}
static long join_all(int n) {
  long sum = 0;
  for (int i = 0; i < n; i++) {
    void *r;
    pthread_join(th[i], &r);
    sum += (long)r;
  }
  return sum;
}

/* ---- mutexes of every kind ---- */
static pthread_mutex_t mu;
static long plain;
static void *lock_add(void *a) {
  for (int i = 0; i < 5000; i++) {
    pthread_mutex_lock(&mu);
    plain = plain + 1;
    if (i % 500 == 0) sched_yield();
    pthread_mutex_unlock(&mu);
  }
  return NULL;
}
static void *try_add(void *a) {
  for (int i = 0; i < 1000;) {
    if (pthread_mutex_trylock(&mu) != 0) { sched_yield(); continue; }
    plain = plain + 1;
    i++;
    pthread_mutex_unlock(&mu);
  }
  return NULL;
}
static void *timed_add(void *a) {
  for (int i = 0; i < 1000;) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += 30;
    int e = pthread_mutex_timedlock(&mu, &ts);
    if (e) { say("timedlock %s\n", ename(e)); return NULL; }
    plain = plain + 1;
    i++;
    pthread_mutex_unlock(&mu);
  }
  return NULL;
}
static void mutexes(void) {
  static const struct { const char *name; int type, protocol, robust, shared; } kinds[] = {
    { "normal", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 0, 0 }, { "recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, 0, 0 },
    { "errorcheck", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, 0, 0 }, { "adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE, 0, 0 },
    { "robust", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 1, 0 }, { "pi", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 0, 0 },
    { "robust pi", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 1, 0 }, { "shared", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 0, 1 },
    { "shared robust pi", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 1, 1 },
  };
  for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    pthread_mutexattr_t at;
    pthread_mutexattr_init(&at);
    pthread_mutexattr_settype(&at, kinds[k].type);
    pthread_mutexattr_setprotocol(&at, kinds[k].protocol);
    pthread_mutexattr_setrobust(&at, kinds[k].robust);
    pthread_mutexattr_setpshared(&at, kinds[k].shared);
    pthread_mutex_init(&mu, &at);
    plain = 0;
    together(lock_add, N);
    join_all(N);
    together(try_add, 2);
    join_all(2);
    together(timed_add, N);
    join_all(N);
    say("mutex %s: %ld, destroy %s\n", kinds[k].name, plain, ename(pthread_mutex_destroy(&mu)));
  }
}

/* ---- owners that die ---- */
static pthread_mutex_t dead[3];
static void *die_holding(void *a) {
  for (int i = 0; i < 3; i++) pthread_mutex_lock(&dead[i]);
  if ((long)a == 1) pthread_exit(NULL);
  return NULL;
}
static void *wait_for_dead(void *a) {
  int e = pthread_mutex_lock(&dead[(long)a]);
  if (e == EOWNERDEAD) pthread_mutex_consistent(&dead[(long)a]);
  pthread_mutex_unlock(&dead[(long)a]);
  return (void *)(long)e;
}
static void owners_die(int protocol) {
  pthread_mutexattr_t at;
  pthread_mutexattr_init(&at);
  pthread_mutexattr_setrobust(&at, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setprotocol(&at, protocol);
  for (int i = 0; i < 3; i++) pthread_mutex_init(&dead[i], &at);
  pthread_t holder;
  pthread_create(&holder, NULL, die_holding, (void *)1);
  pthread_join(holder, NULL);
  for (int i = 0; i < 3; i++) {
    void *r;
    pthread_create(&th[i], NULL, wait_for_dead, (void *)(long)i);
    pthread_join(th[i], &r);
    say("dead owner, protocol %d: %s", protocol, ename((long)r));
    say(", then %s\n", ename(pthread_mutex_lock(&dead[i])));
    pthread_mutex_unlock(&dead[i]);
  }
  /* Not made consistent: nobody gets it again. */
  pthread_create(&holder, NULL, die_holding, (void *)0);
  pthread_join(holder, NULL);
  say("lock %s", ename(pthread_mutex_lock(&dead[0])));
  pthread_mutex_unlock(&dead[0]);
  say(", again %s\n", ename(pthread_mutex_lock(&dead[0])));
}
/* The owner is a process that is killed. */
static void owner_process_dies(void) {
  pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int protocol = 0; protocol < 2; protocol++) {
    pthread_mutexattr_t at;
    pthread_mutexattr_init(&at);
    pthread_mutexattr_setrobust(&at, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&at, 1);
    pthread_mutexattr_setprotocol(&at, protocol);
    pthread_mutex_init(m, &at);
    int p[2];
    pipe(p);
    pid_t c = fork();
    if (c == 0) {
      pthread_mutex_lock(m);
      write(p[1], "x", 1);
      for (;;) pause();
    }
    char b;
    read(p[0], &b, 1);
    say("busy %s", ename(pthread_mutex_trylock(m)));
    kill(c, SIGKILL);
    say(", killed %s", ename(pthread_mutex_lock(m)));
    pthread_mutex_consistent(m);
    say(", unlock %s\n", ename(pthread_mutex_unlock(m)));
    waitpid(c, NULL, 0);
  }
}

/* ---- condition variables: a bounded queue ---- */
static pthread_mutex_t qm = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static long queue[8];
static int head, tail;
static void *produce(void *a) {
  for (long i = 1; i <= 2000; i++) {
    pthread_mutex_lock(&qm);
    while (head - tail == 8) pthread_cond_wait(&not_full, &qm);
    queue[head++ % 8] = i;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&qm);
  }
  return NULL;
}
static void *consume(void *a) {
  long sum = 0;
  for (int i = 0; i < 2000; i++) {
    pthread_mutex_lock(&qm);
    while (head == tail) pthread_cond_wait(&not_empty, &qm);
    sum += queue[tail++ % 8];
    pthread_cond_broadcast(&not_full);
    pthread_mutex_unlock(&qm);
  }
  return (void *)sum;
}
static void *produce_or_consume(void *a) { return ((long)a & 1) != 0 ? produce(a) : consume(a); }

/* A condition with a PI mutex (requeue to PI is what old libraries did; the calls exist). */
static pthread_mutex_t pim;
static pthread_cond_t pic;
static int pin, pigo;
static void *pi_wait(void *a) {
  pthread_mutex_lock(&pim);
  pin++;
  while (!pigo) pthread_cond_wait(&pic, &pim);
  pin--;
  pthread_mutex_unlock(&pim);
  return (void *)1;
}

/* ---- barriers, rwlocks, semaphores, spin locks, once ---- */
static pthread_barrier_t bar;
static int phase[N];
static void *barriers(void *a) {
  long me = (long)a, serial = 0, wrong = 0;
  for (int i = 0; i < 300; i++) {
    phase[me] = i;
    if (pthread_barrier_wait(&bar) == PTHREAD_BARRIER_SERIAL_THREAD) serial++;
    for (int k = 0; k < N; k++) if (phase[k] != i) wrong++;
    pthread_barrier_wait(&bar);
  }
  return (void *)(serial + wrong * 100000);
}
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static volatile long left, right;
static void *read_or_write(void *a) {
  long wrong = 0;
  for (int i = 0; i < 1500; i++) {
    if ((i + (long)a) % 5 == 0) {
      pthread_rwlock_wrlock(&rw);
      left++;
      if (i % 100 == 0) sched_yield();
      right++;
      pthread_rwlock_unlock(&rw);
    } else {
      pthread_rwlock_rdlock(&rw);
      if (left != right) wrong++;
      pthread_rwlock_unlock(&rw);
    }
  }
  return (void *)wrong;
}
static sem_t sem, sem_back;
static void *ping(void *a) {
  for (int i = 0; i < 2000; i++) { sem_wait(&sem); sem_post(&sem_back); }
  return NULL;
}
static pthread_spinlock_t spin;
static void *spin_add(void *a) {
  for (int i = 0; i < 3000; i++) { pthread_spin_lock(&spin); plain = plain + 1; pthread_spin_unlock(&spin); }
  return NULL;
}
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_count;
static void once_only(void) { msleep(20); once_count++; }
static void *do_once(void *a) { pthread_once(&once, once_only); return (void *)(long)once_count; }

/* ---- thread-specific data, thread-local storage ---- */
static pthread_key_t key, key2;
static int destroyed, rounds;
static void destroy(void *v) { __atomic_fetch_add(&destroyed, 1, __ATOMIC_SEQ_CST); free(v); }
static void destroy_again(void *v) {
  __atomic_fetch_add(&rounds, 1, __ATOMIC_SEQ_CST);
  if ((long)v > 1) pthread_setspecific(key2, (void *)((long)v - 1));
}
static __thread long tls_zero, tls_set = 77;
static __thread char tls_big[5000];
static void *storage(void *a) {
  pthread_setspecific(key, malloc(10));
  pthread_setspecific(key2, (void *)3);
  long ok = tls_zero == 0 && tls_set == 77;
  for (unsigned i = 0; i < sizeof tls_big; i++) if (tls_big[i]) ok = 0;
  memset(tls_big, (int)(long)a + 1, sizeof tls_big);
  tls_zero = tls_set = (long)a;
  sched_yield();
  for (unsigned i = 0; i < sizeof tls_big; i++) if (tls_big[i] != (char)((long)a + 1)) ok = 0;
  return (void *)(long)(ok && tls_zero == (long)a && tls_set == (long)a);
}

/* ---- cancellation ---- */
static int cleaned;
static void clean(void *a) { __atomic_fetch_add(&cleaned, 1, __ATOMIC_SEQ_CST); }
static int never[2];
static void *cancel_me(void *a) {
  char b;
  sem_t s;
  sem_init(&s, 0, 0);
  pthread_cleanup_push(clean, NULL);
  switch ((long)a) {
    case 0: for (;;) pause();
    case 1: for (;;) sleep(100);
    case 2: for (;;) read(never[0], &b, 1);
    case 3: for (;;) sem_wait(&s);
    case 4: pthread_mutex_lock(&qm); pthread_cleanup_push((void (*)(void *))pthread_mutex_unlock, &qm); for (;;) pthread_cond_wait(&not_full, &qm); pthread_cleanup_pop(1);
    case 5: { struct pollfd p = { never[0], POLLIN }; for (;;) poll(&p, 1, -1); }
    case 6: for (;;) pthread_testcancel();
    case 7: pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL); for (;;);
    case 8: pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL); msleep(30); pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL); for (;;) pthread_testcancel();
    case 9: for (;;) waitpid(-1, NULL, 0) < 0 && usleep(1000);
  }
  pthread_cleanup_pop(0);
  return NULL;
}

/* ---- atomics ---- */
static char *arena;
#define LOOPS 20000
static unsigned long long *volatile spot8;
static unsigned *volatile spot4;
static unsigned short *volatile spot2;
static void *locked_ops(void *a) {
  for (int i = 0; i < LOOPS; i++) {
    __asm__ volatile("lock addl $3, %0" : "+m"(*spot4));
    __asm__ volatile("lock incw %0" : "+m"(*spot2));
    unsigned v = 5;
    __asm__ volatile("lock xaddl %0, %1" : "+r"(v), "+m"(*spot4));
    unsigned old = *spot4;
    while (!__sync_bool_compare_and_swap(spot4, old, old + 1)) old = *spot4;
#ifdef __x86_64__
    __asm__ volatile("lock addq $7, %0" : "+m"(*spot8));
#else
    unsigned long long o = *spot8;
    for (;;) {
      unsigned long long n = o + 7, was;
      __asm__ volatile("lock cmpxchg8b %1" : "=A"(was), "+m"(*spot8) : "0"(o), "b"((unsigned)n), "c"((unsigned)(n >> 32)));
      if (was == o) break;
      o = was;
    }
#endif
  }
  return NULL;
}
static void *bits(void *a) {
  long n = 0;
  for (int i = 0; i < 4096; i++) {
    unsigned char was;
    __asm__ volatile("lock btsl %2, %1; setc %0" : "=q"(was), "+m"(*(unsigned (*)[128])(arena + 64)) : "r"(i));
    n += !was;
  }
  return (void *)n;
}
static void *swaps(void *a) {
  /* A token travels by xchg: nobody may see it twice, it may not be lost. */
  long have = 0, got = 0;
  for (int i = 0; i < LOOPS; i++) {
    unsigned v = have;
    __asm__ volatile("xchgl %0, %1" : "+r"(v), "+m"(*spot4));
    if (v && !have) got++;
    have = v;
  }
  return (void *)have;
}
#ifdef __x86_64__
static void *wide(void *a) {
  unsigned long *at = (unsigned long *)(arena + 3072);
  for (int i = 0; i < LOOPS; i++) {
    unsigned long lo = at[0], hi = at[1];
    for (;;) {
      unsigned char ok;
      __asm__ volatile("lock cmpxchg16b %1; setz %0" : "=q"(ok), "+m"(*(char (*)[16])at), "+a"(lo), "+d"(hi) : "b"(lo + 1), "c"(hi - 1));
      if (ok) break;
    }
  }
  return NULL;
}
#endif
static void atomics(void) {
  arena = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  static const int offsets[] = { 512, 513, 515, 512 + 62, 512 + 61, 4096 - 2, 4096 - 1, 8192 - 3 };
  for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++) {
    memset(arena, 0, 3 * 4096);
    spot4 = (unsigned *)(arena + offsets[i]);
    spot2 = (unsigned short *)(arena + (offsets[i] == 4094 ? 8191 : 1024 + (offsets[i] & 63)));
    spot8 = (unsigned long long *)(arena + (offsets[i] < 4000 ? 2048 : 4096) + offsets[i]);
    if (offsets[i] > 8000) spot8 = (unsigned long long *)(arena + 4096 - 5);
    together(locked_ops, N);
    join_all(N);
    say("at %d: %u %u %llu\n", offsets[i], *spot4, *spot2, *spot8);
    *spot4 = 1;
    together(swaps, N);
    long held = join_all(N);
    say("tokens %ld\n", held + *spot4);
  }
  memset(arena, 0, 4096);
  together(bits, N);
  say("bits set %ld\n", join_all(N));
#ifdef __x86_64__
  together(wide, N);
  join_all(N);
  say("16 bytes: %lu %ld\n", *(unsigned long *)(arena + 3072), *(long *)(arena + 3080));
#else
  say("16 bytes: %d %d\n", N * LOOPS, -N * LOOPS);
#endif
}

/* Store buffers: two threads that each publish and then look must not both miss (a full fence is one). */
static volatile int xs, ys, r1, r2;
static void *fence(void *a) {
  long both = 0;
  for (int i = 0; i < 500; i++) {
    pthread_barrier_wait(&bar);
    if (a == 0) { xs = 1; __sync_synchronize(); r1 = ys; } else { ys = 1; __sync_synchronize(); r2 = xs; }
    pthread_barrier_wait(&bar);
    if (a == 0) { if (!r1 && !r2) both++; xs = ys = 0; }
    pthread_barrier_wait(&bar);
  }
  return (void *)both;
}

/* ---- many ---- */
static sem_t gate;
static int arrived;
static void *one_of_many(void *a) {
  __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
  sem_wait(&gate);
  sem_post(&gate);
  return (void *)1;
}

/* ---- ends ---- */
static void *spinner(void *a) { for (;;) __asm__ volatile("" ::: "memory"); }
static void *sleeper(void *a) { for (;;) pause(); }
static void *mapper(void *a) {
  for (;;) {
    char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED) { p[100] = 1; munmap(p, 65536); }
  }
}
static void *creator(void *a) {
  for (;;) {
    pthread_t t;
    if (pthread_create(&t, NULL, one_of_many, NULL) == 0) { sem_post(&gate); pthread_join(t, NULL); }
  }
}
static void crowd(void) {
  pthread_t t;
  pthread_create(&t, NULL, spinner, NULL);
  pthread_create(&t, NULL, sleeper, NULL);
  pthread_create(&t, NULL, mapper, NULL);
  pthread_create(&t, NULL, creator, NULL);
  msleep(30);
}
static void *exits(void *a) { exit(7); }
static void *execs(void *a) { execl("/bin/echo", "echo", "from a thread", NULL); return NULL; }
static void *kills(void *a) { raise(SIGTERM); return NULL; }
static void *faults(void *a) { *(volatile int *)16 = 1; return NULL; }
static void *forks(void *a) {
  long good = 0;
  for (int i = 0; i < 5; i++) {
    pid_t c = fork();
    if (c == 0) _exit(i + (int)(long)a);
    int st;
    if (waitpid(c, &st, 0) == c && WEXITSTATUS(st) == i + (int)(long)a) good++;
  }
  return (void *)good;
}
static void ends(void) {
  static void *(*const how[])(void *) = { exits, execs, kills, faults };
  static const char *const name[] = { "exit", "exec", "signal", "fault" };
  for (int i = 0; i < 4; i++) {
    pid_t c = fork();
    if (c == 0) {
      struct rlimit none = { 0, 0 };
      setrlimit(RLIMIT_CORE, &none);
      sem_init(&gate, 0, 0);
      crowd();
      pthread_t t;
      pthread_create(&t, NULL, how[i], NULL);
      for (;;) pause();
    }
    int st;
    waitpid(c, &st, 0);
    show_status(name[i], st);
  }
  CHILD("exec by the first", { sem_init(&gate, 0, 0); crowd(); execl("/bin/echo", "echo", "from the first", NULL); });
  CHILD("killed", { sem_init(&gate, 0, 0); crowd(); kill(getpid(), SIGKILL); });
  CHILD("first thread leaves", { sem_init(&gate, 0, 1); pthread_create(&th[0], NULL, one_of_many, NULL); pthread_create(&th[1], NULL, exits, NULL); pthread_exit(NULL); });
}

int main(void) {
  mutexes();
  owners_die(PTHREAD_PRIO_NONE);
  owners_die(PTHREAD_PRIO_INHERIT);
  owner_process_dies();
  together(produce_or_consume, 6);
  say("queue sum %ld\n", join_all(6));
  pthread_mutexattr_t at;
  pthread_mutexattr_init(&at);
  pthread_mutexattr_setprotocol(&at, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(&pim, &at);
  pthread_cond_init(&pic, NULL);
  together(pi_wait, 6);
  for (int in = 0; in < 6;) { pthread_mutex_lock(&pim); in = pin; pthread_mutex_unlock(&pim); sched_yield(); }
  pthread_mutex_lock(&pim);
  pigo = 1;
  pthread_cond_broadcast(&pic);
  pthread_mutex_unlock(&pim);
  say("pi condition %ld\n", join_all(6));
  pthread_barrier_init(&bar, NULL, N);
  together(barriers, N);
  say("barrier serials %ld\n", join_all(N));
  together(read_or_write, N);
  long wrong = join_all(N);
  say("rwlock wrong %ld, left %ld right %ld\n", wrong, left, right);
  sem_init(&sem, 0, 0);
  sem_init(&sem_back, 0, 0);
  together(ping, 1);
  for (int i = 0; i < 2000; i++) { sem_post(&sem); sem_wait(&sem_back); }
  join_all(1);
  int v;
  sem_getvalue(&sem, &v);
  say("semaphore %d\n", v);
  pthread_spin_init(&spin, 0);
  plain = 0;
  together(spin_add, 2);
  join_all(2);
  say("spin %ld\n", plain);
  together(do_once, 8);
  say("once %ld\n", join_all(8));
  pthread_key_create(&key, destroy);
  pthread_key_create(&key2, destroy_again);
  together(storage, 32);
  long ok = join_all(32);
  say("storage ok %ld, destroyed %d, rounds %d\n", ok, destroyed, rounds);
  pipe(never);
  together(cancel_me, 10);
  msleep(50);
  for (int i = 0; i < 10; i++) pthread_cancel(th[i]);
  int cancelled = 0;
  for (int i = 0; i < 10; i++) { void *r; pthread_join(th[i], &r); cancelled += r == PTHREAD_CANCELED; }
  say("cancelled %d, cleaned %d\n", cancelled, cleaned);
  atomics();
  pthread_barrier_destroy(&bar);
  pthread_barrier_init(&bar, NULL, 2);
  together(fence, 2);
  say("both missed %ld\n", join_all(2));
  sem_init(&gate, 0, 0);
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 65536);
  int made = 0;
  for (int i = 0; i < 500; i++) if (pthread_create(&th[i], &attr, one_of_many, NULL) == 0) made++;
  while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < made) msleep(5);
  sem_post(&gate);
  long back = join_all(made);
  say("threads made %d, back %ld\n", made, back);
  together(forks, N);
  say("forks in threads %ld\n", join_all(N));
  ends();
  return 0;
}
