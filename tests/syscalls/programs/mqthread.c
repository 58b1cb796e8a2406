#include "test.h"
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <linux/netlink.h>
/* flags: -pthread -lrt */
/* mq_notify with SIGEV_THREAD, through the library and by hand. */
static sem_t done;
static int again = 2;
static mqd_t q;
static void arm(void);
static void notified(union sigval v) {
  char buf[8192]; ssize_t n = mq_receive(q, buf, sizeof buf, NULL);
  say("thread: value %d, message %.*s\n", v.sival_int, (int)n, buf);
  if (--again > 0) arm();
  sem_post(&done);
}
static void arm(void) {
  struct sigevent ev = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified, .sigev_value.sival_int = 42 };
  R(mq_notify(q, &ev));
}
int main(void) {
  char name[64]; snprintf(name, sizeof name, "/tux-mqthread-%d", getpid());
  sem_init(&done, 0, 0);
  q = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
  OK(q == -1 ? -1 : 0);
  arm();
  struct sigevent other = { .sigev_notify = SIGEV_NONE };
  R(mq_notify(q, &other));
  mq_send(q, "one", 3, 0); sem_wait(&done);
  mq_send(q, "two", 3, 0); sem_wait(&done);
  R(mq_notify(q, NULL));
  /* by hand: the cookie comes back, its last byte says why */
  int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  unsigned char cookie[32], got[64];
  memset(cookie, 7, sizeof cookie);
  struct sigevent raw = { .sigev_notify = SIGEV_THREAD, .sigev_signo = s, .sigev_value.sival_ptr = cookie };
  R(syscall(SYS_mq_notify, q, &raw));
  R(recv(s, got, sizeof got, MSG_DONTWAIT));
  mq_send(q, "x", 1, 0);
  ssize_t n = recv(s, got, sizeof got, 0);
  say("%zd bytes, %d %d\n", n, got[0], got[31]);
  char buf[8192]; mq_receive(q, buf, sizeof buf, NULL);
  R(syscall(SYS_mq_notify, q, &raw));
  R(syscall(SYS_mq_notify, q, NULL));
  n = recv(s, got, sizeof got, MSG_DONTWAIT);
  say("%zd bytes, %d %d\n", n, got[0], got[31]);
  raw.sigev_signo = 99; R(syscall(SYS_mq_notify, q, &raw));
  raw.sigev_signo = 1; R(syscall(SYS_mq_notify, q, &raw));
  raw.sigev_signo = socket(AF_UNIX, SOCK_STREAM, 0); R(syscall(SYS_mq_notify, q, &raw));
  raw.sigev_value.sival_ptr = NULL; R(syscall(SYS_mq_notify, q, &raw));
  mq_unlink(name);
  return 0;
}
