#include "test.h"
#include <setjmp.h>
/* What becomes of mapped pages when their file is written, truncated, punched, extended: shared, private untouched, private changed; before and after fork. */
static sigjmp_buf env; static volatile int code;
static void bus(int s, siginfo_t *i, void *u) { code = i->si_code; siglongjmp(env, s); }
static void peek(const char *name, volatile char *p) {
  int s = sigsetjmp(env, 1);
  if (!s) { char c = *p; say("%s: %d\n", name, c); } else say("%s: %s code %d\n", name, sigabbrev_np(s), code);
}
static void poke(const char *name, volatile char *p, char v) {
  int s = sigsetjmp(env, 1);
  if (!s) { *p = v; say("%s: written\n", name); } else say("%s: %s code %d\n", name, sigabbrev_np(s), code);
}
static int fd; static char *sh, *pr, *pc, page[4096];
static void all(const char *what, int off) { char n[60]; const char *k[] = { "shared", "private", "changed" }; char *m[] = { sh, pr, pc }; for (int i = 0; i < 3; i++) { snprintf(n, 60, "%s %s", what, k[i]); peek(n, m[i] + off); } }
static void fresh(int (*make)(void)) {
  fd = make(); for (int i = 0; i < 5; i++) { memset(page, 'a' + i, 4096); write(fd, page, 4096); }
  sh = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); pr = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0); pc = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  for (int i = 0; i < 5; i++) { page[0] = sh[i * 4096]; page[1] = pr[i * 4096]; pc[i * 4096 + 1] = 'X'; }
}
static void done(void) { munmap(sh, 8 * 4096); munmap(pr, 8 * 4096); munmap(pc, 8 * 4096); close(fd); }
static int by_file(void) { unlink("f"); return open("f", O_RDWR | O_CREAT | O_TRUNC, 0600); }
static int by_memfd(void) { return memfd_create("x", 0); }
static void round_(int (*make)(void)) {
  fresh(make); all("start", 0); all("beyond", 5 * 4096);
  pwrite(fd, "WW", 2, 4096); all("after write", 4096); all("after write +1", 4097);
  sh[2 * 4096] = 'S'; all("shared store", 2 * 4096); sh[2 * 4096 + 5] = 'T'; all("shared store again", 2 * 4096 + 5);
  R(ftruncate(fd, 3 * 4096 + 100)); all("in", 3 * 4096 + 99); all("tail", 3 * 4096 + 100); all("gone", 4 * 4096);
  poke("gone write private", pr + 4 * 4096, 1); poke("gone write changed", pc + 4 * 4096, 1); poke("gone write shared", sh + 4 * 4096, 1);
  R(ftruncate(fd, 5 * 4096)); all("tail again", 3 * 4096 + 100); all("back", 4 * 4096); all("back +1", 4 * 4096 + 1);
  poke("write", pr + 4 * 4096, 7); all("written", 4 * 4096);
  R(ftruncate(fd, 0)); all("none", 0); R(ftruncate(fd, 8 * 4096)); all("zeros", 0); all("zeros", 7 * 4096); done();
  fresh(make); R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096)); all("punched", 4096); all("punched +1", 4097); R(madvise(sh, 4096, MADV_REMOVE)); all("removed", 0); all("removed +1", 1);
  /* a read that changes nothing keeps everything; MADV_DONTNEED brings the file's back */
  poke("pc", pc + 2 * 4096, 'k'); R(madvise(pc + 2 * 4096, 4096, MADV_DONTNEED)); all("dontneed", 2 * 4096); done();
  /* forked: what the parent changed, what nobody did, who reads first */
  fresh(make); fflush(stdout); int p[2], q[2]; pipe(p); pipe(q); pid_t c = fork();
  if (!c) { char x; read(p[0], &x, 1); all("child after write", 0); all("child +1", 1); poke("child writes", pr + 4096, 'c'); write(q[1], "x", 1); read(p[0], &x, 1); all("child after truncate", 4096); all("child stays", 0); poke("child", pr, 'C'); peek("child own", pr); write(q[1], "x", 1); _exit(0); }
  char x; pwrite(fd, "Q", 1, 0); write(p[1], "x", 1); read(q[0], &x, 1); all("parent", 4096); R(ftruncate(fd, 4096)); write(p[1], "x", 1); read(q[0], &x, 1); all("parent after truncate", 4096); all("parent stays", 0); wait(NULL); done();
  /* parent changes a clean page that the child has not touched */
  fresh(make); c = fork(); if (!c) { char y; read(p[0], &y, 1); peek("lazy child", pr); read(p[0], &y, 1); peek("lazy child", pr + 1); peek("lazy child's page", pr + 2 * 4096); _exit(0); }
  poke("parent", pr, 'P'); write(p[1], "x", 1); msleep(60); pwrite(fd, "rs", 2, 0); pwrite(fd, "t", 1, 2 * 4096); peek("own copy", pr + 1); peek("clean", pr + 2 * 4096); write(p[1], "x", 1); wait(NULL); done();
  /* open with O_TRUNC, truncate(2), mremap and mprotect between */
  fresh(make); char *mv = mremap(pr, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, pc + 6 * 4096); R(mv == pc + 6 * 4096); pwrite(fd, "M", 1, 0); peek("moved", mv); mprotect(pc, 4096, PROT_READ); R(ftruncate(fd, 0)); peek("moved gone", mv); peek("read-only gone", pc); done();
}
int main(void) {
  enter_tmp(); struct sigaction sa = { .sa_sigaction = bus, .sa_flags = SA_SIGINFO }; sigaction(SIGBUS, &sa, NULL); sigaction(SIGSEGV, &sa, NULL);
  say("-- file\n"); round_(by_file); say("-- memfd\n"); round_(by_memfd);
  put_file("t", "0123456789"); fd = open("t", O_RDWR); pr = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0); pc = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0); peek("small", pr + 3); poke("small", pc + 3, 'z'); R(truncate("t", 2)); peek("cut", pr + 3); peek("cut changed", pc + 3); close(open("t", O_WRONLY | O_TRUNC)); peek("emptied", pr); peek("emptied changed", pc);
  put_file("t", "abc"); peek("new text", pr); peek("new text", pc + 3); leave_tmp(); return 0;
}
