#include "test.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
/* flags: -pthread */
/* seccomp: strict mode, filters with every action, chains of filters, refused programs, inheritance, threads. */
#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_I386
#endif
#define STMT(code, k) BPF_STMT(code, k)
#define JUMP(code, k, t, f) BPF_JUMP(code, k, t, f)
#define LOAD(field) STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(k) STMT(BPF_RET | BPF_K, k)

static long install(struct sock_filter *f, unsigned n, unsigned flags) {
  struct sock_fprog p = { n, f };
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}
#define INSTALL(...) ({ struct sock_filter f_[] = { __VA_ARGS__ }; install(f_, sizeof f_ / sizeof *f_, 0); })
#define ON(nr, action) LOAD(nr), JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), RET(action), RET(SECCOMP_RET_ALLOW)
/* `action` for system call `number`, everything else allowed */
static long on(int number, unsigned action) {
  return INSTALL(LOAD(nr), JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), RET(action), RET(SECCOMP_RET_ALLOW));
}
static void nnp(void) { prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
static void status_lines(void) {
  char line[200];
  FILE *f = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, f)) if (!strncmp(line, "Seccomp", 7) || !strncmp(line, "NoNewPrivs", 10)) say("%s", line);
  fclose(f);
}
static void on_sys(int s, siginfo_t *i, void *u) {
  say("SIGSYS code %d errno %d syscall ok %d arch ok %d addr %d\n", i->si_code, i->si_errno, i->si_syscall == SYS_getppid, i->si_arch == ARCH, i->si_call_addr != NULL);
}
static void *other_thread(void *a) { R(syscall(SYS_getppid) > 0); return NULL; }
static int go;
static void *waits(void *a) { while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST)) usleep(1000); return (void *)(long)(syscall(SYS_getppid) == -1 ? errno : 0); }
static void *thread_killed(void *a) { syscall(SYS_getppid); say("not reached\n"); return NULL; }

