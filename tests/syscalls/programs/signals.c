#include "test.h"
#include <setjmp.h>
#include <ucontext.h>
/* handlers, masks, siginfo, queues, altstack, restart, nesting, sigwait, sigsuspend, contexts. */
static volatile int count, last, nested; static siginfo_t info; static void *where;
static void simple(int s) { count++; last = s; }
static void full(int s, siginfo_t *i, void *c) { count++; last = s; info = *i; where = &s; }
static void act(int s, void *h, int flags) { struct sigaction a; memset(&a, 0, sizeof a); a.sa_sigaction = h; a.sa_flags = flags; if (sigaction(s, &a, NULL)) say("sigaction %d: %s\n", s, ename(errno)); }
static void pinfo(const char *n) { say("%s: count %d sig %d code %d pid %s uid %d value %d\n", n, count, info.si_signo, info.si_code, info.si_pid == getpid() ? "me" : "other", info.si_uid, info.si_value.sival_int); }
static int order[100], norder; static void note(int s, siginfo_t *i, void *c) { order[norder++] = s * 100 + (s >= SIGRTMIN ? i->si_value.sival_int : 0); }
static void porder(const char *n) { say("%s:", n); for (int i = 0; i < norder; i++) say(" %d", order[i]); say("\n"); norder = 0; }
static int again; static void nest(int s) { nested++; int n = nested; sigset_t m; sigprocmask(SIG_SETMASK, NULL, &m); say("in %d depth %d blocked usr1 %d usr2 %d\n", s, n, sigismember(&m, SIGUSR1), sigismember(&m, SIGUSR2)); if (s == SIGUSR1 && again++ == 0) { raise(SIGUSR2); raise(SIGUSR1); say("raised\n"); } say("out %d\n", s); nested--; }
static sigjmp_buf jb; static void jump(int s) { siglongjmp(jb, s); }
static void change(int s, siginfo_t *i, void *c) { ucontext_t *u = c;
#ifdef __x86_64__
  u->uc_mcontext.gregs[REG_RIP] += 2; u->uc_mcontext.gregs[REG_RAX] = 77; say("trapno %d err %ld\n", (int)u->uc_mcontext.gregs[REG_TRAPNO], (long)u->uc_mcontext.gregs[REG_ERR]);
#else
  u->uc_mcontext.gregs[REG_EIP] += 2; u->uc_mcontext.gregs[REG_EAX] = 77; say("trapno %d err %ld\n", (int)u->uc_mcontext.gregs[REG_TRAPNO], (long)u->uc_mcontext.gregs[REG_ERR]);
#endif
  sigaddset(&u->uc_sigmask, SIGUSR2);
}
int main(void) {
  sigset_t m, o; struct sigaction a; char buf[100];
  act(SIGUSR1, simple, 0); R(raise(SIGUSR1)); say("%d %d\n", count, last); R(kill(getpid(), SIGUSR1)); say("%d\n", count);
  memset(&a, 0, sizeof a); R(sigaction(SIGKILL, &a, NULL)); a.sa_handler = SIG_IGN; R(sigaction(SIGKILL, NULL, &a)); say("%d\n", a.sa_handler == SIG_DFL); act(SIGKILL, simple, 0); act(SIGSTOP, simple, 0); R(sigaction(0, NULL, &a)); R(sigaction(65, NULL, &a)); R(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4)); R(syscall(SYS_rt_sigaction, SIGUSR1, (void *)8, NULL, 8)); R(syscall(SYS_rt_sigprocmask, 0, NULL, NULL, 16)); R(syscall(SYS_rt_sigprocmask, 7, &m, NULL, 8)); R(syscall(SYS_rt_sigprocmask, 7, NULL, &m, 8));
  act(SIGUSR1, full, SA_SIGINFO); count = 0; raise(SIGUSR1); pinfo("raise"); kill(getpid(), SIGUSR1); pinfo("kill"); union sigval v = { .sival_int = 1234 }; R(sigqueue(getpid(), SIGUSR1, v)); pinfo("queue");
  sigaction(SIGUSR1, NULL, &a); say("flags %x mask usr1 %d\n", a.sa_flags & ~0x4000000, sigismember(&a.sa_mask, SIGUSR1));
  act(SIGUSR2, simple, SA_RESETHAND | SA_NODEFER); count = 0; raise(SIGUSR2); sigaction(SIGUSR2, NULL, &a); say("reset %d count %d\n", a.sa_handler == SIG_DFL, count);
  /* blocking and pending; standard ones merge, real-time ones queue in order */
  sigfillset(&m); R(sigprocmask(SIG_BLOCK, &m, &o)); for (int s = 1; s <= 64; s++) if (s != SIGKILL && s != SIGSTOP && s != 32 && s != 33) act(s, note, SA_SIGINFO);
  for (int i = 0; i < 3; i++) { v.sival_int = i; sigqueue(getpid(), SIGRTMIN + 1, v); sigqueue(getpid(), SIGUSR1, v); sigqueue(getpid(), SIGRTMIN, v); } raise(SIGTERM); raise(SIGHUP); raise(SIGSEGV); sigpending(&m); for (int s = 1; s < 65; s++) if (sigismember(&m, s)) say("%d ", s); say("\n"); R(sigprocmask(SIG_SETMASK, &o, NULL)); porder("order");
  sigemptyset(&m); sigaddset(&m, SIGUSR1); sigprocmask(SIG_BLOCK, &m, NULL); raise(SIGUSR1); act(SIGUSR1, SIG_IGN, 0); sigpending(&m); say("pending after ignore %d\n", sigismember(&m, SIGUSR1)); sigprocmask(SIG_SETMASK, &o, NULL); 
  act(SIGUSR1, nest, 0); act(SIGUSR2, nest, 0); raise(SIGUSR1); again = 0; memset(&a, 0, sizeof a); a.sa_handler = nest; sigaddset(&a.sa_mask, SIGUSR2); sigaction(SIGUSR1, &a, NULL); raise(SIGUSR1); again = 0; act(SIGUSR1, nest, SA_NODEFER); act(SIGUSR2, nest, 0); nested = 0; if (nested == 0) raise(SIGUSR2);
  /* altstack */
  stack_t ss = { malloc(32768), 0, 32768 }, os; R(sigaltstack(&ss, NULL)); R(sigaltstack(NULL, &os)); say("%d %zu\n", os.ss_flags, os.ss_size); act(SIGUSR1, full, SA_SIGINFO | SA_ONSTACK); raise(SIGUSR1); say("on stack %d\n", (char *)where >= (char *)ss.ss_sp && (char *)where < (char *)ss.ss_sp + ss.ss_size); act(SIGUSR1, full, SA_SIGINFO); raise(SIGUSR1); say("on stack %d\n", (char *)where >= (char *)ss.ss_sp && (char *)where < (char *)ss.ss_sp + ss.ss_size); ss.ss_size = 100; R(sigaltstack(&ss, NULL)); ss.ss_flags = 77; R(sigaltstack(&ss, NULL)); ss.ss_flags = SS_DISABLE; R(sigaltstack(&ss, NULL)); R(sigaltstack(NULL, &os)); say("%d\n", os.ss_flags);
  /* restart */
  int p[2]; pipe(p); for (int restart = 0; restart < 2; restart++) { act(SIGALRM, simple, restart ? SA_RESTART : 0); pid_t c = fork(); if (c == 0) { msleep(150); kill(getppid(), SIGALRM); msleep(100); write(p[1], "hello", 5); _exit(0); } R(read(p[0], buf, 100)); if (!restart) R(read(p[0], buf, 100)); wait(NULL); }
  act(SIGALRM, simple, SA_RESTART); struct itimerval it = { { 0, 0 }, { 0, 150000 } }; setitimer(ITIMER_REAL, &it, NULL); R(poll(NULL, 0, 2000)); setitimer(ITIMER_REAL, &it, NULL); R(pause()); setitimer(ITIMER_REAL, &it, NULL); struct timespec ts = { 5, 0 }, rem; R(nanosleep(&ts, &rem)); say("rem %d\n", (int)rem.tv_sec); setitimer(ITIMER_REAL, &it, NULL); R(select(0, NULL, NULL, NULL, &(struct timeval){ 2, 0 })); setitimer(ITIMER_REAL, &it, NULL); sigemptyset(&m); R(sigsuspend(&m)); setitimer(ITIMER_REAL, &it, NULL); { pid_t c = fork(); if (!c) { msleep(400); _exit(4); } int st; R(waitpid(c, &st, 0) == c); show_status("wait restarted", st); }
  /* sigwait family */
  sigemptyset(&m); sigaddset(&m, SIGUSR1); sigaddset(&m, SIGRTMIN + 2); sigprocmask(SIG_BLOCK, &m, NULL); raise(SIGUSR1); int got; R(sigwait(&m, &got)); say("%d\n", got); v.sival_int = 99; sigqueue(getpid(), SIGRTMIN + 2, v); memset(&info, 0, sizeof info); R(sigwaitinfo(&m, &info)); pinfo("sigwaitinfo"); ts = (struct timespec){ 0, 10000000 }; R(sigtimedwait(&m, &info, &ts)); ts.tv_nsec = -1; R(sigtimedwait(&m, &info, &ts)); { pid_t c = fork(); if (!c) { msleep(50); kill(getppid(), SIGUSR1); _exit(0); } R(sigwaitinfo(&m, NULL)); wait(NULL); } 
  act(SIGALRM, simple, 0); setitimer(ITIMER_REAL, &it, NULL); R(sigwaitinfo(&m, NULL)); sigprocmask(SIG_SETMASK, &o, NULL);
  /* contexts */
  act(SIGSEGV, change, SA_SIGINFO); 
