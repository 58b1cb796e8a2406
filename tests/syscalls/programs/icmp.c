/* Sockets of ICMP and ICMPv6 over the loopback of a network of its own: echo requests and their replies. */
#include "test.h"
#include <arpa/inet.h>
#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#ifndef ICMP_FILTER
#define ICMP_FILTER 1
#endif

static void range(const char *text) {
  int fd = open("/proc/sys/net/ipv4/ping_group_range", O_RDWR);
  char b[64] = "";
  say("range %s: %d", text, (int)write(fd, text, strlen(text)) == (int)strlen(text));
  pread(fd, b, 63, 0);
  say(" %s", b);
  close(fd);
}
static unsigned sum(const unsigned char *p, int n) {
  unsigned s = 0;
  for (int i = 0; i < n; i += 2) s += p[i] * 256 + (i + 1 < n ? p[i + 1] : 0);
  while (s >> 16) s = (s & 0xffff) + (s >> 16);
  return s;
}
static struct sockaddr_in lo4 = { .sin_family = AF_INET };
static struct sockaddr_in6 lo6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

static void got(int s, int v6, int raw) {
  unsigned char b[300];
  char c[200];
  struct sockaddr_storage from;
  struct iovec v = { b, sizeof b };
  struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
  struct pollfd p = { s, POLLIN };
  int n = poll(&p, 1, 2000) == 1 ? recvmsg(s, &m, 0) : -1;
  if (n < 0) { say("nothing\n"); return; }
  unsigned char *q = b;
  say("%d bytes, name %d port %d flags %x", n, (int)m.msg_namelen, ntohs(((struct sockaddr_in *)&from)->sin_port), m.msg_flags);
  if (raw && !v6) {
    say(" ip %x tos %d length %d ttl %d protocol %d sum %d", q[0], q[1], q[2] * 256 + q[3], q[8], q[9], sum(q, 20) == 0xffff);
    q += 20;
    n -= 20;
  }
  say(" type %d code %d seq %d data %.5s", q[0], q[1], q[6] * 256 + q[7], q + 8);
  if (!v6) say(" sum %d", sum(q, n) == 0xffff);
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) say(" [%d %d %d]", h->cmsg_level, h->cmsg_type, *(int *)CMSG_DATA(h));
  say("\n");
}
static int echo(int s, int v6, int seq, int how) {
  unsigned char b[13] = { v6 ? 128 : 8, 0, 0, 0, 1, 2, 0, seq, 'h', 'e', 'l', 'l', 'o' };
  if (how) {
    unsigned x = ~sum(b, 13);
    b[2] = x >> 8;
    b[3] = x;
  }
  return v6 ? sendto(s, b, 13, 0, (void *)&lo6, sizeof lo6) : sendto(s, b, 13, 0, (void *)&lo4, sizeof lo4);
}

int main(void) {
  if (unshare(CLONE_NEWNET)) return 1;
  lo4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int u = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  R(ioctl(u, SIOCSIFFLAGS, &r));
  range("1 0");
  R(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
  R(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6));
  R(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6));
  R(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMP));
  range("x");
  range("5 3");
  range("0 100");
  int s = R(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)), t = R(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)), on = 1;
  struct sockaddr_in name;
  socklen_t l = sizeof name;
  R(getsockname(s, (void *)&name, &l));
  say("id %d\n", ntohs(name.sin_port));
  R(echo(s, 0, 1, 0));
  getsockname(s, (void *)&name, &l);
  say("id %d\n", name.sin_port != 0);
  got(s, 0, 0);
  setsockopt(s, SOL_IP, IP_RECVTTL, &on, sizeof on);
  R(echo(s, 0, 2, 0));
  got(s, 0, 0);
  struct sockaddr_in id = { .sin_family = AF_INET, .sin_port = htons(77) };
  R(bind(t, (void *)&id, sizeof id));
  R(getsockname(t, (void *)&name, &l));
  say("id %d\n", ntohs(name.sin_port));
  R(bind(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), (void *)&id, sizeof id));
  R(send(t, "\10\0\0\0\0\0\0\0", 8, 0));
  R(connect(t, (void *)&lo4, sizeof lo4));
  R(send(t, "\10\0\0\0\0\0\0\3", 8, 0));
  got(t, 0, 0);
  R(send(t, "\10\0\0\0\0\0\0", 7, 0));
  R(send(t, "\0\0\0\0\0\0\0\3", 8, 0));
  R(send(t, "\10\1\0\0\0\0\0\3", 8, 0));
  R(recv(t, &on, 4, MSG_DONTWAIT));
  int six = R(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6));
  R(echo(six, 1, 4, 0));
  got(six, 1, 0);
  id.sin_addr.s_addr = htonl(0x08080808);
  R(connect(s, (void *)&id, sizeof id));
  int raw = R(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  R(echo(raw, 0, 5, 1));
  got(raw, 0, 1);
  got(raw, 0, 1);
  unsigned filter = 1 << 8;
  R(setsockopt(raw, 255, ICMP_FILTER, &filter, sizeof filter));
  filter = 0;
  l = sizeof filter;
  R(getsockopt(raw, 255, ICMP_FILTER, &filter, &l));
  say("filter %x %d\n", filter, (int)l);
  R(echo(raw, 0, 6, 1));
  got(raw, 0, 1);
  R(recv(raw, &on, 4, MSG_DONTWAIT));
  R(echo(s, 0, 7, 0));
  got(raw, 0, 1);
  R(getsockname(raw, (void *)&name, &l));
  int raw6 = R(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)), at = 2;
  R(setsockopt(raw6, 255, 7, &at, sizeof at));
  at = 3;
  R(setsockopt(raw6, 255, 7, &at, sizeof at));
  R(echo(raw6, 1, 8, 0));
  got(raw6, 1, 1);
  got(raw6, 1, 1);
  R(socket(AF_INET, SOCK_RAW, 0));
  range("0 2147483647");
  setgroups(0, NULL);
  setresgid(1234, 1234, 1234);
  setresuid(1234, 1234, 1234);
  R(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  s = R(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
  R(echo(s, 0, 9, 0));
  got(s, 0, 0);
  id.sin_addr.s_addr = 0;
  id.sin_port = htons(80);
  R(bind(s, (void *)&id, sizeof id));
  s = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
  R(bind(s, (void *)&id, sizeof id));
  return 0;
}
