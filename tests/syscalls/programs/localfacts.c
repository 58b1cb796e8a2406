#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
/* flags: -pthread */
/* Facts about the caller that others change: parents that end, ids of one thread and of all, ids in user namespaces; and CPU clocks. */
#ifdef __i386__
enum { UID32 = SYS_getuid32, EUID32 = SYS_geteuid32, GID32 = SYS_getgid32, EGID32 = SYS_getegid32, SETRES = SYS_setresuid32 };
static void short_ids(void) { say("short %ld %ld %ld %ld\n", syscall(SYS_getuid), syscall(SYS_geteuid), syscall(SYS_getgid), syscall(SYS_getegid)); }
#else
enum { UID32 = SYS_getuid, EUID32 = SYS_geteuid, GID32 = SYS_getgid, EGID32 = SYS_getegid, SETRES = SYS_setresuid };
static void short_ids(void) { long n[] = { syscall(UID32), syscall(EUID32), syscall(GID32), syscall(EGID32) }; say("short %ld %ld %ld %ld\n", n[0] > 65535 ? 65534 : n[0], n[1] > 65535 ? 65534 : n[1], n[2] > 65535 ? 65534 : n[2], n[3] > 65535 ? 65534 : n[3]); }
#endif
static void ids(const char *who) { say("%s: %u %u %u %u\n", who, (unsigned)syscall(UID32), (unsigned)syscall(EUID32), (unsigned)syscall(GID32), (unsigned)syscall(EGID32)); }
static pthread_barrier_t turn;
static void *other_ids(void *arg) {
  pthread_barrier_wait(&turn);
  R(syscall(SETRES, 71, 72, 73)); ids("a thread that has set its own");
  pthread_barrier_wait(&turn); pthread_barrier_wait(&turn);
  ids("it, after all were set"); return arg;
}
static void identities(void) {
  ids("first"); pthread_t t; pthread_barrier_init(&turn, 0, 2); pthread_create(&t, 0, other_ids, 0);
  pthread_barrier_wait(&turn); pthread_barrier_wait(&turn); ids("the other thread");
  R(setegid(1001)); ids("effective group"); R(setresuid(0, 70001, 0)); ids("a long id"); short_ids(); R(setresuid(0, 0, 0));
  pthread_barrier_wait(&turn); pthread_join(t, 0);
  CHILD("inherited", ids("child")); R(setresgid(-1, 4000000000u, -1)); ids("a very long id"); short_ids();
}
static void parents(void) {
  int ends[2]; pipe(ends); prctl(PR_SET_CHILD_SUBREAPER, 1); pid_t here = getpid(), middle = fork();
  if (middle == 0) {
    pid_t parent = getpid();
    if (fork() == 0) {
      say("parent %d\n", getppid() == parent); write(ends[1], "x", 1);
      while (getppid() == parent);
      _exit(getppid() == here ? 3 : 33);
    }
    char c; read(ends[0], &c, 1); _exit(0);
  }
  int status; waitpid(middle, &status, 0); show_status("middle", status); pid_t rest = wait(&status); say("another %d\n", rest > 0 && rest != middle); show_status("its child", status);
}
static void sibling(void) {
  pid_t here = getpid();
  CHILD("CLONE_PARENT", pid_t s = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0); if (s == 0) _exit(getppid() == here ? 4 : 44));
  int status; wait(&status); show_status("the sibling", status);
  CHILD("a pid namespace", if (unshare(CLONE_NEWPID)) { say("no namespaces\n"); _exit(1); } CHILD("its first", say("%d %d\n", getpid(), getppid()); CHILD("its second", say("%d %d\n", getpid(), getppid()))));
}
static void users(void) {
  int there[2], back[2]; pipe(there); pipe(back); pid_t child = fork(); char c, path[50];
  if (child == 0) { if (unshare(CLONE_NEWUSER)) { say("no user namespaces %s\n", ename(errno)); _exit(1); } ids("unmapped"); write(there[1], "x", 1); read(back[0], &c, 1); ids("mapped"); short_ids(); _exit(0); }
  read(there[0], &c, 1); snprintf(path, sizeof path, "/proc/%d/uid_map", child); put_file(path, "42 0 1\n"); snprintf(path, sizeof path, "/proc/%d/gid_map", child); put_file(path, "100043 0 1\n"); write(back[1], "x", 1);
  int status; waitpid(child, &status, 0); show_status("namespace", status);
}
static int64_t cpu(clockid_t clock) { struct timespec t; if (clock_gettime(clock, &t)) return -1; return t.tv_sec * 1000000000LL + t.tv_nsec; }
static void spin(int64_t ns) { for (int64_t end = cpu(CLOCK_THREAD_CPUTIME_ID) + ns; cpu(CLOCK_THREAD_CPUTIME_ID) < end;); }
static void *work(void *arg) { int64_t before = cpu(CLOCK_THREAD_CPUTIME_ID); spin(20000000); say("the thread's own %d\n", before < 150000000 && cpu(CLOCK_PROCESS_CPUTIME_ID) >= cpu(CLOCK_THREAD_CPUTIME_ID)); return arg; }
static void clocks(void) {
  int back = 0; int64_t p = cpu(CLOCK_PROCESS_CPUTIME_ID), t = cpu(CLOCK_THREAD_CPUTIME_ID); say("process and thread %d\n", p > 0 && t > 0);
  for (int i = 0; i < 5000; i++) { int64_t p2 = cpu(CLOCK_PROCESS_CPUTIME_ID), t2; if (i % 7 == 0) getpgid(0); t2 = cpu(CLOCK_THREAD_CPUTIME_ID); back += p2 < p || t2 < t; p = p2; t = t2; }
  say("back %d\n", back); t = cpu(CLOCK_THREAD_CPUTIME_ID); spin(200000000); p = cpu(CLOCK_PROCESS_CPUTIME_ID); say("grows %d\n", cpu(CLOCK_THREAD_CPUTIME_ID) - t >= 20000000);
  pthread_t thread; pthread_create(&thread, 0, work, 0); pthread_join(thread, 0); say("its thread's too %d\n", cpu(CLOCK_PROCESS_CPUTIME_ID) - p >= 20000000);
  struct rusage u; p = cpu(CLOCK_PROCESS_CPUTIME_ID); getrusage(RUSAGE_SELF, &u); int64_t used = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL; say("as getrusage %d\n", used >= p - 10000000 && used <= cpu(CLOCK_PROCESS_CPUTIME_ID) + 10000000);
  t = cpu(CLOCK_THREAD_CPUTIME_ID); msleep(300); say("asleep it does not %d\n", cpu(CLOCK_THREAD_CPUTIME_ID) - t < 200000000);
  clockid_t id; clock_getcpuclockid(getpid(), &id); p = cpu(CLOCK_PROCESS_CPUTIME_ID); t = cpu(id); say("by its own id %d\n", t >= p && cpu(CLOCK_PROCESS_CPUTIME_ID) >= t);
  CHILD("child", p = cpu(CLOCK_PROCESS_CPUTIME_ID); say("begins anew %d\n", p < 150000000));
  R(syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, 8)); R(syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, 0));
}
/* Coarse clocks are behind the others, by less than their resolution and a little. */
static void coarse(void) {
  static const clockid_t pairs[][2] = { { CLOCK_REALTIME, CLOCK_REALTIME_COARSE }, { CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE } }; int steps[2] = { 0, 0 }, wrong = 0;
  for (int k = 0; k < 2; k++) { int64_t last = cpu(pairs[k][1]); for (int i = 0; i < 20000; i++) { int64_t c = cpu(pairs[k][1]), fine = cpu(pairs[k][0]), again = cpu(pairs[k][1]); wrong += c > fine || again < c; if (c != last) steps[k]++; last = c; } }
  say("coarse: wrong %d, not each time another %d %d\n", wrong, steps[0] < 10000, steps[1] < 10000);
}
int main(void) {
  CHILD("parents", parents()); while (wait(0) > 0);
  sibling(); clocks(); coarse(); users(); identities();
  return 0;
}
