#include "test.h"
/* Memory above 4 GiB for a program that insists on it, as GHC's run-time system does: instructions, faults, threads, fork, exec. */
/* flags: -pthread */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <ucontext.h>
#define MB (1UL << 20)
#define GB (1UL << 30)
static char *base; static volatile long kept; /* keeps reads alive */
#define READ(x) (kept += (long)(x))
#if __SIZEOF_POINTER__ == 8
static char *insist(void) {
  size_t size = 1UL << 40;
  for (unsigned long n = 0; n < 1000; n++) {
    char *p = mmap((void *)(0x4200000000UL + n * 4096), size + MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) { say("reserve: %s\n", ename(errno)); exit(1); }
    size_t slop = -(uintptr_t)p & (MB - 1);
    if (slop) { munmap(p, slop); munmap(p + slop + size, MB - slop); p += slop; }
    if ((uintptr_t)p >= 8 * GB) return p;
    if (munmap(p, size)) say("munmap: %s\n", ename(errno));
  }
  say("never high\n"); exit(1);
}
static int commit(char *at, size_t size, int prot) { return mmap(at, size, prot, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == at; }

static sigjmp_buf jb; static volatile long where, cr2, code, err, armed;
static void on_segv(int s, siginfo_t *i, void *c) {
  greg_t *g = ((ucontext_t *)c)->uc_mcontext.gregs;
  where = (long)i->si_addr; code = i->si_code; cr2 = g[REG_CR2]; err = g[REG_ERR]; if (!armed) { say("unexpected fault\n"); _exit(9); } siglongjmp(jb, s);
}
#define TOUCH(what, ...) do { where = code = cr2 = -1; armed = 1; int s_ = sigsetjmp(jb, 1); \
  if (!s_) { __VA_ARGS__; say("%s: fine\n", what); } \
  else if (code == SI_KERNEL) say("%s: signal %d SI_KERNEL %ld\n", what, s_, where); \
  else say("%s: signal %d code %ld at %ld cr2 %d err %ld\n", what, s_, code, where >= (long)base && where < (long)base + (1L << 40) ? where - (long)base : where, cr2 == where, err); armed = 0; } while (0)

