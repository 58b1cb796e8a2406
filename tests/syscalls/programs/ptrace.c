#include "test.h"
#include <sys/ptrace.h>
#include <sys/prctl.h>
#include <sys/user.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <elf.h>
/* flags: -pthread */
/* ptrace: stops for signals, calls, clones, execs and exits; registers, memory, stepping, breakpoints, attach, seize, threads. */
#define P(req, pid, addr, data) syscall(SYS_ptrace, (long)(req), (long)(pid), (long)(addr), (long)(data))
static int wait_for(pid_t pid, const char *what) {
  int st = 0;
  pid_t r = waitpid(pid, &st, __WALL);
  if (r < 0) { say("%s: %s\n", what, ename(errno)); return -1; }
  if (WIFSTOPPED(st)) say("%s: stopped %s%s event %d\n", what, sigabbrev_np(WSTOPSIG(st) & 0x7f), WSTOPSIG(st) & 0x80 ? "|80" : "", st >> 16);
  else show_status(what, st);
  return st;
}
static struct user_regs_struct regs_of(pid_t pid) { struct user_regs_struct r; memset(&r, 0, sizeof r); if (P(PTRACE_GETREGS, pid, 0, &r)) say("getregs %s\n", ename(errno)); return r; }
#ifdef __x86_64__
#define IP(r) (r).rip
#define SP(r) (r).rsp
#define AX(r) (r).rax
#define ORIG(r) (r).orig_rax
#define A0(r) (r).rdi
#define BX(r) (r).rbx
#define CS cs
#else
#define IP(r) (r).eip
#define SP(r) (r).esp
#define AX(r) (r).eax
#define ORIG(r) (r).orig_eax
#define A0(r) (r).ebx
#define BX(r) (r).ebx
#define CS xcs
#endif
static volatile long cell = 0x1234, other = 5;
static int value(int x) { return x * 3; }
static void target_function(void) { cell = value(cell); }
static pid_t traced(void (*body)(void)) {
  pid_t c = fork();
  if (c == 0) { P(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); body(); _exit(0); }
  return c;
}
static void nothing(void) {}
static void calls(void) { syscall(SYS_getppid); write(-1, "x", 1); syscall(SYS_getpid); }
static void handler(int s) { say("handler %d\n", s); }
static void with_handler(void) { signal(SIGUSR1, handler); raise(SIGUSR1); raise(SIGUSR1); raise(SIGUSR2); }
static void forks(void) { int st; pid_t c = fork(); if (c == 0) _exit(4); waitpid(c, &st, 0); }
static void vforks(void) { int st; pid_t c = vfork(); if (c == 0) _exit(5); waitpid(c, &st, 0); }
static void *thread(void *a) { msleep(10); return NULL; }
static void threads(void) { pthread_t t; pthread_create(&t, NULL, thread, NULL); pthread_join(t, NULL); }
static void execs(void) { execl("/bin/true", "true", NULL); }
static void stepped(void) { __asm__ volatile("nop\n nop\n nop\n nop"); }
static void run_function(void) { target_function(); say("cell %lx\n", cell); }
static void group_stop(void) { raise(SIGTSTP); say("goes on\n"); }
static void filtered(void) {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  struct sock_filter f[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 77), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
  struct sock_fprog p = { 4, f };
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p);
  long r = syscall(SYS_getppid);
  say("getppid %s\n", r == -1 ? ename(errno) : r == 4242 ? "4242" : "other");
}
static void sleeps(void) { struct timespec t = { 0, 300000000 }; int r = nanosleep(&t, NULL); say("slept %d\n", r); }
static const char *call_name(long n) {
  switch (n) { case SYS_getppid: return "getppid"; case SYS_write: return "write"; case SYS_getpid: return "getpid"; case SYS_exit_group: return "exit_group"; case SYS_exit: return "exit"; }
  return "other";
}

