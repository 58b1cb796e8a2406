#include "test.h"
#include <sys/prctl.h>
#include <elf.h>
/* execve: arguments, environment, scripts, errors, what survives, auxv. */
extern char **environ;
static char self[4096]; static int st;
static void script(const char *name, const char *text) { put_file(name, text); chmod(name, 0755); }
static void run(const char *name, char **argv, char **envp) { pid_t c = fork(); if (c == 0) { execve(name, argv, envp); say("execve %s: %s\n", name, ename(errno)); _exit(111); } waitpid(c, &st, 0); show_status(name, st); }
int main(int argc, char **argv) {
  if (argc == 0 || argv[0][0] == 0) { say("argc %d, empty name\n", argc); return 0; }
  if (argc > 1 && !strcmp(argv[1], "child")) {
    say("argc %d", argc); for (int i = 0; i < argc; i++) say(" [%s]", i ? argv[i] : strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i]); say("\n"); for (char **e = environ; *e; e++) say("env [%s]\n", *e);
    struct sigaction a; sigaction(SIGUSR1, NULL, &a); say("usr1 %s ", a.sa_handler == SIG_DFL ? "dfl" : a.sa_handler == SIG_IGN ? "ign" : "handler"); sigaction(SIGUSR2, NULL, &a); say("usr2 %s\n", a.sa_handler == SIG_DFL ? "dfl" : a.sa_handler == SIG_IGN ? "ign" : "handler"); sigset_t m; sigprocmask(0, NULL, &m); sigset_t p; sigpending(&p); say("hup blocked %d pending %d\n", sigismember(&m, SIGHUP), sigismember(&p, SIGHUP)); stack_t s; sigaltstack(NULL, &s); say("altstack %d umask %o\n", s.ss_flags, umask(0)); for (int fd = 3; fd < 12; fd++) if (fcntl(fd, F_GETFD) >= 0) say("fd %d open\n", fd); char n[17] = ""; prctl(PR_GET_NAME, n); say("comm %.4s nice %d\n", n, getpriority(PRIO_PROCESS, 0)); struct itimerval it; getitimer(ITIMER_REAL, &it); say("timer %d\n", it.it_value.tv_sec > 0);
    return 17;
  }
  if (argc > 1 && !strcmp(argv[1], "aux")) { char **e = environ; while (*e) e++; 
#ifdef __x86_64__
    Elf64_auxv_t *v = (void *)(e + 1);
#else
    Elf32_auxv_t *v = (void *)(e + 1);
#endif
    for (; v->a_type; v++) { long t = v->a_type; if (t == AT_PAGESZ || t == AT_PHENT || t == AT_CLKTCK || t == AT_UID || t == AT_EUID || t == AT_GID || t == AT_EGID || t == AT_SECURE || t == AT_FLAGS) say("aux %ld = %ld\n", t, (long)v->a_un.a_val); else if (t == AT_PLATFORM || t == AT_EXECFN) say("aux %ld = %s\n", t, strrchr((char *)v->a_un.a_val, '/') ? strrchr((char *)v->a_un.a_val, '/') : (char *)v->a_un.a_val); else if (t == AT_PHDR || t == AT_PHNUM || t == AT_ENTRY || t == AT_RANDOM || t == AT_HWCAP || t == AT_BASE) say("aux %ld present\n", t); } say("stack aligned %d\n", ((uintptr_t)argv - sizeof(long)) % 16 == 0); return 0; }
  if (argc > 1) { say("script args:"); for (int i = 1; i < argc; i++) say(" [%s]", argv[i]); say("\n"); return 0; }
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1); self[n] = 0; enter_tmp();
  char *env[] = { "A=1", "B=two words", "C=", NULL }, *none[] = { NULL };
  symlink(self, "me"); run("me", (char *[]){ "zero", "child", "", "a b", NULL }, env); run("./me", (char *[]){ "me", "child", NULL }, none);
  int fd = open("/dev/null", O_RDONLY); fcntl(fd, F_DUPFD, 5); fcntl(fd, F_DUPFD_CLOEXEC, 7); dup2(fd, 9); fcntl(9, F_SETFD, FD_CLOEXEC); signal(SIGUSR1, SIG_IGN); signal(SIGUSR2, (void *)main); sigset_t m; sigemptyset(&m); sigaddset(&m, SIGHUP); sigprocmask(SIG_BLOCK, &m, NULL); stack_t ss = { malloc(20000), 0, 20000 }; sigaltstack(&ss, NULL); umask(027);
  pid_t c = fork(); if (c == 0) { raise(SIGHUP); setpriority(PRIO_PROCESS, 0, 3); alarm(100); execve("me", (char *[]){ "me", "child", NULL }, none); _exit(1); } waitpid(c, &st, 0); show_status("kept", st); umask(022); sigprocmask(SIG_UNBLOCK, &m, NULL);
  run("me", (char *[]){ "me", "aux", NULL }, none);
  put_file("noexec", "#!/bin/sh\n"); run("noexec", (char *[]){ "x", NULL }, none); run("missing", (char *[]){ "x", NULL }, none); mkdir("dir", 0755); run("dir", (char *[]){ "x", NULL }, none); run("me/x", (char *[]){ "x", NULL }, none); run("", (char *[]){ "x", NULL }, none);
  script("empty", ""); run("empty", (char *[]){ "x", NULL }, none); script("text", "echo hi\n"); run("text", (char *[]){ "x", NULL }, none); script("sh", "#!/bin/sh\necho script $0 $1 $#\n"); run("./sh", (char *[]){ "zero", "one", "two", NULL }, none);
  char line[5000]; snprintf(line, sizeof line, "#! ./me  opt1 opt2 \n"); script("s2", line); run("./s2", (char *[]){ "zero", "one", NULL }, none); script("s3", "#!./s2 x\n"); run("./s3", (char *[]){ "z", "y", NULL }, none); script("loop", "#!./loop\n"); run("./loop", (char *[]){ "z", NULL }, none); script("nointerp", "#!\n"); run("./nointerp", (char *[]){ "z", NULL }, none); script("badinterp", "#!/no/such/thing\n"); run("./badinterp", (char *[]){ "z", NULL }, none); script("dirinterp", "#!/tmp\n"); run("./dirinterp", (char *[]){ "z", NULL }, none); memset(line, 'a', 300); strcpy(line, "#!./me"); line[6] = ' '; line[300] = 0; script("long", line); run("./long", (char *[]){ "z", NULL }, none); script("crlf", "#!/bin/sh\r\necho x\n"); run("./crlf", (char *[]){ "z", NULL }, none); script("nonl", "#!./me end"); run("./nonl", (char *[]){ "z", NULL }, none);
  script("elf1", "\177ELF"); run("elf1", (char *[]){ "x", NULL }, none); int in = open(self, O_RDONLY); char head[64]; read(in, head, 64); fd = open("elf2", O_CREAT | O_WRONLY, 0755); head[18] = 99; write(fd, head, 64); close(fd); run("elf2", (char *[]){ "x", NULL }, none); head[18] = sizeof(long) == 8 ? 62 : 3; fd = open("elf3", O_CREAT | O_WRONLY, 0755); write(fd, head, 64); close(fd); run("elf3", (char *[]){ "x", NULL }, none);
  fd = open("busy", O_CREAT | O_WRONLY, 0755); run("busy", (char *[]){ "x", NULL }, none); close(fd);
  R(execve("me", (char **)8, none)); R(execve("me", (char *[]){ (char *)8, NULL }, none)); R(execve((char *)8, none, none)); char *big = malloc(200000); memset(big, 'b', 199999); big[199999] = 0; run("me", (char *[]){ "me", big, NULL }, none);
  c = fork(); if (c == 0) { int f = open("me", O_RDONLY | O_PATH); char *a[] = { "fexec", "child", NULL }; syscall(SYS_execveat, f, "", a, none, AT_EMPTY_PATH); _exit(9); } waitpid(c, &st, 0); show_status("execveat", st); c = fork(); if (c == 0) { int f = open(".", O_RDONLY); char *a[] = { "at", "x", NULL }; R(syscall(SYS_execveat, f, "me", a, none, AT_SYMLINK_NOFOLLOW)); R(syscall(SYS_execveat, f, "", a, none, 0)); R(syscall(SYS_execveat, 99, "me", a, none, 0)); R(syscall(SYS_execveat, f, "me", a, none, 0x40000)); syscall(SYS_execveat, f, "me", a, none, 0); _exit(9); } waitpid(c, &st, 0); show_status("execveat dir", st);
  c = vfork(); if (c == 0) { execve("me", (char *[]){ "v", "child", NULL }, none); _exit(9); } waitpid(c, &st, 0); show_status("vfork exec", st);
  c = fork(); if (c == 0) { char *a[] = { NULL }; execve("me", a, none); _exit(9); } waitpid(c, &st, 0); show_status("no argv", st);
  leave_tmp();
  return 0;
}
