/* One thread changes an instruction's constant in a loop that becomes hot; another executes the instruction all the while. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { ROUNDS = 40, CHANGES = 50000 };
static uint8_t *code;
static atomic_int written, executed;

/* The constants of two instructions of one page. */
static __attribute__((noinline)) void change(uint32_t from) {
  for (uint32_t k = 0; k < CHANGES; k++) {
    volatile uint32_t *at = (volatile uint32_t *)(code + 4);
    at[0] = from + k;
    at[4] = from + k;
  }
}

/* What the manual asks of a processor that executes what another has written (SDM vol. 3, 9.1.3). */
static void serialize(void) {
  uint32_t a = 0, b, c = 0, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

static uint32_t call(int offset) { return ((uint32_t (*)(void))(code + offset))(); }

static void *writer(void *unused) {
  for (int round = 1; round <= ROUNDS; round++) {
    change(round * CHANGES);
    atomic_store(&written, round);
    while (atomic_load(&executed) < round) ;
  }
  return unused;
}

int main(void) {
  code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int k = 0; k < 2; k++) memcpy(code + 3 + k * 16, "\xb8\0\0\0\0\xc3", 6);
  pthread_t thread;
  pthread_create(&thread, 0, writer, 0);
  uint32_t backwards = 0, stale = 0;
  for (int round = 1; round <= ROUNDS; round++) {
    for (uint32_t last = 0; atomic_load(&written) < round; ) {
      uint32_t now = call(3);
      backwards += now < last;
      last = now;
    }
    serialize();
    for (int k = 0; k < 2; k++) stale += call(3 + k * 16) != (uint32_t)(round + 1) * CHANGES - 1;
    atomic_store(&executed, round);
  }
  pthread_join(thread, 0);
  printf("backwards %u, stale %u\n", backwards, stale);
  return 0;
}
