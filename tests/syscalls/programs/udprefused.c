// A datagram to a port of the machine that nobody has: a connected socket knows of the refusal when the call that sent it returns.
#include "test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_storage nobody;
static socklen_t length;

/** An address at which nobody is any more. */
static void find(int family) {
  int s = socket(family, SOCK_DGRAM, 0);
  memset(&nobody, 0, sizeof nobody);
  nobody.ss_family = family;
  length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  if (family == AF_INET) ((struct sockaddr_in *)&nobody)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else ((struct sockaddr_in6 *)&nobody)->sin6_addr = in6addr_loopback;
  bind(s, (void *)&nobody, length);
  getsockname(s, (void *)&nobody, &length);
  close(s);
}

static int fresh(int flags) {
  int s = socket(nobody.ss_family, SOCK_DGRAM | flags, 0);
  if (connect(s, (void *)&nobody, length) != 0) say("connect %s\n", ename(errno));
  return s;
}

static void look(const char *what, int s, long sent) {
  struct pollfd p = { s, POLLIN | POLLOUT, 0 };
  int ready = poll(&p, 1, 0), error = -1;
  socklen_t size = sizeof error;
  getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size);
  say("%s: %ld, poll %d %x, error %s", what, sent, ready, p.revents, ename(error));
  getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size);
  say(", then %d\n", error);
  close(s);
}

static void family(int family) {
  char byte[4] = "abc";
  struct iovec parts[2] = { { byte, 1 }, { byte + 1, 2 } };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
  find(family);
  int s = fresh(0);
  look("send", s, send(s, byte, 3, 0));
  s = fresh(0);
  look("write", s, write(s, byte, 3));
  s = fresh(0);
  look("writev", s, writev(s, parts, 2));
  s = fresh(SOCK_NONBLOCK);
  look("sendmsg, O_NONBLOCK", s, sendmsg(s, &message, 0));
  s = fresh(0);
  look("MSG_DONTWAIT", s, send(s, byte, 3, MSG_DONTWAIT));
  s = fresh(0);
  look("nothing", s, send(s, byte, 0, 0));
  s = fresh(0);
  long first = send(s, byte, 3, 0), n = recv(s, byte, 4, 0);
  say("recv %ld %ld %s\n", first, n, ename(errno));
  first = send(s, byte, 3, 0), n = send(s, byte, 3, 0);
  say("send %ld %ld %s", first, n, ename(errno));
  n = recv(s, byte, 4, MSG_DONTWAIT);
  say(", then %ld %s\n", n, ename(errno));
  struct mmsghdr many[3] = { { message, 0 }, { message, 0 }, { message, 0 } };
  errno = 0;
  n = sendmmsg(s, many, 3, 0);
  say("sendmmsg %ld\n", n);
  close(s);
  s = socket(family, SOCK_DGRAM, 0);
  look("not connected", s, sendto(s, byte, 3, 0, (void *)&nobody, length));
}

int main(void) {
  family(AF_INET);
  family(AF_INET6);
}
