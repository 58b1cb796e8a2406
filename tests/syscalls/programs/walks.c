/* Loops that have become hot and walk into memory that is not there, or may not be written: where the fault is, and what was done before. */
#pragma GCC target("sse2")
#include <emmintrin.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGES = 6, SIZE = PAGES * 4096, BAD = 5 * 4096 };
static sigjmp_buf out;
static uint8_t *area;
static volatile intptr_t fault;

static void on_fault(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  fault = (uint8_t *)info->si_addr - area;
  siglongjmp(out, 1);
}

static uint64_t sum;
static __attribute__((noinline)) void read4(uint8_t *p, uint8_t *end, long step) { for (; p < end; p += step) sum = sum * 3 + *(uint32_t *)p; }
static __attribute__((noinline)) void read8(uint8_t *p, uint8_t *end, long step) { for (; p < end; p += step) sum = sum * 3 + *(uint64_t *)p; }
static __attribute__((noinline)) void read16(uint8_t *p, uint8_t *end, long step) {
  for (; p < end; p += step) {
    __m128i v = _mm_loadu_si128((__m128i *)p);
    sum = sum * 3 + (uint32_t)_mm_cvtsi128_si32(v) + _mm_extract_epi16(v, 6);
  }
}
static __attribute__((noinline)) void write4(uint8_t *p, uint8_t *end, long step) { for (; p < end; p += step) *(uint32_t *)p = (uint32_t)(sum += 7); }
static __attribute__((noinline)) void write8(uint8_t *p, uint8_t *end, long step) { for (; p < end; p += step) *(uint64_t *)p = sum += 0x700000009; }
static __attribute__((noinline)) void add8(uint8_t *p, uint8_t *end, long step) { for (; p < end; p += step) ((uint32_t *)p)[1] += ((uint32_t *)p)[0] + 1; }
static __attribute__((noinline)) void index4(uint8_t *p, uint8_t *end, long step) {
  int n = (int)(end - p);
  for (int k = 0; k < n; k += (int)step) sum += *(uint32_t *)(p + k), *(uint32_t *)(p + k) ^= (uint32_t)k;
}

static const struct { const char *name; void (*walk)(uint8_t *, uint8_t *, long); } walks[] = {
  {"read4", read4}, {"read8", read8}, {"read16", read16}, {"write4", write4}, {"write8", write8}, {"add8", add8}, {"index4", index4},
};

static void show(const char *name, const char *how, long start, long step) {
  uint64_t check = 0;
  for (int k = 0; k < BAD; k++) check = check * 31 + area[k];
  printf("%s %s %ld %ld: fault %ld, sum %llx, memory %llx\n", name, how, start, step, (long)fault, (unsigned long long)sum, (unsigned long long)check);
}

static void into(int which, const char *how, int protection, long start, long step) {
  mprotect(area + BAD, 4096, PROT_READ | PROT_WRITE);
  for (int k = 0; k < SIZE; k++) area[k] = (uint8_t)(k * 7 + k / 256);
  sum = 1;
  fault = -1;
  for (int warm = 0; warm < 300; warm++) walks[which].walk(area + start, area + BAD - 64, step);
  mprotect(area + BAD, 4096, protection);
  if (sigsetjmp(out, 1) == 0) walks[which].walk(area + start, area + SIZE - 64, step);
  show(walks[which].name, how, start, step);
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, 0);
  area = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  static const long steps[] = {4, 12, 16, 100}, starts[] = {0, 2, 13};
  for (unsigned which = 0; which < sizeof walks / sizeof *walks; which++)
    for (int s = 0; s < 4; s++)
      for (int t = 0; t < 3; t++) {
        into((int)which, "nothing", PROT_NONE, starts[t], steps[s]);
        into((int)which, "read only", PROT_READ, starts[t], steps[s]);
      }
  return 0;
}
