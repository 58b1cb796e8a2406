#include "test.h"
#include <linux/futex.h>
#include <pthread.h>
/* flags: -pthread */
/* futex(2): all operations, their errors, timeouts and clocks. */
static int word, word2, *shared_word;
static long fx(int *a, int op, int val, const struct timespec *t, int *b, int v3) { return syscall(SYS_futex, a, op, val, t, b, v3); }
#define F(...) R(fx(__VA_ARGS__))
struct arg { int *a; int op, val, v3; int *b; long result; int error; volatile int tid; };
static void *waiter(void *p) { struct arg *x = p; x->tid = syscall(SYS_gettid); x->result = fx(x->a, x->op, x->val, NULL, x->b, x->v3); x->error = errno; return NULL; }
static pthread_t start(struct arg *x) { pthread_t t; x->tid = 0; pthread_create(&t, NULL, waiter, x); while (!x->tid) msleep(1); asleep(x->tid); return t; }
static void end(const char *n, pthread_t t, struct arg *x) { pthread_join(t, NULL); if (x->result < 0) say("%s: %s\n", n, ename(x->error)); else say("%s: %ld\n", n, x->result); }
static volatile int handled;
static void handler(int s) { handled++; }
static volatile int held, tried;
static void *pi_holder(void *p) { fx(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0); held = 1; for (int i = 0; i < 3000 && !(tried && word & FUTEX_WAITERS); i++) msleep(1); say("holder unlocks %s\n", word & FUTEX_WAITERS ? "with waiters" : "alone"); fx(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0); return NULL; }
int main(void) {
  struct timespec ms = { 0, 20000000 }, bad = { 0, -1 }, now; int tid = syscall(SYS_gettid);
  F(&word, FUTEX_WAIT, 1, NULL, NULL, 0); F(&word, FUTEX_WAIT, 0, &ms, NULL, 0); F(&word, FUTEX_WAIT, 0, &bad, NULL, 0); F((int *)((char *)&word + 1), FUTEX_WAIT, 0, NULL, NULL, 0); F((int *)8, FUTEX_WAIT, 0, NULL, NULL, 0); F(&word, FUTEX_WAKE, 1, NULL, NULL, 0); F((int *)((char *)&word + 1), FUTEX_WAKE, 1, NULL, NULL, 0); F(&word, 99, 0, NULL, NULL, 0); F(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0); F(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0); F(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, &ms, NULL, 0);
  clock_gettime(CLOCK_MONOTONIC, &now); F(&word, FUTEX_WAIT_BITSET, 0, &now, NULL, -1); clock_gettime(CLOCK_REALTIME, &now); now.tv_nsec += 30000000; if (now.tv_nsec >= 1000000000) { now.tv_sec++; now.tv_nsec -= 1000000000; } double t0 = now_ms(); F(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &now, NULL, -1); say("waited %d\n", now_ms() - t0 >= 15);
  struct arg x[4]; pthread_t t[4]; for (int i = 0; i < 4; i++) { x[i] = (struct arg){ &word, FUTEX_WAIT_BITSET_PRIVATE, 0, 1 << i }; t[i] = start(&x[i]); }
  F(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2); end("bit 1", t[1], &x[1]); F(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); end("first", t[0], &x[0]); F(&word, FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0); end("bit 2", t[2], &x[2]); end("bit 3", t[3], &x[3]); F(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  for (int i = 0; i < 4; i++) { x[i] = (struct arg){ &word, FUTEX_WAIT_PRIVATE, 0, 0 }; t[i] = start(&x[i]); }
  F(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, &word2, 5); F(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, &word2, 0); F(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0); F(&word2, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0); for (int i = 0; i < 4; i++) end("requeued", t[i], &x[i]);
  x[0] = (struct arg){ &word, FUTEX_WAIT_PRIVATE, 0, 0 }; t[0] = start(&x[0]); x[1] = (struct arg){ &word2, FUTEX_WAIT_PRIVATE, 0, 0 }; t[1] = start(&x[1]);
  F(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0)); say("word2 %d\n", word2); end("op", t[0], &x[0]); end("op 2", t[1], &x[1]); F(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2, FUTEX_OP(FUTEX_OP_SET | 8, 4, FUTEX_OP_CMP_GT, 5)); say("word2 %d\n", word2); F(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2, FUTEX_OP(FUTEX_OP_ANDN, 0xf, FUTEX_OP_CMP_LT, 5)); say("word2 %d\n", word2); word2 = 0;
  /* signals */
  struct sigaction a; memset(&a, 0, sizeof a); a.sa_handler = handler; sigaction(SIGUSR1, &a, NULL); x[0] = (struct arg){ &word, FUTEX_WAIT_PRIVATE, 0, 0 }; t[0] = start(&x[0]); pthread_kill(t[0], SIGUSR1); end("interrupted", t[0], &x[0]); a.sa_flags = SA_RESTART; sigaction(SIGUSR1, &a, NULL); t[0] = start(&x[0]); handled = 0; pthread_kill(t[0], SIGUSR1); while (!handled) msleep(1); asleep(x[0].tid); F(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); end("restarted", t[0], &x[0]);
  /* between processes */
  shared_word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); pid_t c = fork(); if (c == 0) { long r = syscall(SYS_futex, shared_word, FUTEX_WAIT, 0, NULL, NULL, 0); while (!((volatile int *)shared_word)[1]) msleep(1); say("child woke %ld, word %d\n", r, *shared_word); _exit(0); } F(shared_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); while (syscall(SYS_futex, shared_word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0) msleep(1); *shared_word = 7; F(shared_word, FUTEX_WAKE, 1, NULL, NULL, 0); ((volatile int *)shared_word)[1] = 1; waitpid(c, NULL, 0);
  /* priority inheritance */
  word = 0; F(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0); say("mine %d\n", word == tid); F(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0); F(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0); F(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0); say("free %d\n", word); F(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0); word = 0x3ffffff0; F(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0); word = 0; pthread_create(&t[0], NULL, pi_holder, NULL); while (!held) msleep(1); F(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0); tried = 1; F(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0); say("mine now %d\n", (word & FUTEX_TID_MASK) == tid); F(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0); pthread_join(t[0], NULL); say("free %d\n", word);
  /* vectors */
  struct futex_waitv v[2] = { { 0, (uintptr_t)&word, FUTEX_32 | FUTEX_PRIVATE_FLAG, 0 }, { 0, (uintptr_t)&word2, FUTEX_32 | FUTEX_PRIVATE_FLAG, 0 } }; word = word2 = 0; struct { long long s, n; } past = { 1, 0 }; R(syscall(449, v, 2, 0, &past, CLOCK_MONOTONIC)); v[1].val = 3; R(syscall(449, v, 2, 0, NULL, 0)); R(syscall(449, v, 0, 0, NULL, 0)); R(syscall(449, v, 2, 1, NULL, 0)); v[1].val = 0; v[1].flags = 0; R(syscall(449, v, 2, 0, NULL, 0)); v[1].flags = FUTEX_32 | FUTEX_PRIVATE_FLAG; c = 0; 
  R(syscall(SYS_set_robust_list, NULL, 5)); size_t len; void *head; R(syscall(SYS_get_robust_list, 0, &head, &len)); say("%d\n", len == 3 * sizeof(long)); R(syscall(SYS_get_robust_list, 999999, &head, &len));
  return 0;
}