#ifdef __x86_64__
  long r = 5; __asm__ volatile("xorl %%eax,%%eax\n movl (%%rax),%%ecx" : "=a"(r) : : "rcx", "memory");
#else
  long r = 5; __asm__ volatile("xorl %%eax,%%eax\n movl (%%eax),%%ecx" : "=a"(r) : : "ecx", "memory");
#endif
  sigprocmask(SIG_SETMASK, NULL, &m); say("r %ld usr2 blocked %d\n", r, sigismember(&m, SIGUSR2)); sigprocmask(SIG_SETMASK, &o, NULL);
  act(SIGSEGV, jump, 0); for (int i = 0; i < 3; i++) { int s = sigsetjmp(jb, 1); if (s == 0) *(volatile int *)4 = 1; say("jumped %d\n", s); }
  CHILD("blocked segv", { sigemptyset(&m); sigaddset(&m, SIGSEGV); sigprocmask(SIG_BLOCK, &m, NULL); act(SIGSEGV, jump, 0); *(volatile int *)4 = 1; });
  CHILD("ignored segv", { signal(SIGSEGV, SIG_IGN); *(volatile int *)4 = 1; });
  CHILD("blocked segv by kill", { sigemptyset(&m); sigaddset(&m, SIGSEGV); sigprocmask(SIG_BLOCK, &m, NULL); raise(SIGSEGV); say("alive\n"); });
  for (int s = 1; s <= 64; s++) { if (s == 32 || s == 33) continue; pid_t c = fork(); if (!c) { for (int k = 1; k < 65; k++) signal(k, SIG_DFL); sigprocmask(SIG_SETMASK, &o, NULL); struct rlimit l = { 0, 0 }; setrlimit(RLIMIT_CORE, &l); kill(getpid(), s); _exit(0); } int st; waitpid(c, &st, WUNTRACED); if (WIFSTOPPED(st)) { say("%d stops\n", s); kill(c, SIGKILL); waitpid(c, &st, 0); } else if (WIFSIGNALED(st)) say("%d kills %d\n", s, WTERMSIG(st)); else say("%d ignored\n", s); }
  act(SIGCHLD, SIG_DFL, 0);
  CHILD("stop and cont handler", { act(SIGCONT, simple, 0); count = 0; pid_t me = getpid(); pid_t k = fork(); if (!k) { msleep(100); kill(me, SIGCONT); _exit(0); } raise(SIGSTOP); say("continued, handler ran %d\n", count); wait(NULL); });
  CHILD("sigchld info", { act(SIGCHLD, full, SA_SIGINFO); memset(&info, 0, sizeof info); count = 0; pid_t k = fork(); if (!k) _exit(6); while (!count) pause(); say("code %d status %d pid %d\n", info.si_code, info.si_status, info.si_pid == k); act(SIGCHLD, full, SA_SIGINFO | SA_NOCLDSTOP); wait(NULL); count = 0; k = fork(); if (!k) { raise(SIGSTOP); _exit(0); } int st; waitpid(k, &st, WUNTRACED); say("nocldstop %d\n", count); kill(k, SIGCONT); waitpid(k, &st, 0); });
  return 0;
}
