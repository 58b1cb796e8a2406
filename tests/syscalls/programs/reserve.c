#include "test.h"
#include <setjmp.h>
/* Reservations of more address space than a 32-bit machine has: its beginning is used as programs do (databases' pools, collectors). */
static sigjmp_buf jb; static void h(int s, siginfo_t *i, void *c) { siglongjmp(jb, i->si_code); }
static int touch(volatile char *p) { int code = sigsetjmp(jb, 1); if (code) return -code; *p = 1; return 0; }
static void *map(void *at, size_t n, int prot, int flags) { return mmap(at, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0); }
#define MB (1UL << 20)
int main(void) {
  if (sizeof(long) == 4) { say("all of it: %s\n", map(NULL, -4096UL, PROT_NONE, 0) == MAP_FAILED ? ename(errno) : "mapped"); return 0; }
  struct sigaction a; memset(&a, 0, sizeof a); a.sa_sigaction = h; a.sa_flags = SA_SIGINFO; sigaction(SIGSEGV, &a, NULL);
  size_t size = (size_t)8 << 40; int local = 7;
  for (int round = 0; round < 2; round++) {
    char *p = map(NULL, size, PROT_NONE, round ? MAP_NORESERVE : 0); say("reserved %d\n", p != MAP_FAILED); if (p == MAP_FAILED) return 1;
    say("untouchable %d\n", touch(p)); say("committed %d\n", map(p, 4 * MB, PROT_READ | PROT_WRITE, MAP_FIXED) == p); R(mprotect(p + 8 * MB, MB, PROT_READ | PROT_WRITE));
    memset(p, 1, 4 * MB); p[8 * MB] = 5; say("%d %d %d\n", p[4 * MB - 1], p[9 * MB - 1], touch(p + 4 * MB)); R(madvise(p, size, MADV_DONTDUMP)); R(madvise(p, size, MADV_DONTNEED)); say("%d\n", p[0]);
    char *other = map(NULL, 64 * MB, PROT_READ | PROT_WRITE, 0); say("another beside it %d\n", other != MAP_FAILED && touch(other) == 0); R(munmap(other, 64 * MB)); void *m = malloc(100 * MB); say("malloc %d\n", m != NULL); free(m);
    p[3] = 9; CHILD("fork", { say("%d %d\n", p[3], touch(p + 5 * MB)); R(munmap(p + 64 * MB, size - 64 * MB)); p[3] = 1; R(munmap(p, 64 * MB)); say("%d %d\n", touch(p), local); });
    R(mprotect(p, size, PROT_NONE)); say("%d\n", touch(p + 3)); R(munmap(p + (size >> 1), size >> 1)); R(munmap(p + 1024 * MB, (size >> 1) - 1024 * MB)); R(munmap(p, size)); say("%d %d\n", touch(p), local); errno = 0;
  }
  say("beyond everything: %s\n", map(NULL, (size_t)1 << 48, PROT_NONE, 0) == MAP_FAILED ? ename(errno) : "mapped");
  CHILD("limit", { struct rlimit l = { (size_t)1 << 40, (size_t)1 << 40 }; setrlimit(RLIMIT_AS, &l); say("%s\n", map(NULL, size, PROT_NONE, 0) == MAP_FAILED ? ename(errno) : "mapped"); });
  return 0;
}