int main(void) {
  struct rlimit none = { 0, 0 };
  setrlimit(RLIMIT_CORE, &none);
  int st; unsigned long msg; siginfo_t si; pid_t c;
  signal(SIGCHLD, SIG_DFL);
  /* errors */
  R(P(PTRACE_CONT, getpid(), 0, 0)); R(P(PTRACE_ATTACH, getpid(), 0, 0)); R(P(PTRACE_ATTACH, 999999, 0, 0)); R(P(PTRACE_CONT, 999999, 0, 0)); R(P(PTRACE_SEIZE, 999999, 0, 0));
  /* signal stops */
  c = traced(nothing); wait_for(c, "first");
  R(P(PTRACE_GETSIGINFO, c, 0, &si)); say("signo %d code ok %d pid ok %d\n", si.si_signo, si.si_code == SI_TKILL, si.si_pid == c);
  R(P(PTRACE_SETOPTIONS, c, 0, 0x8000)); R(P(9999, c, 0, 0)); R(P(PTRACE_CONT, c, 0, 200)); R(P(PTRACE_ATTACH, c, 0, 0)); R(P(PTRACE_LISTEN, c, 0, 0)); R(P(PTRACE_INTERRUPT, c, 0, 0));
  char line[100]; snprintf(line, sizeof line, "/proc/%d/status", c); FILE *f = fopen(line, "r"); while (fgets(line, sizeof line, f)) if (!strncmp(line, "State", 5)) say("%s", line); fclose(f);
  R(P(PTRACE_CONT, c, 0, 0)); wait_for(c, "end"); R(P(PTRACE_CONT, c, 0, 0));
  /* the tracer decides about signals */
  c = traced(with_handler); wait_for(c, "h0"); P(PTRACE_CONT, c, 0, 0); wait_for(c, "h1"); P(PTRACE_CONT, c, 0, SIGUSR1); wait_for(c, "h2"); P(PTRACE_CONT, c, 0, 0); wait_for(c, "h3"); P(PTRACE_CONT, c, 0, SIGUSR1); wait_for(c, "h4");
  c = traced(with_handler); wait_for(c, "k0"); P(PTRACE_CONT, c, 0, 0); wait_for(c, "k1"); P(PTRACE_CONT, c, 0, SIGTERM); wait_for(c, "k2");
  c = traced(nothing); wait_for(c, "kill0"); R(P(PTRACE_KILL, c, 0, 0)); wait_for(c, "kill1");
  /* calls */
  for (int good = 0; good < 2; good++) {
    c = traced(calls); wait_for(c, "c0"); if (good) R(P(PTRACE_SETOPTIONS, c, 0, PTRACE_O_TRACESYSGOOD));
    for (;;) {
      P(PTRACE_SYSCALL, c, 0, 0);
      if (waitpid(c, &st, 0) != c || !WIFSTOPPED(st)) { show_status("calls", st); break; }
      struct user_regs_struct r = regs_of(c);
      long ax = AX(r);
      if (strcmp(call_name(ORIG(r)), "other")) say("%s %x: %s\n", call_name(ORIG(r)), WSTOPSIG(st), ax == -ENOSYS ? "entry" : ax == -EBADF ? "EBADF" : ax > 0 ? "id" : "?");
      struct call_info { unsigned char op, pad[3]; unsigned arch; unsigned long long ip, sp; union { struct { unsigned long long nr, args[6]; } entry; struct { long long rval; unsigned char is_error; } exit; }; } info;
      memset(&info, 0, sizeof info);
      long n = P(PTRACE_GET_SYSCALL_INFO, c, sizeof info, &info);
      if (good && !strcmp(call_name(ORIG(r)), "write")) say("info %ld op %d arch %x ip %d sp %d nr %lld a0 %llx a2 %lld err %d\n", n, info.op, info.arch, info.ip == (unsigned long)IP(r), info.sp == (unsigned long)SP(r), info.op == 1 ? (long long)info.entry.nr - SYS_write : info.exit.rval, info.op == 1 ? (unsigned)info.entry.args[0] : 0LL, info.op == 1 ? info.entry.args[2] : 0LL, info.op == 2 ? info.exit.is_error : -1);
    }
  }
  /* a call that is changed, one that is left out */
  c = traced(calls); wait_for(c, "m0"); P(PTRACE_SYSCALL, c, 0, 0); wait_for(c, "m1");
  { struct user_regs_struct r = regs_of(c); ORIG(r) = -1; AX(r) = 77; R(P(PTRACE_SETREGS, c, 0, &r)); P(PTRACE_SYSCALL, c, 0, 0); wait_for(c, "m2"); r = regs_of(c); say("result %ld orig %ld\n", (long)AX(r), (long)ORIG(r)); }
  P(PTRACE_SYSCALL, c, 0, 0); wait_for(c, "m3"); { struct user_regs_struct r = regs_of(c); ORIG(r) = SYS_getppid; P(PTRACE_SETREGS, c, 0, &r); P(PTRACE_SYSCALL, c, 0, 0); wait_for(c, "m4"); r = regs_of(c); say("my pid %d\n", (long)AX(r) == getpid()); }
  P(PTRACE_CONT, c, 0, 0); wait_for(c, "m5");
  /* memory */
  c = traced(run_function); wait_for(c, "mem0");
  long w = 0; R(P(PTRACE_PEEKDATA, c, &cell, &w)); say("cell %lx\n", w); R(P(PTRACE_POKEDATA, c, &cell, 0x100)); R(P(PTRACE_PEEKTEXT, c, 16, &w)); R(P(PTRACE_POKEDATA, c, 16, 1)); R(P(PTRACE_POKEDATA, c, "constant text", 1));
  say("here %lx %s\n", cell, "constant text");
  R(P(PTRACE_PEEKUSER, c, 3, &w)); R(P(PTRACE_PEEKUSER, c, 100000, &w)); R(P(PTRACE_PEEKUSER, c, offsetof(struct user, regs) + offsetof(struct user_regs_struct, CS), &w)); say("cs %lx\n", w);
  /* breakpoint */
  long text; P(PTRACE_PEEKTEXT, c, value, &text); R(P(PTRACE_POKETEXT, c, value, (text & ~0xffL) | 0xcc)); P(PTRACE_CONT, c, 0, 0); wait_for(c, "breakpoint");
  P(PTRACE_GETSIGINFO, c, 0, &si); say("code %x\n", si.si_code);
  { struct user_regs_struct r = regs_of(c); say("at it %d\n", IP(r) == (unsigned long)value + 1); IP(r)--; P(PTRACE_SETREGS, c, 0, &r); P(PTRACE_POKETEXT, c, value, text);
    P(PTRACE_SINGLESTEP, c, 0, 0); wait_for(c, "step"); P(PTRACE_GETSIGINFO, c, 0, &si); say("code %d\n", si.si_code); r = regs_of(c); say("moved %d\n", IP(r) > (unsigned long)value && IP(r) < (unsigned long)value + 16); }
  P(PTRACE_CONT, c, 0, 0); wait_for(c, "mem1");
  /* registers of every kind */
  c = traced(stepped); wait_for(c, "regs0");
  { struct user_regs_struct r = regs_of(c), r2; struct iovec io = { &r2, sizeof r2 }; R(P(PTRACE_GETREGSET, c, NT_PRSTATUS, &io)); say("same %d len %zu\n", !memcmp(&r, &r2, sizeof r), io.iov_len); io.iov_len = 16; R(P(PTRACE_GETREGSET, c, NT_PRSTATUS, &io)); say("%zu\n", io.iov_len); io.iov_len = 3; R(P(PTRACE_GETREGSET, c, NT_PRSTATUS, &io)); R(P(PTRACE_GETREGSET, c, 0x7777, &io));
    struct user_fpregs_struct fp; R(P(PTRACE_GETFPREGS, c, 0, &fp)); say("cwd %x\n", (int)fp.cwd & 0xffff); R(P(PTRACE_SETFPREGS, c, 0, &fp)); BX(r) = 0x55667788; R(P(PTRACE_SETREGS, c, 0, &r)); r2 = regs_of(c); say("%lx\n", (long)BX(r2)); unsigned long long m; R(P(PTRACE_GETSIGMASK, c, 8, &m)); R(P(PTRACE_GETSIGMASK, c, 4, &m)); }
  { int same = 0; long before = 0; for (int i = 0; i < 200; i++) { P(PTRACE_SINGLESTEP, c, 0, 0); if (waitpid(c, &st, 0) != c || !WIFSTOPPED(st)) break; struct user_regs_struct r = regs_of(c); same += IP(r) == before; before = IP(r); } say("steps without progress %d\n", same); }
  P(PTRACE_KILL, c, 0, 0); wait_for(c, "regs1");
  /* hardware breakpoint on data */
  c = traced(run_function); wait_for(c, "dr0");
  R(P(PTRACE_POKEUSER, c, offsetof(struct user, u_debugreg[0]), &cell)); R(P(PTRACE_POKEUSER, c, offsetof(struct user, u_debugreg[7]), 1 | (1 << 16) | ((sizeof(long) == 8 ? 2 : 3) << 18)));
  P(PTRACE_CONT, c, 0, 0); wait_for(c, "watch"); P(PTRACE_GETSIGINFO, c, 0, &si); P(PTRACE_PEEKDATA, c, &cell, &w); say("code %d value %lx\n", si.si_code, w); R(P(PTRACE_PEEKUSER, c, offsetof(struct user, u_debugreg[6]), &w)); say("dr6 %lx\n", w & 0xf); R(P(PTRACE_POKEUSER, c, offsetof(struct user, u_debugreg[7]), 0)); P(PTRACE_CONT, c, 0, 0); wait_for(c, "dr1");
  /* events */
  struct { const char *name; void (*body)(void); int option; } events[] = { { "fork", forks, PTRACE_O_TRACEFORK }, { "vfork", vforks, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE }, { "clone", threads, PTRACE_O_TRACECLONE }, { "exec", execs, PTRACE_O_TRACEEXEC }, { "exit", nothing, PTRACE_O_TRACEEXIT } };
  for (int i = 0; i < 5; i++) {
    c = traced(events[i].body); wait_for(c, events[i].name); R(P(PTRACE_SETOPTIONS, c, 0, events[i].option)); P(PTRACE_CONT, c, 0, 0);
    pid_t child = 0; int left = 1; char log[64][64]; int nlog = 0;
    while (left > 0) {
      pid_t p = waitpid(-1, &st, __WALL);
      if (p < 0) { say("wait %s\n", ename(errno)); break; }
      const char *who = p == c ? "parent" : "child";
      if (WIFSTOPPED(st)) {
        int event = st >> 16, sig = WSTOPSIG(st);
        snprintf(log[nlog++], 64, "%s stop %s event %d", who, sigabbrev_np(sig), event);
        if (event && event <= 3) { P(PTRACE_GETEVENTMSG, p, 0, &msg); child = msg; left++; }
        if (event == 6) { P(PTRACE_GETEVENTMSG, p, 0, &msg); snprintf(log[nlog++], 64, "exit status %lx", msg); }
        if (event == 4) { P(PTRACE_GETEVENTMSG, p, 0, &msg); snprintf(log[nlog++], 64, "exec was itself %d", (pid_t)msg == c); }
        P(PTRACE_CONT, p, 0, sig == SIGSTOP || sig == SIGTRAP ? 0 : sig);
      } else { snprintf(log[nlog++], 64, "%s end %x", who, st); left--; }
    }
    /* in which order the two tell is nobody's business */
    for (int k = 0; k < 2; k++) for (int j = 0; j < nlog; j++) if (!strncmp(log[j], k ? "child" : "parent", k ? 5 : 6) || (!k && !strncmp(log[j], "ex", 2))) say("%s: %s\n", events[i].name, log[j]);
  }
  c = traced(execs); wait_for(c, "plain exec"); P(PTRACE_CONT, c, 0, 0); wait_for(c, "after exec"); P(PTRACE_CONT, c, 0, 0); wait_for(c, "exec end");
  /* group stop */
  c = traced(group_stop); wait_for(c, "g0"); P(PTRACE_CONT, c, 0, 0); wait_for(c, "g1"); P(PTRACE_CONT, c, 0, SIGTSTP); wait_for(c, "g2"); R(P(PTRACE_GETSIGINFO, c, 0, &si)); P(PTRACE_CONT, c, 0, 0); wait_for(c, "g3");
  /* attach, seize, interrupt, detach */
  c = fork(); if (c == 0) for (;;) pause();
  asleep(c); R(P(PTRACE_ATTACH, c, 0, 0)); wait_for(c, "attached"); { struct user_regs_struct r = regs_of(c); say("in a call %d\n", (long)ORIG(r) > 0 || (long)AX(r) < 0); } R(P(PTRACE_DETACH, c, 0, 0)); R(P(PTRACE_DETACH, c, 0, 0));
  R(P(PTRACE_SEIZE, c, 0, PTRACE_O_TRACESYSGOOD)); R(waitpid(c, &st, WNOHANG)); R(P(PTRACE_INTERRUPT, c, 0, 0)); wait_for(c, "interrupted"); R(P(PTRACE_CONT, c, 0, 0)); kill(c, SIGSTOP); wait_for(c, "s1"); P(PTRACE_CONT, c, 0, SIGSTOP); wait_for(c, "s2"); R(P(PTRACE_LISTEN, c, 0, 0)); R(P(PTRACE_CONT, c, 0, 0)); kill(c, SIGCONT); wait_for(c, "s3"); P(PTRACE_CONT, c, 0, 0); wait_for(c, "s4"); P(PTRACE_CONT, c, 0, SIGCONT); kill(c, SIGTERM); wait_for(c, "s5"); P(PTRACE_DETACH, c, 0, SIGTERM); wait_for(c, "s6");
  /* interrupted sleep goes on */
  c = traced(sleeps); wait_for(c, "z0"); P(PTRACE_CONT, c, 0, 0); msleep(100); kill(c, SIGWINCH); wait_for(c, "z1"); P(PTRACE_CONT, c, 0, SIGWINCH); wait_for(c, "z2");
  /* seccomp stops */
  for (int i = 0; i < 3; i++) {
    c = traced(filtered); wait_for(c, "f0"); P(PTRACE_SETOPTIONS, c, 0, i == 2 ? 0 : PTRACE_O_TRACESECCOMP); P(PTRACE_CONT, c, 0, 0); 
    if (wait_for(c, "f1") == 0 || i == 2) continue;
    P(PTRACE_GETEVENTMSG, c, 0, &msg); say("message %lu\n", msg);
    if (i == 1) { struct user_regs_struct r = regs_of(c); ORIG(r) = -1; AX(r) = 4242; P(PTRACE_SETREGS, c, 0, &r); }
    P(PTRACE_CONT, c, 0, 0); wait_for(c, "f2");
  }
  /* a tracer that ends lets go, or takes along */
  for (int kill_too = 0; kill_too < 2; kill_too++) {
    int p[2]; pipe(p); c = fork(); if (c == 0) { close(p[0]); for (;;) pause(); }
    close(p[1]); CHILD("tracer", { P(PTRACE_SEIZE, c, 0, kill_too ? PTRACE_O_EXITKILL : 0); });
    msleep(50); int alive = waitpid(c, &st, WNOHANG) == 0; say("alive %d\n", alive); if (alive) { kill(c, SIGKILL); waitpid(c, &st, 0); } close(p[0]);
  }
  /* the parent hears of the end after the tracer */
  c = fork(); if (c == 0) { msleep(150); _exit(9); }
  CHILD("tracer", { R(P(PTRACE_SEIZE, c, 0, 0)); wait_for(c, "tracee of another"); });
  wait_for(c, "own child");
  return 0;
}
