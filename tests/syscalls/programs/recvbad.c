// Receiving into a buffer that cannot be written: nothing there, something there, the other end gone, a wait that ends.
#include "test.h"
#include <sys/socket.h>
#include <netinet/in.h>
static void all(const char *kind, int a, int b, int stream) {
  char c;
  say("%s\n", kind);
  R(recv(b, (void *)8, 4, MSG_DONTWAIT)); R(recv(b, "constant", 4, MSG_DONTWAIT)); R(recv(b, (void *)8, 4, MSG_DONTWAIT | MSG_PEEK)); R(recvfrom(b, (void *)8, 4, MSG_DONTWAIT, NULL, NULL));
  struct iovec v = {(void *)8, 4};
  struct msghdr m = {0, 0, &v, 1};
  R(recvmsg(b, &m, MSG_DONTWAIT)); R(read(b, (void *)8, 0));
  R(send(a, "xy", 2, 0)); msleep(20);
  R(recv(b, (void *)8, 4, MSG_DONTWAIT)); if (stream) R(recv(b, &c, 1, MSG_DONTWAIT));
  CHILD("sends", { msleep(60); send(a, "z", 1, 0); });
  R(recv(b, (void *)8, 4, 0));
}
int main(void) {
  int s[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s); all("stream", s[0], s[1], 1);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s); all("datagrams", s[0], s[1], 0);
  socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s); all("packets", s[0], s[1], 0);
  struct sockaddr_in at = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  socklen_t n = sizeof at;
  int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
  bind(l, (void *)&at, n); listen(l, 1); getsockname(l, (void *)&at, &n); connect(c, (void *)&at, n);
  all("tcp", c, accept(l, NULL, NULL), 1);
  return 0;
}
