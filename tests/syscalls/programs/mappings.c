#include "test.h"
#include <setjmp.h>
#include <sys/prctl.h>
/* mmap and its relatives: kinds of mapping, errors, protection, moving, advice, sharing between processes, files and their mappings. */
static sigjmp_buf jump;
static volatile int fault_code, fault_sig;
static void *volatile fault_addr;
static void on_fault(int s, siginfo_t *i, void *c) { fault_sig = s; fault_code = i->si_code; fault_addr = i->si_addr; siglongjmp(jump, 1); }
static const char *touch(volatile char *p, int write) {
  static char text[64];
  if (sigsetjmp(jump, 1) == 0) { if (write) *p = *p + 1; else (void)*p; return "ok"; }
  snprintf(text, sizeof text, "%s code %d %s", sigabbrev_np(fault_sig), fault_code, fault_addr == (void *)p ? "here" : "elsewhere");
  return text;
}
#define TR(p) say("read " #p ": %s\n", touch((void *)(p), 0))
#define TW(p) say("write " #p ": %s\n", touch((void *)(p), 1))
static char *map(void *at, size_t n, int prot, int flags, int fd, off_t off) { char *p = mmap(at, n, prot, flags, fd, off); if (p == MAP_FAILED) say("mmap: %s\n", ename(errno)); return p; }
static void resident(const char *what, char *p, int n) { unsigned char v[64]; if (mincore(p, n * 4096, v)) { say("%s: %s\n", what, ename(errno)); return; } say("%s:", what); for (int i = 0; i < n; i++) say(" %d", v[i] & 1); say("\n"); }
int main(void) {
  struct sigaction a; memset(&a, 0, sizeof a); a.sa_sigaction = on_fault; a.sa_flags = SA_SIGINFO; sigaction(SIGSEGV, &a, NULL); sigaction(SIGBUS, &a, NULL);
  enter_tmp();
  char *p = map(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q, *r;
  TR(p); TW(p); TW(p + 16383); say("zero %d %d\n", p[100], p[16383]);
  resident("mincore", p, 4); OK(mincore(p + 1, 1, NULL)); R(mincore(p, 4096, (void *)8)); R(munmap(p + 4096, 4096)); resident("hole", p, 4); TR(p + 4096); TR(p + 8192);
  R(mprotect(p, 4096, PROT_NONE)); TR(p); R(mprotect(p, 4096, PROT_READ)); TR(p); TW(p); R(mprotect(p, 4096, PROT_READ | PROT_WRITE)); TW(p); say("kept %d\n", p[0]);
  R(mprotect(p, 16384, PROT_READ)); TW(p); TR(p + 8192); TW(p + 8192); R(mprotect(p + 1, 4096, PROT_READ)); R(mprotect(p, 4096, 0x80)); R(mprotect(p, 0, 0)); R(munmap(p, 0)); R(munmap(p + 1, 1)); R(munmap(p, 16384)); R(munmap(p, 16384)); TR(p);
  /* errors */
  R(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); R(mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0)); R(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0)); R(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 0)); R(mmap((void *)1, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  R(mmap(NULL, (size_t)-4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); R(mmap(NULL, (size_t)-1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  p = map(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); memset(p, 7, 12288);
  q = map(p + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); say("fixed %d: %d %d %d\n", q == p + 4096, p[0], p[4096], p[8192]); TW(q);
  R(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)); munmap(p, 12288); q = map(p, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); say("hint %d\n", q == p); munmap(q, 4096); q = map(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0); say("noreplace %d\n", q == p); munmap(q, 4096);
  /* mremap */
  p = map(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); q = map(p, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); strcpy(q, "first"); strcpy(q + 4096, "second"); munmap(p + 8192, 8192);
  r = mremap(q, 8192, 16384, 0); say("grow in place %d %s %d\n", r == q, q + 4096, q[16000]); R(mremap(q, 16384, 32768, 0)); r = mremap(q, 16384, 32768, MREMAP_MAYMOVE); say("moved %d %s %s %d\n", r != q && r != MAP_FAILED, r, r + 4096, r[30000]); TR(q); q = mremap(r, 32768, 4096, 0); say("shrink %d %s\n", q == r, q); TR(q + 4096);
  r = mremap(q, 4096, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, p + 32768); say("fixed %d %s\n", r == p + 32768, r); TR(r + 8191); TR(r + 8192); R(mremap(r, 4096, 4096, MREMAP_FIXED, p)); R(mremap(r + 1, 4096, 4096, 0)); R(mremap(r, 4096, 0, 0)); R(mremap((void *)4096, 4096, 8192, MREMAP_MAYMOVE)); R(mremap(r, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, r + 4096));
  q = mremap(r, 8192, 8192, MREMAP_MAYMOVE | 4); say("dontunmap %d %s [%s]\n", q != MAP_FAILED && q != r, q, r); munmap(p, 65536);
  /* files */
  char block[4096]; int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0644); for (int i = 0; i < 3; i++) { memset(block, 'a' + i, 4096); write(fd, block, i < 2 ? 4096 : 100); }
  p = map(NULL, 16384, PROT_READ, MAP_PRIVATE, fd, 0); say("%c %c %c %d\n", p[0], p[4096], p[8192], p[8192 + 100]); TR(p + 12287); TR(p + 12288); TW(p); munmap(p, 16384); R(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 100));
  p = map(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096); strcpy(p, "private"); pread(fd, block, 10, 4096); say("file has %.5s, map %s\n", block, p); munmap(p, 8192);
  p = map(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); q = map(NULL, 12288, PROT_READ, MAP_SHARED, fd, 0); strcpy(p + 10, "shared"); say("other map %s\n", q + 10); pread(fd, block, 20, 5); say("read %.12s\n", block); pwrite(fd, "WRITTEN", 7, 4100); say("maps %.8s %.8s\n", p + 4099, q + 4099); p[4101] = '!'; pread(fd, block, 8, 4100); say("read %.8s\n", block);
  strcpy(p + 8192 + 200, "beyond"); R(msync(p, 12288, MS_SYNC)); struct stat st; fstat(fd, &st); say("size %d\n", (int)st.st_size); R(ftruncate(fd, 5000)); TR(p + 4999); say("tail %d\n", p[5001]); TR(p + 8192); R(ftruncate(fd, 12000)); TR(p + 8192); say("again %d\n", p[8192]); say("first %.6s\n", p + 10);
  R(msync(p, 100, 77)); R(msync(p + 1, 100, MS_SYNC)); R(msync(p, 12288, MS_SYNC | MS_ASYNC)); R(msync((void *)(1 << 20), 4096, MS_SYNC));
  CHILD("shared file child", strcpy(p + 20, "from child"); say("child sees %s\n", q + 20)); say("parent sees %s %s\n", p + 20, q + 20); pread(fd, block, 30, 20); say("file %.10s\n", block);
  munmap(p, 12288); munmap(q, 12288); int ro = open("data", O_RDONLY), wo = open("data", O_WRONLY); R(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0)); p = map(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0); R(mprotect(p, 4096, PROT_READ | PROT_WRITE)); p = map(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0); TW(p); R(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, wo, 0)); R(mmap(NULL, 4096, PROT_READ, MAP_SHARED, wo, 0));
  int dir = open(".", O_RDONLY), pipes[2]; pipe(pipes); R(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, dir, 0)); R(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, pipes[0], 0)); int zero = open("/dev/zero", O_RDWR); p = map(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0); say("zero %d\n", p[5000]); TW(p); int null = open("/dev/null", O_RDWR); R(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, null, 0));
  close(fd); fd = open("kept", O_RDWR | O_CREAT, 0644); write(fd, "still there", 12); p = map(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); close(fd); unlink("kept"); say("unlinked %s\n", p); strcpy(p, "new"); say("%s\n", p);
  /* shared anonymous memory, fork and copies */
  int *s = (int *)map(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); int *c = (int *)map(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); s[0] = c[0] = 1; c[1024] = 5;
  CHILD("copies", s[0]++; c[0]++; c[1024]++; say("child %d %d %d\n", s[0], c[0], c[1024]); CHILD("grandchild", s[1024] = 9; c[1024]++; say("grandchild %d %d %d\n", s[0], c[0], c[1024])); say("child again %d %d\n", c[1024], s[1024])); say("parent %d %d %d %d\n", s[0], c[0], c[1024], s[1024]);
  for (int i = 0; i < 100; i++) { if (fork() == 0) { __sync_fetch_and_add(&s[1], 1); c[0] = 99; _exit(0); } c[2] = i; if (i % 4 == 3) while (wait(NULL) > 0); } while (wait(NULL) > 0); say("sum %d private %d %d\n", s[1], c[0], c[2]);
  R(madvise(c, 4096, MADV_DONTNEED)); say("dontneed %d %d\n", c[0], c[1024]); R(madvise(s, 8192, MADV_DONTNEED)); say("shared dontneed %d\n", s[1]); R(madvise(c, 4096, 999)); R(madvise((char *)c + 1, 4096, MADV_DONTNEED)); R(madvise(c, 4096, MADV_WIPEONFORK)); c[0] = 3; CHILD("wiped", say("%d %d\n", c[0], c[1024])); R(madvise(s, 4096, MADV_WIPEONFORK)); R(madvise(c, 4096, MADV_KEEPONFORK)); R(madvise(c, 4096, MADV_DONTFORK)); CHILD("not forked", TR(c); TR(c + 1024)); R(madvise(c, 4096, MADV_FREE)); R(madvise((void *)(1 << 20), 4096, MADV_NORMAL)); R(madvise(c, 8192, MADV_HUGEPAGE) == 0 || errno == EINVAL); R(madvise(s, 4096, MADV_REMOVE)); say("removed %d %d\n", s[1], s[1024]);
  R(madvise(c, 8192, MADV_POPULATE_WRITE)); resident("populated", (char *)c, 2); R(madvise(c, 8192, MADV_POPULATE_READ));
  /* brk, stack, run-time code */
  char *b = sbrk(0); R(brk(b + 10000)); b[9999] = 4; say("brk %d %d\n", (char *)sbrk(0) == b + 10000, b[9999]); R(brk(b)); R(brk(b + 10000)); say("fresh %d\n", b[9999]); R(brk((char *)1) == 0); brk(b);
  CHILD("deep stack", volatile char big[6 << 20]; big[0] = 1; big[sizeof big - 1] = 2; say("%d %d\n", big[0], big[sizeof big - 1])); 
  struct rlimit rl = { 1 << 20, 1 << 20 }; CHILD("stack overflow", signal(SIGSEGV, SIG_DFL); setrlimit(RLIMIT_STACK, &rl); volatile char *big = alloca(3 << 20); big[0] = 1; say("not reached\n"));
  unsigned char *code = (void *)map(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); memcpy(code, "\xb8\x05\0\0\0\xc3", 6); say("code %d\n", ((int (*)(void))code)()); code[1] = 6; say("code %d\n", ((int (*)(void))code)()); for (int i = 0; i < 1000; i++) { code[1] = i; if (((int (*)(void))code)() != (i & 255)) { say("stale at %d\n", i); break; } }
  CHILD("code in child", code[1] = 77; say("child %d\n", ((int (*)(void))code)())); say("parent %d\n", ((int (*)(void))code)()); mprotect(code, 4096, PROT_READ); if (sigsetjmp(jump, 1) == 0) { ((int (*)(void))code)(); say("executed\n"); } else say("not executable: code %d\n", fault_code); int pf[2]; pipe(pf); mprotect(code, 4096, 7); write(pf[1], "\xb8\x2a\0\0\0\xc3", 6); read(pf[0], code, 6); say("read into code %d\n", ((int (*)(void))code)());
  /* limits */
  CHILD("RLIMIT_AS", struct rlimit l = { 64 << 20, 64 << 20 }; setrlimit(RLIMIT_AS, &l); R(mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))); CHILD("RLIMIT_DATA", struct rlimit l = { 32 << 20, 32 << 20 }; setrlimit(RLIMIT_DATA, &l); R(mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); OK(mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0));
  R(mlock(p, 4096)); R(munlock(p, 4096)); R(mlockall(0)); R(mlock((void *)(1 << 20), 4096)); R(munlockall());
  p = map(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); munmap(p + 4096, 4096); R(read(zero, p + 4000, 8192)); R(read(zero, (void *)8, 10)); R(write(pf[1], (void *)8, 10)); R(read(zero, p + 4096, 10));
  p = map(NULL, 1 << 28, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); p[0] = p[(1 << 28) - 1] = 1; say("sparse %d\n", p[1 << 27]); R(munmap(p, 1 << 28));
  /* fallocate of a mapped file: the rest of the largest possible file is no work */
  int mf = memfd_create("m", 0); ftruncate(mf, 16384); p = map(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, mf, 0); memset(p, 5, 16384); R(fallocate(mf, 3, 4096, 8192)); say("punched %d %d %d %d\n", p[4095], p[4096], p[12287], p[12288]); R(fallocate(mf, 0, 0, 20000)); R(madvise(p, 4096, MADV_REMOVE)); say("removed %d %d\n", p[0], p[12288]);
  leave_tmp(); return 0;
}
