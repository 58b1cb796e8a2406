#include "test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
/* UDP-Lite: sockets of their own beside UDP's, and which datagrams a checksum's coverage keeps away. */
#define SEND_COVERAGE 10
#define RECV_COVERAGE 11
static struct sockaddr_in6 name6(int fd) { struct sockaddr_in6 a; socklen_t n = sizeof a; getsockname(fd, (void *)&a, &n); return a; }
static struct sockaddr_in name4(int fd) { struct sockaddr_in a; socklen_t n = sizeof a; getsockname(fd, (void *)&a, &n); return a; }
static int get(int fd, int level, int name) { int v = -7; socklen_t n = 4; int r = getsockopt(fd, level, name, &v, &n); return r < 0 ? -errno : v; }
static int set(int fd, int level, int name, int v) { return setsockopt(fd, level, name, &v, 4); }
static void take(const char *what, int fd) { char b[200]; int n = recv(fd, b, sizeof b, MSG_DONTWAIT); if (n < 0) say("%s: %s\n", what, ename(errno)); else say("%s: %d [%.*s]\n", what, n, n > 20 ? 20 : n, b); }
int main(void) {
  for (int type = 1; type <= 2; type++) { R(socket(AF_INET, type, IPPROTO_UDPLITE)); R(socket(AF_INET6, type, IPPROTO_UDPLITE)); }
  int a = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE), b = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE), u = socket(AF_INET, SOCK_DGRAM, 0);
  say("%d %d %d\n", get(a, SOL_SOCKET, SO_PROTOCOL), get(a, SOL_SOCKET, SO_TYPE), get(a, SOL_SOCKET, SO_DOMAIN));
  for (int level = 17; level <= 136; level += 119) for (int n = SEND_COVERAGE; n <= RECV_COVERAGE; n++) {
    say("level %d name %d: %d %d", level, n, get(a, level, n), get(u, level, n));
    static const int values[] = { 5, 8, -1, 100, 70000, 0 };
    for (int i = 0; i < 6; i++) { int r = set(a, level, n, values[i]); say(" %d:%d", r, get(a, level, n)); }
    say("\n"); R(set(u, level, n, 20));
  }
  struct sockaddr_in at = { AF_INET, 0, { htonl(INADDR_LOOPBACK) } }, to;
  R(bind(a, (void *)&at, sizeof at)); to = name4(a);
  /* UDP has ports of its own. */
  R(bind(u, (void *)&to, sizeof to)); R(bind(b, (void *)&to, sizeof to));
  R(sendto(b, "hello", 5, 0, (void *)&to, sizeof to)); take("lite", a); take("udp", u);
  R(sendto(u, "plain", 5, 0, (void *)&to, sizeof to)); take("lite", a); take("udp", u);
  struct sockaddr_in from; socklen_t n = sizeof from; R(sendto(b, "who", 3, 0, (void *)&to, sizeof to)); char c[20]; R(recvfrom(a, c, 20, 0, (void *)&from, &n)); say("%d\n", from.sin_port == name4(b).sin_port);
  R(connect(a, (void *)&from, sizeof from)); R(send(a, "back", 4, 0)); take("b", b);
  /* coverage */
  char big[100]; memset(big, 'x', sizeof big);
  R(set(b, 136, SEND_COVERAGE, 20)); R(sendto(b, big, 100, 0, (void *)&to, sizeof to)); take("no matter", a);
  R(set(a, 136, RECV_COVERAGE, 20)); R(sendto(b, big, 100, 0, (void *)&to, sizeof to)); take("enough", a);
  R(set(a, 136, RECV_COVERAGE, 30)); R(sendto(b, big, 100, 0, (void *)&to, sizeof to)); take("too little", a);
  R(sendto(b, big, 10, 0, (void *)&to, sizeof to)); take("all of a short one", a);
  R(set(a, 136, RECV_COVERAGE, 0)); R(sendto(b, big, 100, 0, (void *)&to, sizeof to)); take("all wanted", a);
  R(set(b, 136, SEND_COVERAGE, 0)); R(sendto(b, big, 100, 0, (void *)&to, sizeof to)); take("all covered", a);
  R(set(b, 136, SEND_COVERAGE, 200)); R(sendto(b, big, 100, 0, (void *)&to, sizeof to)); take("more than there is", a);
  /* nobody there */
  int d = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE); struct sockaddr_in none = to; close(a); R(connect(d, (void *)&none, sizeof none)); R(send(d, "x", 1, 0)); msleep(10); R(send(d, "x", 1, 0)); take("refused", d);
  R(listen(d, 1)); R(shutdown(d, SHUT_RD)); R(setsockopt(d, IPPROTO_TCP, 1, c, 4));
  /* IPv6, also for IPv4 */
  int v6 = socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE), w6 = socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE); struct sockaddr_in6 at6 = { AF_INET6 }, to6; R(bind(v6, (void *)&at6, sizeof at6)); to6 = name6(v6); to6.sin6_addr = in6addr_loopback;
  R(sendto(w6, "six", 3, 0, (void *)&to6, sizeof to6)); take("six", v6); to = (struct sockaddr_in){ AF_INET, to6.sin6_port, { htonl(INADDR_LOOPBACK) } }; R(sendto(b, "four", 4, 0, (void *)&to, sizeof to)); take("four", v6);
  say("%d\n", get(v6, SOL_SOCKET, SO_PROTOCOL)); R(set(v6, 136, RECV_COVERAGE, 12)); say("%d\n", get(v6, 136, RECV_COVERAGE));
  char line[300]; FILE *f = fopen("/proc/net/udplite", "r"); int rows = 0, found = 0; sprintf(c, ":%04X", ntohs(name4(b).sin_port)); while (fgets(line, sizeof line, f)) { if (!rows++) say("%s", line); found += strstr(line, c) != NULL; } say("%d\n", found);
  f = fopen("/proc/net/udplite6", "r"); fgets(line, sizeof line, f); say("%s", line); sprintf(c, ":%04X", ntohs(to6.sin6_port)); for (found = 0; fgets(line, sizeof line, f);) found += strstr(line, c) != NULL; say("%d\n", found);
  return 0;
}
