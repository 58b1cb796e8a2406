#include "test.h"
#include <sys/prctl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/personality.h>
#include <sys/utsname.h>
/* fork, wait in all forms, exit codes, groups, sessions, ids, orphans, vfork, limits, usage. */
extern char **environ;
static int st;
static void wi(const char *name, int r, siginfo_t *i, pid_t c) { say("%s: r %d pid %s signo %d code %d status %d uid %d\n", name, r, i->si_pid == c ? "child" : i->si_pid == 0 ? "0" : "?", i->si_signo, i->si_code, i->si_status, i->si_uid); }
static void handler(int s) {}
int main(void) {
  say("pid==gettid %d ppid ok %d\n", getpid() == syscall(SYS_gettid), getppid() > 0);
  CHILD("zero", _exit(0)); CHILD("42", _exit(42)); CHILD("256+3", _exit(259)); CHILD("-1", _exit(-1)); CHILD("abort", abort()); CHILD("kill", raise(SIGKILL)); CHILD("term", raise(SIGTERM)); CHILD("segv", { *(volatile int *)8 = 1; }); CHILD("rt", raise(SIGRTMIN + 3));
  R(wait(&st)); R(waitpid(-1, &st, WNOHANG)); R(waitpid(getpid(), &st, 0)); R(waitpid(999999, &st, 0)); R(waitpid(-1, &st, 0x8000)); R(waitpid(0, &st, WNOHANG)); R(waitpid(-getpgrp(), &st, WNOHANG));
  pid_t c = fork(); if (c == 0) { pause(); _exit(1); }
  R(waitpid(-1, &st, WNOHANG)); kill(c, SIGSTOP); pid_t r = waitpid(c, &st, WUNTRACED); say("%d ", r == c); show_status("stop", st); R(waitpid(c, &st, WUNTRACED | WNOHANG)); kill(c, SIGCONT); r = waitpid(c, &st, WCONTINUED); say("%d ", r == c); show_status("cont", st);
  siginfo_t i; memset(&i, 0, sizeof i); kill(c, SIGSTOP); int w = waitid(P_PID, c, &i, WSTOPPED | WNOWAIT); wi("stopped nowait", w, &i, c); w = waitid(P_PID, c, &i, WSTOPPED); wi("stopped", w, &i, c); kill(c, SIGCONT); w = waitid(P_ALL, 0, &i, WCONTINUED); wi("continued", w, &i, c); memset(&i, 7, sizeof i); w = waitid(P_PID, c, &i, WEXITED | WNOHANG); wi("nohang", w, &i, c);
  kill(c, SIGTERM); w = waitid(P_PID, c, &i, WEXITED | WNOWAIT); wi("killed nowait", w, &i, c); w = waitid(P_PID, c, &i, WEXITED); wi("killed", w, &i, c); w = waitid(P_PID, c, &i, WEXITED); say("%d %s\n", w, ename(errno));
  R(waitid(P_ALL, 0, &i, 0)); R(waitid(9, 0, &i, WEXITED)); R(waitid(P_PGID, 0, &i, WEXITED | WNOHANG));
  c = fork(); if (c == 0) _exit(7); struct rusage ru; R(wait4(c, &st, 0, &ru) == c); show_status("wait4", st); say("%d\n", ru.ru_maxrss > 0);
  /* groups */
  say("%d %d\n", getpgrp() == getpgid(0), getsid(0) == getsid(getpid())); R(getpgid(999999)); R(getsid(999999)); R(setpgid(999999, 0)); R(setpgid(-1, 0)); R(setpgid(0, -1)); R(setpgid(1, 0));
  c = fork(); if (c == 0) { say("%d\n", setpgid(0, 0)); say("leader %d\n", getpgrp() == getpid()); R(setsid() > 0); say("in group\n"); pid_t g = fork(); if (g == 0) { R(setsid() == getpid()); say("%d\n", getsid(0) == getpid()); R(setpgid(0, 0)); _exit(0); } wait(&st); _exit(0); } waitpid(c, &st, 0); show_status("setpgid", st);
  int p[2]; pipe(p); c = fork(); if (c == 0) { char x; read(p[0], &x, 1); _exit(0); } R(setpgid(c, c)); say("%d\n", getpgid(c) == c); R(setpgid(c, 999999)); R(waitpid(-c, &st, WNOHANG)); R(kill(-c, 0)); write(p[1], "x", 1); waitpid(-c, &st, 0); show_status("group", st); R(kill(-c, 0));
  char none; pipe2(p, O_CLOEXEC); c = fork(); if (c == 0) { execlp("sleep", "sleep", "1000", NULL); _exit(1); } close(p[1]); read(p[0], &none, 1); close(p[0]); R(setpgid(c, c)); kill(c, 9); waitpid(c, &st, 0);
  /* orphans: child's child is adopted */
  pipe(p); c = fork(); if (c == 0) { pid_t mid = getpid(); if (fork() == 0) { while (getppid() == mid) msleep(5); int ok = getppid() != mid; write(p[1], &ok, sizeof ok); _exit(0); } _exit(0); } waitpid(c, &st, 0); int ok = 0; read(p[0], &ok, sizeof ok); say("reparented %d\n", ok);
  R(prctl(PR_SET_CHILD_SUBREAPER, 1)); c = fork(); if (c == 0) { pid_t me = getppid(); if (fork() == 0) { while (getppid() != me) msleep(5); _exit(33); } _exit(0); } waitpid(c, &st, 0); r = wait(&st); say("subreaped %d ", r > 0 && r != c); show_status("", st); prctl(PR_SET_CHILD_SUBREAPER, 0);
  /* SIGCHLD ignored: no zombies */
  signal(SIGCHLD, SIG_IGN); c = fork(); if (c == 0) _exit(1); R(waitpid(c, &st, 0)); signal(SIGCHLD, SIG_DFL);
  struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_NOCLDWAIT }; sigaction(SIGCHLD, &sa, NULL); c = fork(); if (c == 0) _exit(1); while (waitpid(c, &st, 0) != -1 || errno == EINTR) { if (errno != EINTR) break; errno = 0; } say("%s\n", ename(errno)); signal(SIGCHLD, SIG_DFL);
  volatile int shared = 1; c = vfork(); if (c == 0) { shared = 5; _exit(9); } waitpid(c, &st, 0); say("vfork shared %d ", shared); show_status("", st);
  int data = 1; CHILD("private", data = 2); say("data %d\n", data);
  char *argv[] = { "sh", "-c", "exit 5", NULL }; pid_t sp; R(posix_spawn(&sp, "/bin/sh", NULL, NULL, argv, environ)); waitpid(sp, &st, 0); show_status("spawn", st); R(posix_spawn(&sp, "/missing", NULL, NULL, argv, environ));
  R(getpriority(PRIO_PROCESS, 0)); R(nice(5)); R(getpriority(PRIO_PROCESS, 0)); R(setpriority(PRIO_PROCESS, 0, 50)); R(getpriority(PRIO_PROCESS, 0)); R(setpriority(9, 0, 0)); R(setpriority(PRIO_PROCESS, 999999, 0)); R(setpriority(PRIO_PROCESS, 0, 0));
  struct rlimit rl; R(getrlimit(RLIMIT_NOFILE, &rl)); rl.rlim_cur = 100; R(setrlimit(RLIMIT_NOFILE, &rl)); getrlimit(RLIMIT_NOFILE, &rl); say("%ld\n", (long)rl.rlim_cur); rl.rlim_cur = rl.rlim_max; rl.rlim_max = 50; R(setrlimit(RLIMIT_NOFILE, &rl)); R(getrlimit(99, &rl)); R(prlimit(0, RLIMIT_CORE, NULL, &rl)); R(syscall(SYS_getrlimit, RLIMIT_NOFILE, 8)); R(prlimit(999999, RLIMIT_CORE, NULL, &rl));
  CHILD("fsize", { struct rlimit l = { 10, 10 }; setrlimit(RLIMIT_FSIZE, &l); signal(SIGXFSZ, SIG_IGN); enter_tmp(); int f = open("x", O_CREAT | O_RDWR, 0600); R(write(f, "0123456789abc", 13)); R(write(f, "x", 1)); R(ftruncate(f, 11)); signal(SIGXFSZ, SIG_DFL); leave_tmp(); write(f, "x", 1); });
  CHILD("cpu", { struct rlimit l = { 1, 2 }; setrlimit(RLIMIT_CPU, &l); for (;;); });
  R(getrusage(RUSAGE_SELF, &ru)); R(getrusage(RUSAGE_CHILDREN, &ru)); R(getrusage(77, &ru)); R(syscall(SYS_getrusage, 0, 8));
  struct utsname u; R(uname(&u)); say("%s\n", u.sysname); R(syscall(SYS_uname, 8));
  char name[16] = ""; R(prctl(PR_SET_NAME, "a-very-long-thread-name")); R(prctl(PR_GET_NAME, name)); say("[%s]\n", name); R(prctl(PR_SET_PDEATHSIG, SIGUSR1)); int sg = 0; R(prctl(PR_GET_PDEATHSIG, &sg)); say("%d\n", sg); R(prctl(PR_SET_PDEATHSIG, 100)); R(prctl(PR_GET_DUMPABLE)); R(prctl(PR_SET_DUMPABLE, 5)); R(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); R(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); R(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); R(prctl(9999)); R(prctl(PR_CAPBSET_READ, 0)); R(prctl(PR_CAPBSET_READ, 99)); R(prctl(PR_GET_KEEPCAPS)); R(prctl(PR_SET_TIMERSLACK, 1000)); R(prctl(PR_GET_TIMERSLACK)); R(prctl(PR_GET_TSC, &sg)); say("%d\n", sg);
  CHILD("pdeathsig", { pipe(p); pid_t m = fork(); if (m == 0) { pid_t k = fork(); if (k == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); write(p[1], "r", 1); for (;;) pause(); } char x; read(p[0], &x, 1); _exit(0); } waitpid(m, &st, 0); close(p[1]); char x; R(read(p[0], &x, 1)); });
  R(sched_yield()); R(sched_getscheduler(0)); struct sched_param sp2 = { 0 }; R(sched_getparam(0, &sp2)); say("%d\n", sp2.sched_priority); R(sched_setscheduler(0, SCHED_BATCH, &sp2)); R(sched_getscheduler(0)); sp2.sched_priority = 5; R(sched_setscheduler(0, SCHED_OTHER, &sp2)); R(sched_get_priority_max(SCHED_FIFO)); R(sched_get_priority_min(SCHED_RR)); R(sched_get_priority_max(77)); cpu_set_t cs; R(sched_getaffinity(0, sizeof cs, &cs)); say("%d\n", CPU_COUNT(&cs) > 0); R(sched_getaffinity(0, 1, &cs)); R(sched_setaffinity(0, sizeof cs, &cs));
  R(alarm(0)); R(kill(getpid(), 0)); R(kill(999999, 0)); R(kill(getpid(), 65)); R(kill(getpid(), -1)); R(kill(-999999, 0)); R(syscall(SYS_tgkill, getpid(), getpid(), 0)); R(syscall(SYS_tgkill, getpid(), 999999, 0)); R(syscall(SYS_tgkill, -1, 1, 0)); R(syscall(SYS_tkill, getpid(), 0)); R(getpgid(-1)); R(acct("x") == -1); R(personality(0xffffffff) & 0xff);
  return 3;
}
