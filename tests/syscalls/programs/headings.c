#include "test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
/* Time to live and type of service of datagrams: by options, by control data of one datagram, and as the receiver is told. */
static int set(int fd, int level, int name, int v) { return setsockopt(fd, level, name, &v, 4); }
static struct sockaddr_storage at; static socklen_t atlen;
static void name(int fd, int v4) { atlen = sizeof at; getsockname(fd, (void *)&at, &atlen); if (v4) { struct sockaddr_in *i = (void *)&at; i->sin_addr.s_addr = htonl(INADDR_LOOPBACK); } else ((struct sockaddr_in6 *)&at)->sin6_addr = in6addr_loopback; }
static void with(const char *what, int from, int level, int type, const void *data, int size) {
  char control[64] = "", c = 'x'; struct iovec v = { &c, 1 }; struct msghdr m = { .msg_name = &at, .msg_namelen = atlen, .msg_iov = &v, .msg_iovlen = 1 };
  if (size >= 0) { m.msg_control = control; m.msg_controllen = CMSG_SPACE(size); struct cmsghdr *h = CMSG_FIRSTHDR(&m); h->cmsg_level = level; h->cmsg_type = type; h->cmsg_len = CMSG_LEN(size); memcpy(CMSG_DATA(h), data, size); }
  int r = sendmsg(from, &m, 0); say("%s: %d %s\n", what, r, r < 0 ? ename(errno) : "");
}
static void with_int(const char *what, int from, int level, int type, int value) { with(what, from, level, type, &value, 4); }
static void told(int fd) {
  char control[200], b[8]; struct iovec v = { b, 8 }; struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
  int r = recvmsg(fd, &m, MSG_DONTWAIT); if (r < 0) { say("  %s\n", ename(errno)); return; }
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) { int n = h->cmsg_len - CMSG_LEN(0), value = 0; memcpy(&value, CMSG_DATA(h), n > 4 ? 4 : n); say("  level %d type %d size %d value %d\n", h->cmsg_level, h->cmsg_type, n, value); }
  say("  got\n");
}
int main(void) {
  static const int protocols[] = { IPPROTO_UDP, IPPROTO_UDPLITE };
  for (int p = 0; p < 2; p++) {
    int a = socket(AF_INET, SOCK_DGRAM, protocols[p]), b = socket(AF_INET, SOCK_DGRAM, protocols[p]); struct sockaddr_in any = { AF_INET }; bind(b, (void *)&any, sizeof any); name(b, 1);
    set(b, SOL_IP, IP_RECVTTL, 1); set(b, SOL_IP, IP_RECVTOS, 1); unsigned char byte = 12; long wide = 7;
    with("plain", a, 0, 0, 0, -1); told(b); set(a, SOL_IP, IP_TTL, 9); set(a, SOL_IP, IP_TOS, 0x20); with("options", a, 0, 0, 0, -1); told(b);
    with_int("ttl", a, SOL_IP, IP_TTL, 3); told(b); with_int("ttl 0", a, SOL_IP, IP_TTL, 0); with_int("ttl 256", a, SOL_IP, IP_TTL, 256); with_int("ttl -1", a, SOL_IP, IP_TTL, -1); with("ttl byte", a, SOL_IP, IP_TTL, &byte, 1);
    with_int("tos", a, SOL_IP, IP_TOS, 0x44); told(b); with("tos byte", a, SOL_IP, IP_TOS, &byte, 1); told(b); with_int("tos 256", a, SOL_IP, IP_TOS, 256); with("tos wide", a, SOL_IP, IP_TOS, &wide, 8);
    with_int("unknown", a, SOL_IP, 99, 1); with_int("other level", a, SOL_IPV6, IPV6_HOPLIMIT, 3); told(b); told(b);
    int c = socket(AF_INET6, SOCK_DGRAM, protocols[p]), d = socket(AF_INET6, SOCK_DGRAM, protocols[p]); struct sockaddr_in6 any6 = { AF_INET6 }; bind(d, (void *)&any6, sizeof any6); name(d, 0);
    set(d, SOL_IPV6, IPV6_RECVHOPLIMIT, 1); set(d, SOL_IPV6, IPV6_RECVTCLASS, 1);
    with("plain", c, 0, 0, 0, -1); told(d); set(c, SOL_IPV6, IPV6_UNICAST_HOPS, 9); set(c, SOL_IPV6, IPV6_TCLASS, 0x20); with("options", c, 0, 0, 0, -1); told(d);
    with_int("hops", c, SOL_IPV6, IPV6_HOPLIMIT, 3); told(d); with_int("hops 0", c, SOL_IPV6, IPV6_HOPLIMIT, 0); told(d); with_int("hops -1", c, SOL_IPV6, IPV6_HOPLIMIT, -1); told(d); with_int("hops 256", c, SOL_IPV6, IPV6_HOPLIMIT, 256); with("hops byte", c, SOL_IPV6, IPV6_HOPLIMIT, &byte, 1);
    with_int("class", c, SOL_IPV6, IPV6_TCLASS, 0x44); told(d); with_int("class -1", c, SOL_IPV6, IPV6_TCLASS, -1); told(d); with_int("class 256", c, SOL_IPV6, IPV6_TCLASS, 256); with("class byte", c, SOL_IPV6, IPV6_TCLASS, &byte, 1); with_int("unknown", c, SOL_IPV6, 99, 1); told(d);
    /* IPv4 to a socket of IPv6 */
    struct sockaddr_in four = { AF_INET, ((struct sockaddr_in6 *)&at)->sin6_port, { htonl(INADDR_LOOPBACK) } }; memcpy(&at, &four, sizeof four); atlen = sizeof four; with("four", a, 0, 0, 0, -1); told(d); set(d, SOL_IP, IP_RECVTTL, 1); set(d, SOL_IP, IP_RECVTOS, 1); with("four", a, 0, 0, 0, -1); told(d);
    close(a); close(b); close(c); close(d);
  }
  return 0;
}
