/* MSG_FASTOPEN: connecting and sending in one call. */
#include "test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(void) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, nobody = a, none = { 0 };
  socklen_t l = sizeof a;
  signal(SIGPIPE, SIG_IGN);
  int s = socket(AF_INET, SOCK_STREAM, 0), c, d;
  char b[100];
  R(bind(s, (void *)&a, sizeof a));
  getsockname(s, (void *)&a, &l);
  R(listen(s, 5));
  int t = socket(AF_INET, SOCK_STREAM, 0);
  R(bind(t, (void *)&nobody, sizeof nobody));
  getsockname(t, (void *)&nobody, &l);
  c = socket(AF_INET, SOCK_STREAM, 0);
  R(sendto(c, "hello", 5, MSG_FASTOPEN, (void *)&a, sizeof a));
  d = accept(s, NULL, NULL);
  R(recv(d, b, 100, 0));
  R(sendto(c, "again", 5, MSG_FASTOPEN, (void *)&a, sizeof a));
  R(sendto(c, "again", 5, 0, (void *)&a, sizeof a));
  R(recv(d, b, 100, 0));
  close(c);
  close(d);
  c = socket(AF_INET, SOCK_STREAM, 0);
  struct iovec v[2] = { { "one ", 4 }, { "two", 3 } };
  struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof a, .msg_iov = v, .msg_iovlen = 2 };
  R(sendmsg(c, &m, MSG_FASTOPEN));
  d = accept(s, NULL, NULL);
  R(recv(d, b, 100, 0));
  say("%.7s\n", b);
  close(c);
  close(d);
  c = socket(AF_INET, SOCK_STREAM, 0);
  R(sendto(c, "x", 1, MSG_FASTOPEN, (void *)&nobody, sizeof nobody));
  R(sendto(c, "x", 1, MSG_FASTOPEN, (void *)&none, sizeof none));
  R(sendto(c, "x", 1, MSG_FASTOPEN, NULL, 0));
  R(send(c, "x", 1, 0));
  R(sendto(c, NULL, 0, MSG_FASTOPEN, (void *)&a, sizeof a));
  d = accept(s, NULL, NULL);
  R(send(c, "later", 5, 0));
  R(recv(d, b, 100, 0));
  close(c);
  close(d);
  c = socket(AF_INET, SOCK_DGRAM, 0);
  R(sendto(c, "x", 1, MSG_FASTOPEN, (void *)&a, sizeof a));
  R(sendto(s, "x", 1, MSG_FASTOPEN, (void *)&a, sizeof a));
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  s = socket(AF_INET6, SOCK_STREAM, 0);
  R(bind(s, (void *)&six, sizeof six));
  l = sizeof six;
  getsockname(s, (void *)&six, &l);
  R(listen(s, 5));
  c = socket(AF_INET6, SOCK_STREAM, 0);
  R(sendto(c, "hello6", 6, MSG_FASTOPEN, (void *)&six, sizeof six));
  d = accept(s, NULL, NULL);
  R(recv(d, b, 100, 0));
  /* Without waiting the data is not sent, only the connection begun; the first call may find it established. */
  c = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
  long r = sendto(c, "hello6", 6, MSG_FASTOPEN, (void *)&six, sizeof six);
  say("%d\n", r == 6 || (r == -1 && errno == EINPROGRESS));
  d = accept(s, NULL, NULL);
  return 0;
}
