#include "test.h"
#include <pthread.h>
/* flags: -pthread */
/* Ends of processes whose other threads have just been made, or run: nobody may wait for them, and what they ran in is used again. */
static void *crash(void *a) { *(volatile int *)8 = 1; return NULL; }
static void *forever(void *a) { for (;;); }
static void *execer(void *a) { execl("/bin/true", "true", NULL); return NULL; }
int main(void) {
  pthread_t t;
  for (int round = 0; round < 12; round++) {
    CHILD("exec in a thread", { pthread_create(&t, NULL, forever, NULL); pthread_create(&t, NULL, execer, NULL); for (;;) pause(); });
    CHILD("crash in a thread", { pthread_create(&t, NULL, crash, NULL); for (;;) pause(); });
    CHILD("exit at once", { pthread_create(&t, NULL, forever, NULL); _exit(3); });
    CHILD("exit with a runner", { pthread_create(&t, NULL, forever, NULL); msleep(5); _exit(4); });
    CHILD("kill with runners", { pthread_create(&t, NULL, forever, NULL); pthread_create(&t, NULL, forever, NULL); kill(getpid(), SIGKILL); });
  }
  return 0;
}
