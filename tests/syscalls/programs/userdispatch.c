/* PR_SET_SYSCALL_USER_DISPATCH: calls that go to a handler of SIGSYS. */
/* flags: -pthread */
#include "test.h"
#include <pthread.h>
#include <sys/prctl.h>
#include <ucontext.h>
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define set(mode, start, length, selector) prctl(PR_SET_SYSCALL_USER_DISPATCH, (unsigned long)(mode), (unsigned long)(start), (unsigned long)(length), (unsigned long)(selector))

static volatile unsigned char gate;
static volatile int count, number, code, sysno, arch_ok, place_ok;
static void on(int sig, siginfo_t *i, void *u) {
  gate = 0;
  ucontext_t *c = u;
  count++;
  code = i->si_code;
  sysno = i->si_syscall;
#ifdef __x86_64__
  number = c->uc_mcontext.gregs[REG_RAX];
  arch_ok = i->si_arch == 0xc000003e;
  place_ok = (long)i->si_call_addr == c->uc_mcontext.gregs[REG_RIP];
  c->uc_mcontext.gregs[REG_RAX] = 1234;
#else
  number = c->uc_mcontext.gregs[REG_EAX];
  arch_ok = i->si_arch == 0x40000003;
  place_ok = (long)i->si_call_addr == c->uc_mcontext.gregs[REG_EIP];
  c->uc_mcontext.gregs[REG_EAX] = 1234;
#endif
}
static long raw(long n) {
  long r;
#ifdef __x86_64__
  __asm__ volatile("syscall" : "=a"(r) : "a"(n) : "rcx", "r11", "memory");
#else
  __asm__ volatile("int $0x80" : "=a"(r) : "a"(n) : "memory");
#endif
  return r;
}
static void tell(const char *what, long r) {
  say("%s: %ld, handled %d: number %d syscall %d code %d arch %d place %d gate %d\n", what, r, count, number == sysno && count, sysno == SYS_getppid, code, arch_ok, place_ok, gate);
  count = 0;
}
static void *thread(void *x) {
  gate = 1;
  long r = raw(SYS_getppid);
  gate = 0;
  say("thread %d handled %d\n", r == getppid(), count);
  return NULL;
}
static void part(int how) {
  gate = 0;
  switch (how) {
    case 0: gate = 1; raw(SYS_getppid); gate = 0; break;
    case 1: signal(SIGSYS, SIG_IGN); gate = 1; raw(SYS_getppid); break;
    case 2: gate = 7; raw(SYS_getppid); break;
    case 3: set(1, 0, 0, 8); raw(SYS_getppid); break;
    case 4: signal(SIGSYS, SIG_DFL); gate = 1; raw(SYS_getppid); break;
  }
  _exit(0);
}

int main(void) {
  struct sigaction sa = { .sa_sigaction = on, .sa_flags = SA_SIGINFO };
  sigaction(SIGSYS, &sa, NULL);
  R(set(0, 0, 0, 0));
  R(set(0, 1, 0, 0));
  R(set(0, 0, 1, 0));
  R(set(0, 0, 0, &gate));
  R(set(9, 0, 0, 0));
  R(set(-1, 0, 0, 0));
  R(set(1, 1, 0, &gate));
  R(set(1, 4096, -1, &gate));
  R(set(1, 4096, -4096, &gate));
  R(set(1, 0, -1, &gate));
  if (sizeof(long) == 8) R(set(1, 0, 0, -1));
  R(set(1, 0, 0, &gate));
  long r;
  tell("open", raw(SYS_getppid) == getppid());
  gate = 1;
  r = raw(SYS_getppid);
  tell("shut", r);
  gate = 1;
  r = raw(SYS_getppid);
  tell("shut", r);
  gate = 1;
  r = raw(99999);
  tell("unknown", r);
  struct timespec ts;
  gate = 1;
  r = syscall(SYS_clock_gettime, 0, &ts);
  gate = 0;
  tell("time", r);
  gate = 1;
  r = getpid();
  gate = 0;
  say("getpid %ld handled %d\n", r, count);
  count = 0;
  for (int how = 0; how < 5; how++) {
    /* children are without it, unless they ask for it */
    pid_t p = fork();
    if (p == 0) {
      if (how > 0) set(1, 0, 0, &gate);
      part(how);
    }
    int s;
    waitpid(p, &s, 0);
    say("child %d ended %x\n", how, s);
  }
  pthread_t th;
  pthread_create(&th, NULL, thread, NULL);
  pthread_join(th, NULL);
  R(set(1, (long)&raw & -4096, 8192, 0) == 0);
  tell("own code", raw(SYS_getppid) == getppid());
  return 0;
}
