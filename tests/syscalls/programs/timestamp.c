/* flags: -pthread */
/* PR_SET_TSC: rdtsc and rdtscp as instructions that fault, thread by thread. */
#include "test.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <linux/seccomp.h>

static __thread sigjmp_buf back;
static void on_fault(int sig, siginfo_t *si, void *u) {
  (void)u;
  say("signal %d code %d addr %p\n", sig, si->si_code, si->si_addr);
  siglongjmp(back, 1);
}
static void rdtsc(const char *what) {
  unsigned lo = 0, hi;
  if (sigsetjmp(back, 1)) return;
  __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
  say("%s rdtsc\n", what);
}
static void rdtscp(const char *what) {
  unsigned lo = 0, hi, aux;
  if (sigsetjmp(back, 1)) return;
  __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
  say("%s rdtscp\n", what);
}
static void mode(void) {
  int v = -1;
  R(prctl(PR_GET_TSC, &v));
  say("mode %d\n", v);
}
static void *another(void *arg) {
  mode();
  rdtsc("another thread");
  prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
  rdtsc("another thread");
  return arg;
}
static volatile unsigned sink;
static void loop(void) {
  for (int i = 0; i < 300000; i++) {
    unsigned lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    sink += lo;
    if (i == 299000) prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
  }
  say("not reached\n");
}

int main(void) {
  struct sigaction a = { .sa_flags = SA_SIGINFO | SA_NODEFER };
  pthread_t t;
  a.sa_sigaction = on_fault;
  sigaction(SIGSEGV, &a, NULL);
  mode();
  rdtsc("at first"), rdtscp("at first");
  R(prctl(PR_SET_TSC, 3));
  R(prctl(PR_SET_TSC, 0));
  R(prctl(PR_GET_TSC, 8));
  pthread_create(&t, NULL, another, NULL);
  pthread_join(t, NULL);
  rdtsc("the first one still");
  R(prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
  mode();
  rdtsc("now"), rdtscp("now");
  CHILD("child", { mode(); rdtsc("a child"); R(prctl(PR_SET_TSC, PR_TSC_ENABLE)); rdtsc("a child"); });
  R(prctl(PR_SET_TSC, PR_TSC_ENABLE));
  rdtsc("again"), rdtscp("again");
  if (sigsetjmp(back, 1) == 0) loop();
  R(prctl(PR_SET_TSC, PR_TSC_ENABLE));
  signal(SIGSEGV, SIG_DFL);
  CHILD("strict seccomp", { prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); unsigned lo, hi; __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)); say("not reached\n"); });
  CHILD("without a handler", { prctl(PR_SET_TSC, PR_TSC_SIGSEGV); rdtsc("dead"); });
  return 0;
}
