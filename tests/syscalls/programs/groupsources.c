#include "test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
/* Sources of multicast groups (RFC 3678): what each call answers, in sequence. */
#define GROUP "239.1.2.3"
static int s;
static int old(int name, const char *group, const char *own, const char *source) {
  struct ip_mreq_source m;
  inet_pton(AF_INET, group, &m.imr_multiaddr);
  inet_pton(AF_INET, own, &m.imr_interface);
  inet_pton(AF_INET, source, &m.imr_sourceaddr);
  return setsockopt(s, IPPROTO_IP, name, &m, sizeof m);
}
static int fresh(int name, int index, const char *group, const char *source) {
  struct group_source_req r = { .gsr_interface = index };
  struct sockaddr_in g = { AF_INET }, from = { AF_INET };
  inet_pton(AF_INET, group, &g.sin_addr);
  inet_pton(AF_INET, source, &from.sin_addr);
  memcpy(&r.gsr_group, &g, sizeof g);
  memcpy(&r.gsr_source, &from, sizeof from);
  return setsockopt(s, IPPROTO_IP, name, &r, sizeof r);
}
static int whole(int mode, int count) {
  char b[200] = { 0 };
  struct ip_msfilter *f = (void *)b;
  inet_pton(AF_INET, GROUP, &f->imsf_multiaddr);
  inet_pton(AF_INET, "127.0.0.1", &f->imsf_interface);
  f->imsf_fmode = mode;
  f->imsf_numsrc = count;
  for (int i = 0; i < count && i < 20; i++) ((struct in_addr *)(b + 16))[i].s_addr = htonl(0x0a000001 + i);
  return setsockopt(s, IPPROTO_IP, IP_MSFILTER, b, 16 + 4 * count);
}
static int any(int name) {
  struct ip_mreq m;
  inet_pton(AF_INET, GROUP, &m.imr_multiaddr);
  inet_pton(AF_INET, "127.0.0.1", &m.imr_interface);
  return setsockopt(s, IPPROTO_IP, name, &m, sizeof m);
}
#define LO "127.0.0.1"
static int port;
static void say_to_group(const char *own, const char *what) {
  int from = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in a = { AF_INET }, to = { AF_INET, htons(port) };
  inet_pton(AF_INET, own, &a.sin_addr);
  inet_pton(AF_INET, GROUP, &to.sin_addr);
  bind(from, (void *)&a, sizeof a);
  struct in_addr lo = { htonl(INADDR_LOOPBACK) };
  setsockopt(from, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo);
  if (sendto(from, what, 1, 0, (void *)&to, sizeof to) != 1) say("not sent: %s\n", ename(errno));
  close(from);
}
static void hear(void) {
  char c = '?';
  struct sockaddr_in a = { 0 };
  socklen_t n = sizeof a;
  recvfrom(s, &c, 1, 0, (void *)&a, &n);
  say("heard %c from %s\n", c, inet_ntoa(a.sin_addr));
}
/* What is not wanted would be heard before what is. */
static void deliveries(void) {
  struct sockaddr_in a = { AF_INET };
  socklen_t n = sizeof a;
  s = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 10 }, sizeof(struct timeval));
  bind(s, (void *)&a, sizeof a);
  getsockname(s, (void *)&a, &n);
  port = ntohs(a.sin_port);
  R(any(IP_ADD_MEMBERSHIP));
  say_to_group(LO, "a");
  hear();
  R(old(IP_BLOCK_SOURCE, GROUP, LO, LO));
  say_to_group(LO, "b");
  say_to_group("127.0.0.2", "c");
  hear();
  R(old(IP_UNBLOCK_SOURCE, GROUP, LO, LO));
  say_to_group(LO, "d");
  hear();
  R(any(IP_DROP_MEMBERSHIP));
  R(old(IP_ADD_SOURCE_MEMBERSHIP, GROUP, LO, "127.0.0.2"));
  say_to_group(LO, "e");
  say_to_group("127.0.0.2", "f");
  hear();
  R(old(IP_ADD_SOURCE_MEMBERSHIP, GROUP, LO, LO));
  say_to_group(LO, "g");
  hear();
  close(s);
}
int main(void) {
  s = socket(AF_INET, SOCK_DGRAM, 0);
  R(old(IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.1", LO, "10.0.0.2"));
  R(old(IP_ADD_SOURCE_MEMBERSHIP, GROUP, "9.9.9.9", "10.0.0.2"));
  R(old(IP_DROP_SOURCE_MEMBERSHIP, GROUP, LO, "10.0.0.2"));
  R(old(IP_BLOCK_SOURCE, GROUP, LO, "10.0.0.2"));
  R(old(IP_ADD_SOURCE_MEMBERSHIP, GROUP, LO, "10.0.0.2"));
  R(old(IP_ADD_SOURCE_MEMBERSHIP, GROUP, LO, "10.0.0.2"));
  R(old(IP_ADD_SOURCE_MEMBERSHIP, GROUP, LO, "10.0.0.3"));
  R(old(IP_BLOCK_SOURCE, GROUP, LO, "10.0.0.4"));
  R(any(IP_ADD_MEMBERSHIP));
  R(old(IP_DROP_SOURCE_MEMBERSHIP, GROUP, LO, "10.0.0.9"));
  R(old(IP_DROP_SOURCE_MEMBERSHIP, GROUP, LO, "10.0.0.2"));
  R(old(IP_DROP_SOURCE_MEMBERSHIP, GROUP, LO, "10.0.0.3"));
  R(old(IP_DROP_SOURCE_MEMBERSHIP, GROUP, LO, "10.0.0.3"));
  R(any(IP_DROP_MEMBERSHIP));
  R(any(IP_ADD_MEMBERSHIP));
  R(old(IP_UNBLOCK_SOURCE, GROUP, LO, "10.0.0.2"));
  R(old(IP_BLOCK_SOURCE, GROUP, LO, "10.0.0.2"));
  R(old(IP_BLOCK_SOURCE, GROUP, LO, "10.0.0.2"));
  R(old(IP_ADD_SOURCE_MEMBERSHIP, GROUP, LO, "10.0.0.3"));
  R(old(IP_UNBLOCK_SOURCE, GROUP, LO, "10.0.0.2"));
  for (int i = 1; i < 13; i++) {
    char a[20];
    sprintf(a, "10.0.1.%d", i);
    R(old(IP_BLOCK_SOURCE, GROUP, LO, a));
  }
  R(whole(MCAST_EXCLUDE, 3));
  R(whole(MCAST_EXCLUDE, 11));
  R(whole(7, 1));
  R(whole(MCAST_INCLUDE, 2));
  R(whole(MCAST_INCLUDE, 0));
  R(whole(MCAST_INCLUDE, 1));
  R(fresh(MCAST_JOIN_SOURCE_GROUP, 1, "10.0.0.1", "10.0.0.2"));
  R(fresh(MCAST_JOIN_SOURCE_GROUP, 99, GROUP, "10.0.0.2"));
  R(fresh(MCAST_JOIN_SOURCE_GROUP, 1, GROUP, "10.0.0.2"));
  R(fresh(MCAST_JOIN_SOURCE_GROUP, 1, GROUP, "10.0.0.2"));
  R(fresh(MCAST_BLOCK_SOURCE, 1, GROUP, "10.0.0.2"));
  R(fresh(MCAST_LEAVE_SOURCE_GROUP, 1, GROUP, "10.0.0.2"));
  R(fresh(MCAST_LEAVE_SOURCE_GROUP, 1, GROUP, "10.0.0.2"));
  R(setsockopt(s, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, "abcd", 4));
  R(setsockopt(s, IPPROTO_IP, IP_BLOCK_SOURCE, "abcd", 4));
  R(setsockopt(s, IPPROTO_IP, IP_MSFILTER, "abcd", 4));
  struct group_source_req bad = { .gsr_interface = 1 };
  R(setsockopt(s, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &bad, sizeof bad));
  close(s);
  deliveries();
  return 0;
}