int main(void) {
  struct rlimit none = { 0, 0 };
  setrlimit(RLIMIT_CORE, &none);
  setvbuf(stdout, NULL, _IONBF, 0);
  status_lines();
  R(prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
  CHILD("strict", { R(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0)); say("still writes\n"); syscall(SYS_exit, 7); });
  CHILD("strict kills", { syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL); syscall(SYS_getpid); say("not reached\n"); });
  CHILD("strict then filter", { char c; nnp(); int p[2]; pipe(p); prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); on(SYS_getppid, SECCOMP_RET_ALLOW); });
  CHILD("errno", { nnp(); R(on(SYS_getppid, SECCOMP_RET_ERRNO | 7)); R(syscall(SYS_getppid)); R(prctl(PR_GET_SECCOMP)); status_lines(); R(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)); });
  CHILD("errno 0", { nnp(); on(SYS_getppid, SECCOMP_RET_ERRNO); R(syscall(SYS_getppid)); });
  CHILD("errno too big", { nnp(); on(SYS_getppid, SECCOMP_RET_ERRNO | 0xffff); R(syscall(SYS_getppid) == -1 ? errno : 0); });
  CHILD("kill process", { nnp(); on(SYS_getppid, SECCOMP_RET_KILL_PROCESS); signal(SIGSYS, SIG_IGN); syscall(SYS_getppid); });
  CHILD("kill thread, only one", { nnp(); on(SYS_getppid, SECCOMP_RET_KILL_THREAD); syscall(SYS_getppid); });
  CHILD("kill thread of two", { pthread_t t; nnp(); on(SYS_getppid, SECCOMP_RET_KILL_THREAD); pthread_create(&t, NULL, thread_killed, NULL); msleep(100); say("lives\n"); syscall(SYS_exit_group, 5); });
  CHILD("kill process of two", { pthread_t t; nnp(); on(SYS_getppid, SECCOMP_RET_KILL_PROCESS); pthread_create(&t, NULL, thread_killed, NULL); msleep(1000); say("lives\n"); });
  CHILD("unknown action", { nnp(); on(SYS_getppid, 0x12340000); syscall(SYS_getppid); });
  CHILD("trap", {
    nnp();
    struct sigaction a = { .sa_sigaction = on_sys, .sa_flags = SA_SIGINFO };
    sigaction(SIGSYS, &a, NULL);
    on(SYS_getppid, SECCOMP_RET_TRAP | 99);
    long r = syscall(SYS_getppid);
    say("result is the number %d\n", r == SYS_getppid);
  });
  CHILD("trap blocked", { nnp(); sigset_t s; sigfillset(&s); sigprocmask(SIG_BLOCK, &s, NULL); on(SYS_getppid, SECCOMP_RET_TRAP); syscall(SYS_getppid); });
  CHILD("trace without tracer", { nnp(); on(SYS_getppid, SECCOMP_RET_TRACE | 5); R(syscall(SYS_getppid)); });
  CHILD("log", { nnp(); on(SYS_getppid, SECCOMP_RET_LOG); R(syscall(SYS_getppid) > 0); });
  CHILD("strictest wins", { nnp(); on(SYS_getppid, SECCOMP_RET_ERRNO | 1); on(SYS_getppid, SECCOMP_RET_ALLOW); on(SYS_getppid, SECCOMP_RET_TRACE); R(syscall(SYS_getppid)); status_lines(); });
  CHILD("newest of equals", { nnp(); on(SYS_getppid, SECCOMP_RET_ERRNO | 1); on(SYS_getppid, SECCOMP_RET_ERRNO | 2); R(syscall(SYS_getppid)); });
  CHILD("arguments", {
    nnp();
    /* getpriority(which, who): both halves of an argument, architecture, number */
    INSTALL(LOAD(arch), JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), RET(SECCOMP_RET_KILL), LOAD(nr), JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 1, 0), RET(SECCOMP_RET_ALLOW),
      LOAD(args[0]), JUMP(BPF_JMP | BPF_JGT | BPF_K, 1000, 0, 1), RET(SECCOMP_RET_ERRNO | 33), STMT(BPF_ALU | BPF_MUL | BPF_K, 3), STMT(BPF_ALU | BPF_ADD | BPF_K, 1), STMT(BPF_RET | BPF_A, 0));
    errno = 0; R(syscall(SYS_getpriority, 5000, 0));
  });
  CHILD("arithmetic", {
    nnp();
    INSTALL(LOAD(nr), JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 1, 0), RET(SECCOMP_RET_ALLOW), LOAD(args[0]), STMT(BPF_MISC | BPF_TAX, 0), LOAD(args[1]), STMT(BPF_ST, 3), STMT(BPF_ALU | BPF_MUL | BPF_X, 0),
      STMT(BPF_ALU | BPF_SUB | BPF_K, 5), STMT(BPF_STX, 4), STMT(BPF_LDX | BPF_MEM, 3), STMT(BPF_ALU | BPF_DIV | BPF_X, 0), STMT(BPF_ALU | BPF_LSH | BPF_K, 2), STMT(BPF_ALU | BPF_XOR | BPF_K, 9), STMT(BPF_ALU | BPF_RSH | BPF_K, 1),
      STMT(BPF_ALU | BPF_NEG, 0), STMT(BPF_ALU | BPF_AND | BPF_K, 0xff), STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), STMT(BPF_RET | BPF_A, 0));
    for (int a = 0; a < 30; a += 7) for (int b = 0; b < 9; b += 4) { long r = syscall(SYS_getpriority, a, b); say("%d ", b == 0 ? -7 : r == -1 ? errno : (int)r); if (b == 0) break; }
    say("\n"); long r = syscall(SYS_getpriority, 20, 4); say("%d\n", errno);
  });
  CHILD("inherited", { nnp(); on(SYS_getppid, SECCOMP_RET_ERRNO | 11); CHILD("grandchild", { R(syscall(SYS_getppid)); }); pthread_t t; pthread_create(&t, NULL, other_thread, NULL); pthread_join(t, NULL); execl("/bin/sh", "sh", "-c", "grep -a Seccomp: /proc/self/status", NULL); });
  CHILD("tsync", {
    pthread_t t; void *r; nnp();
    pthread_create(&t, NULL, waits, NULL);
    struct sock_filter f[] = { LOAD(nr), JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), RET(SECCOMP_RET_ERRNO | 40), RET(SECCOMP_RET_ALLOW) };
    R(install(f, 4, SECCOMP_FILTER_FLAG_TSYNC));
    __atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
    pthread_join(t, &r); say("other thread %ld\n", (long)r);
  });
  CHILD("no tsync", {
    pthread_t t; void *r; nnp(); pthread_create(&t, NULL, waits, NULL); msleep(20); on(SYS_getppid, SECCOMP_RET_ERRNO | 40); __atomic_store_n(&go, 1, __ATOMIC_SEQ_CST); pthread_join(t, &r); say("other thread %ld\n", (long)r);
  });
  /* refused */
  nnp();
  R(INSTALL(RET(SECCOMP_RET_ALLOW)));
  R(INSTALL(LOAD(nr)));
  R(INSTALL(STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET(0)));
  R(INSTALL(STMT(BPF_LD | BPF_W | BPF_ABS, 64), RET(0)));
  R(INSTALL(STMT(BPF_LD | BPF_H | BPF_ABS, 0), RET(0)));
  R(INSTALL(STMT(BPF_LD | BPF_W | BPF_IND, 0), RET(0)));
  R(INSTALL(STMT(BPF_LD | BPF_MEM, 0), RET(0)));
  R(INSTALL(STMT(BPF_ST, 16), RET(0)));
  R(INSTALL(STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET(0)));
  R(INSTALL(STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RET(0)));
  R(INSTALL(STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET(0)));
  R(INSTALL(JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 5, 0), RET(0)));
  R(INSTALL(STMT(BPF_JMP | BPF_JA, 1), RET(0)));
  R(INSTALL(JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), STMT(BPF_ST, 2), STMT(BPF_LD | BPF_MEM, 2), RET(0)));
  R(INSTALL(STMT(0xffff, 0), RET(0)));
  struct sock_fprog p = { 0, NULL };
  R(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
  p.len = 5000; R(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
  p.len = 1; p.filter = (void *)8; R(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p));
  R(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (void *)8));
  R(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1 << 20, &p));
  R(syscall(SYS_seccomp, 77, 0, NULL));
  R(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL));
  R(prctl(PR_SET_SECCOMP, 9, 0));
  unsigned actions[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW, 0x1234 };
  for (int i = 0; i < 8; i++) R(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]));
  R(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, NULL));
  struct seccomp_notif_sizes sizes = { 0 };
  R(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes));
  say("%d %d %d\n", sizes.seccomp_notif, sizes.seccomp_notif_resp, sizes.seccomp_data);
  CHILD("without privilege", { syscall(SYS_setuid, 65534); });
  int n = 0;
  struct sock_filter *big = calloc(4096, sizeof *big);
  for (int i = 0; i < 4095; i++) big[i] = (struct sock_filter)STMT(BPF_LD | BPF_IMM, i);
  big[4095] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
  CHILD("too many", { int k = 0; while (install(big, 4096, 0) == 0) k++; say("%d %s\n", k, ename(errno)); });
  return 0;
}
