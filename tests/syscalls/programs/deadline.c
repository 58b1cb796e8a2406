#include "test.h"
#include <sched.h>
/* SCHED_DEADLINE and sched_setattr: parameters, permission, what forks. */
struct attr { unsigned size, policy; unsigned long long flags; int nice; unsigned prio; unsigned long long runtime, deadline, period; };
static long set(struct attr a) { a.size = sizeof a; return syscall(SYS_sched_setattr, 0, &a, 0); }
static void get(const char *n) { struct attr a; memset(&a, 0, sizeof a); long r = syscall(SYS_sched_getattr, 0, &a, sizeof a, 0); say("%s: %ld policy %u flags %llx nice %d prio %u %llu %llu %llu\n", n, r, a.policy, a.flags, a.nice, a.prio, a.runtime, a.deadline, a.period); }
#define S(...) show("set " #__VA_ARGS__, set((struct attr)__VA_ARGS__))
int main(void) {
  S({ .policy = 6 }); S({ .policy = 6, .runtime = 1000000, .deadline = 5000000, .period = 10000000, .prio = 1 }); S({ .policy = 6, .runtime = 100, .deadline = 5000000, .period = 10000000 }); S({ .policy = 6, .runtime = 6000000, .deadline = 5000000, .period = 10000000 }); S({ .policy = 6, .runtime = 1000000, .deadline = 20000000, .period = 10000000 }); S({ .policy = 6, .runtime = 2000, .deadline = 50000, .period = 50000 }); S({ .policy = 7 }); S({ .policy = 8 }); S({ .policy = -1 }); S({ .flags = 0x80 }); S({ .policy = 1, .prio = 100 }); S({ .policy = 0, .prio = 1 }); S({ .policy = 3, .nice = 5 }); get("batch"); S({ .policy = 0, .nice = 0 }); get("other"); struct sched_param sp = { 0 }; R(sched_setscheduler(0, 6, &sp));
  CHILD("deadline", { S({ .policy = 6, .runtime = 1000000, .deadline = 5000000, .period = 10000000 }); get("deadline"); R(sched_getscheduler(0)); R(sched_getparam(0, &sp)); say("%d\n", sp.sched_priority); pid_t c = fork(); if (!c) _exit(0); say("fork %s\n", c < 0 ? ename(errno) : "ok"); if (c > 0) wait(0); S({ .policy = 6, .flags = 1, .runtime = 1000000, .deadline = 5000000 }); get("reset on fork"); c = fork(); if (!c) { get("child"); _exit(0); } say("fork %s\n", c < 0 ? ename(errno) : "ok"); if (c > 0) wait(0); R(sched_setscheduler(0, SCHED_OTHER, &sp)); get("back"); });
  CHILD("user", { setresuid(1000, 1000, 1000); S({ .policy = 6, .runtime = 1000000, .deadline = 5000000, .period = 10000000 }); });
  for (int policy = 0; policy < 6; policy += policy ? 2 : 3) for (int nice = 0; nice < 24; nice += 6) CHILD("nice", { setpriority(PRIO_PROCESS, 0, 6); setresuid(1000, 1000, 1000); S({ .policy = policy, .nice = nice }); get("then"); S({ .policy = 0, .nice = nice }); S({ .policy = 0, .nice = nice, .flags = 16 }); S({ .policy = 0, .nice = nice, .flags = 8 }); get("at last"); R(getpriority(PRIO_PROCESS, 0)); });
  return 0;
}