/* Each in a loop, so that both tiers of an emulator see it. */
static void instructions(char *m, int times) {
  unsigned long sum = 0; volatile long *w = (long *)m;
  for (int i = 0; i < times; i++) { w[i & 511] += i; sum += w[(i * 7) & 511]; }
  say("words %lu\n", sum);
  memset(m, 0, 8192); unsigned long a, d; char *s, *t; long n;
  for (int i = 0; i < times; i++) {
    __asm__ volatile("lock xaddq %0, %1" : "=r"(a), "+m"(*(long *)m) : "0"(3L) : "memory");
    __asm__ volatile("lock btsq %1, %0" : "+m"(m[64]) : "r"((long)(i & 1023)) : "memory", "cc");
    a = d = 0; __asm__ volatile("lock cmpxchg16b %2" : "+a"(a), "+d"(d), "+m"(*(__int128 *)(m + 16)) : "b"(5L), "c"(6L) : "cc", "memory");
    __asm__ volatile("xchgb %b0, %1" : "+q"(a), "+m"(m[40]) : : "memory");
    __asm__ volatile("addw $1, %0; incb %1; negl %2; notq %3; sarq $1, %4" : "+m"(*(short *)(m + 200)), "+m"(m[203]), "+m"(*(int *)(m + 204)), "+m"(*(long *)(m + 208)), "+m"(*(long *)(m + 216)) : : "cc");
  }
  sum = 0; for (int i = 0; i < 256; i++) sum = sum * 31 + (unsigned char)m[i];
  say("atomics %lu\n", sum);
  double f = 0; float g = 0; char *fx = m + 4096;
  for (int i = 0; i < times; i++) {
    *(double *)(m + 300) = i; *(float *)(m + 308) = i / 3.0f; *(long double *)(m + 320) = i * 1.5L;
    f += *(double *)(m + 300) * 0.5; g += *(float *)(m + 308); f += *(long double *)(m + 320);
    __asm__ volatile("movdqa %1, %%xmm1; paddd %1, %%xmm1; movups %%xmm1, 1(%0); movq %%xmm1, 40(%0); pinsrw $3, 2(%0), %%xmm1; movhps %%xmm1, 48(%0); movntdq %%xmm1, 64(%0)"
      : : "r"(m + 512), "m"(*(__int128 *)(m + 320)) : "xmm1", "memory");
    __asm__ volatile("fildl %0; fistpll %1; fildll %1; fbstp %2; fnstcw %3; fldcw %3" : "+m"(*(int *)(m + 204)), "=m"(*(long *)(m + 600)), "=m"(*(__int128 *)(m + 608)), "=m"(*(short *)(m + 632)) : : "memory");
  }
  __asm__ volatile("fxsave %0; fxrstor %0; stmxcsr 640(%1); ldmxcsr 640(%1)" : "+m"(*(char (*)[512])fx) : "r"(m) : "memory");
  sum = 0; for (int i = 512; i < 700; i++) sum = sum * 31 + (unsigned char)m[i];
  say("floats %.3f %.1f %lu\n", f, g, sum);
  for (int i = 0; i < times; i += 37) {
    s = m + 4096 + i % 500; t = m + 10; n = 3000 + i % 99; for (int k = 0; k < 8; k++) s[k * 400] = i + k;
    __asm__ volatile("rep movsb" : "+S"(s), "+D"(t), "+c"(n) : : "memory");
    s = m + 6000; t = m + 6003; n = 500; __asm__ volatile("std; rep movsq; cld" : "+S"(s), "+D"(t), "+c"(n) : : "memory");
    t = m + 1; n = 700; __asm__ volatile("rep stosl" : "+D"(t), "+c"(n) : "a"(i) : "memory");
    m[2500] = 0; t = m + 20; n = -1; __asm__ volatile("repne scasb" : "+D"(t), "+c"(n) : "a"(0) : "memory", "cc"); sum += t - m + n;
    s = m + 3; t = m + 4100; n = 90; __asm__ volatile("repe cmpsw" : "+S"(s), "+D"(t), "+c"(n) : : "memory", "cc"); sum += s - m + n;
    s = m + 7; __asm__ volatile("lodsl" : "=a"(a), "+S"(s) : : "memory"); sum += a;
  }
  say("strings %lu\n", sum);
  /* The stack up there: push, pop, call, ret, enter, leave, pushf, and a flag-dependent loop over it. */
  for (int i = 0; i < times; i++)
    __asm__ volatile("mov %%rsp, %%r12; mov %1, %%rsp; push %0; push $5; pop %%rax; pushf; popf; enter $32, $1; movq %%rax, -16(%%rbp); leave; call 1f; jmp 2f; 1: addq $1, 8(%%rsp); ret; 2: pop %0; mov %%r12, %%rsp"
      : "+r"(sum) : "r"(m + 8192) : "rax", "r12", "memory", "cc");
  say("stack %lu\n", sum);
  long k = 77; memcpy(m + 4092, &k, 8); char pages[8]; memcpy(pages, m + 4092, 8); say("across pages %d %d\n", pages[0], *(int *)(m + 4092));
}
static atomic_int stage; static char *_Atomic shared_place; static atomic_long total;
/* Runs hot before there is any such address, then uses some. */
static void *beside(void *arg) {
  long n = 0; char *p; char low[64] = { 0 };
  atomic_store(&stage, 1);
  while (!(p = atomic_load(&shared_place))) { n++; low[n & 63] += n; }
  for (int i = 0; i < 100000; i++) atomic_fetch_add((atomic_long *)p, 1);
  *(long *)(p + 8 + 8 * (long)arg) = 42 + low[64 - 64] * 0;
  return p;
}
static void faults(void) {
  char *p = base + 64 * MB;
  TOUCH("read", READ(*(volatile char *)p));
  TOUCH("write", *(volatile char *)p = 1);
  say("committed %d %d\n", commit(p, 3 * 4096, PROT_READ | PROT_WRITE), commit(p + 3 * 4096, 4096, PROT_READ));
  TOUCH("write", *(volatile char *)p = 1); TOUCH("behind a page", *(volatile long *)(p + 3 * 4096 - 4) = 1); TOUCH("read-only", *(volatile char *)(p + 3 * 4096) = 1);
  TOUCH("at the end", READ(*(volatile long *)(p + 4 * 4096 - 4))); R(munmap(p + 4096, 4096)); TOUCH("unmapped", READ(*(volatile char *)(p + 4096 + 7)));
  char *s = p + 4000, *t = p + 2 * 4096; long n = 500; armed = 1; int sig = sigsetjmp(jb, 1);
  if (!sig) { __asm__ volatile("rep movsb" : "+S"(s), "+D"(t), "+c"(n) : : "memory"); }
  say("rep movs: %ld\n", sig ? where - (long)base : -1);
  TOUCH("not canonical", READ(*(volatile char *)0x800000000000UL)); TOUCH("in the kernel", READ(*(volatile char *)0xffff800000000000UL));
  TOUCH("null", READ(*(volatile char *)8)); TOUCH("execute", ((void (*)(void))(p + 17))());
  R(mprotect(p, 4096, PROT_NONE)); TOUCH("protected", READ(*(volatile char *)p)); R(mprotect(p, 4096, PROT_READ | PROT_WRITE)); say("still %d\n", *p);
  R(munmap(p, 4 * 4096));
}
static void forks(char *p) {
  char *shared = p + MB; int fd = memfd_create("x", 0); R(ftruncate(fd, 8192)); long m[2] = { 1, 2 }; R(pwrite(fd, m, 16, 4096));
  say("shared %d\n", mmap(shared, 4096, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED | MAP_ANONYMOUS, -1, 0) == shared);
  say("file %d\n", mmap(shared + MB, 8192, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, fd, 0) == shared + MB);
  say("private %d\n", mmap(shared + 2 * MB, 8192, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE, fd, 0) == shared + 2 * MB);
  long *w = (long *)p, *sh = (long *)shared, *f = (long *)(shared + MB + 4096), *own = (long *)(shared + 2 * MB + 4096);
  for (int i = 0; i < 2048; i++) w[i] = i;
  *own = 9;
  CHILD("fork", { long n = 0; for (int i = 0; i < 2048; i++) n += w[i]; w[5] = 1000; *sh = 33; f[0] = 44; own[1] = 55; say("child %ld %ld %ld %ld\n", n, w[5], f[1], own[0]);
    CHILD("grandchild", { w[6] = 7; say("%ld %ld %ld\n", w[5], w[6], *sh); *sh = 34; TOUCH("not committed", READ(*(volatile char *)(p + 16 * MB))); say("commits %d\n", commit(p + 16 * MB, MB, PROT_READ | PROT_WRITE)); p[16 * MB] = 1; });
    say("child %ld %d\n", *sh, commit(p + 16 * MB, MB, PROT_READ | PROT_WRITE)); });
  pread(fd, m, 16, 4096); say("parent %ld %ld %ld %ld %ld %ld\n", w[5], w[6], *sh, f[0], own[1], m[0]);
  char *moved = mremap(p, 8192, 3 * MB, MREMAP_MAYMOVE); say("moved %d: %ld\n", moved != MAP_FAILED && moved != p, ((long *)moved)[1000]);
  say("back %d\n", mremap(moved, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p); say("%ld\n", w[1000]); R(munmap(moved, 3 * MB)); close(fd);
}
#endif
int main(int argc, char **argv) {
#if __SIZEOF_POINTER__ == 8
  struct sigaction a = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO }; sigaction(SIGSEGV, &a, NULL); sigaction(SIGBUS, &a, NULL);
  if (argc > 1) { base = insist(); say("again %d\n", commit(base, 4096, 3)); say("%d\n", base[9]); return 0; }
  pthread_t t[2]; for (long k = 0; k < 2; k++) pthread_create(&t[k], NULL, beside, (void *)k);
  while (!atomic_load(&stage)) sched_yield();
  base = insist(); say("committed %d\n", commit(base, 4 * MB, PROT_READ | PROT_WRITE));
  atomic_store(&shared_place, base); void *r; for (int k = 0; k < 2; k++) { pthread_join(t[k], &r); say("thread %d\n", r == base); }
  say("%ld %ld %ld\n", *(long *)base, ((long *)base)[1], ((long *)base)[2]);
  instructions(base + 2 * MB, 3); instructions(base + 2 * MB, 60000);
  faults(); forks(base + 32 * MB + 0 * commit(base + 32 * MB, 16384, PROT_READ | PROT_WRITE));
  char *within = mmap((void *)0x7700000000UL, MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); say("another place %d\n", within < base || within >= base + (1UL << 40)); R(munmap(within, MB));
  char *one = mmap((void *)0x37700000000UL, 3 * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); say("as wished %d\n", (unsigned long)one >> 32 == 0x377); one[3 * MB - 1] = 3; R(munmap(one, 3 * MB));
  R(munmap(base + GB / 2, (1UL << 40) - GB / 2)); R(madvise(base, 4 * MB, MADV_DONTNEED)); say("%d\n", base[2 * MB]); TOUCH("gone", READ(*(volatile char *)(base + GB)));
  fflush(stdout); execl("/proc/self/exe", argv[0], "again", NULL); say("exec: %s\n", ename(errno));
#else
  say("no such addresses\n");
#endif
  return 0;
}
