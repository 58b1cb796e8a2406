/* TCP_INQ: what is left with what was received; SO_NETNS_COOKIE. */
#include "test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#ifndef TCP_INQ
#define TCP_INQ 36
#endif

static void got(int s, int room, int flags) {
  char b[100], c[200];
  struct iovec v = { b, room };
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
  R(recvmsg(s, &m, flags));
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) say("cmsg %d %d: %d\n", h->cmsg_level, h->cmsg_type, *(int *)CMSG_DATA(h));
}
static unsigned long long cookie(void) {
  unsigned long long v = 0;
  socklen_t l = sizeof v;
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  R(getsockopt(s, SOL_SOCKET, 71, &v, &l));
  close(s);
  return v;
}

int main(void) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t l = sizeof a;
  int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), one = 1, two = 2, n = 9, d;
  bind(s, (void *)&a, sizeof a);
  getsockname(s, (void *)&a, &l);
  listen(s, 5);
  connect(c, (void *)&a, sizeof a);
  d = accept(s, NULL, NULL);
  R(setsockopt(d, SOL_TCP, TCP_INQ, &two, sizeof two));
  send(c, "0123456789", 10, 0);
  while (ioctl(d, FIONREAD, &n) == 0 && n < 10) usleep(1000);
  got(d, 2, 0);
  R(setsockopt(d, SOL_TCP, TCP_INQ, &one, sizeof one));
  l = sizeof n;
  R(getsockopt(d, SOL_TCP, TCP_INQ, &n, &l));
  say("%d\n", n);
  got(d, 3, 0);
  got(d, 100, 0);
  send(c, "ab", 2, 0);
  shutdown(c, SHUT_WR);
  struct pollfd p = { d, POLLRDHUP };
  poll(&p, 1, 2000);
  got(d, 1, 0);
  got(d, 1, 0);
  unsigned long long first = cookie(), again = cookie();
  say("same %d\n", first == again && first != 0);
  if (unshare(CLONE_NEWNET) == 0) say("other %d\n", cookie() != first);
  return 0;
}
