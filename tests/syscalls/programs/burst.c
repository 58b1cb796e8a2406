#include "test.h"
#include <pthread.h>
/* flags: -pthread */
/* Many threads that end at once, twice, at the start of a short program: more workers than are kept. */
static int n; static void *one(void *a) { __sync_fetch_and_add(&n, 1); return a; }
int main(void) {
  pthread_t t[40];
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 40; i++) if (pthread_create(&t[i], 0, one, (void *)(long)i)) say("cannot create %d\n", i);
    int sum = 0; for (int i = 0; i < 40; i++) { void *r; pthread_join(t[i], &r); sum += (int)(long)r; }
    say("%d %d\n", n, sum); msleep(60);
  }
  double t0 = now_ms(); volatile unsigned x = 1; while (now_ms() - t0 < 300) for (int i = 0; i < 100000; i++) x = x * 31 + i; say("worked %d\n", x != 0);
  return 0;
}
