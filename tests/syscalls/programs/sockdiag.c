/* Questions about sockets by netlink (sock_diag(7)), in a network of its own. */
#include "test.h"
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/sysmacros.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

static int ino(int fd) {
  struct stat st;
  fstat(fd, &st);
  return st.st_ino;
}
static int known[16], fds[16], count;
static int which(unsigned inode) {
  for (int i = 0; i < count; i++) if (known[i] == (int)inode) return i;
  return inode ? -1 : -2;
}
static int keep(int fd) { known[count] = ino(fd); fds[count] = fd; return count++; }

static void inet(struct nlmsghdr *h) {
  struct inet_diag_msg *m = NLMSG_DATA(h);
  char a[64], b[64];
  inet_ntop(m->idiag_family, m->id.idiag_src, a, 64);
  inet_ntop(m->idiag_family, m->id.idiag_dst, b, 64);
  say("  socket %d family %d state %d %s %d -> %s %d queues %d %d uid %d\n", which(m->idiag_inode), m->idiag_family, m->idiag_state, a, m->id.idiag_sport != 0, b, m->id.idiag_dport != 0,
    m->idiag_rqueue, m->idiag_wqueue, m->idiag_uid);
}
static void unix_(struct nlmsghdr *h) {
  struct unix_diag_msg *m = NLMSG_DATA(h);
  say("  socket %d family %d type %d state %d", which(m->udiag_ino), m->udiag_family, m->udiag_type, m->udiag_state);
  int left = h->nlmsg_len - NLMSG_LENGTH(sizeof *m);
  for (struct nlattr *a = (void *)(m + 1); left > 4; left -= NLA_ALIGN(a->nla_len), a = (void *)((char *)a + NLA_ALIGN(a->nla_len))) {
    unsigned *v = (void *)(a + 1);
    if (a->nla_type == UNIX_DIAG_NAME) say(" name %d %.10s", a->nla_len - 4, (char *)v + !*(char *)v);
    if (a->nla_type == UNIX_DIAG_PEER) say(" peer %d", which(*v));
    if (a->nla_type == UNIX_DIAG_RQLEN) say(" queues %d %d", v[0], v[1]);
    if (a->nla_type == UNIX_DIAG_VFS) { struct stat st; stat("name", &st); say(" place %d %d", v[0] == st.st_ino, v[1] == (major(st.st_dev) << 20 | minor(st.st_dev))); }
    if (a->nla_type == UNIX_DIAG_MEMINFO) { say(" memory"); for (int i = 0; i < (a->nla_len - 4) / 4; i++) say(" %u", v[i]); }
    if (a->nla_type == UNIX_DIAG_UID) say(" uid %u", v[0]);
    if (a->nla_type == UNIX_DIAG_SHUTDOWN) say(" shutdown %d", *(char *)v);
  }
  say("\n");
}

static int nl;
static void ask(const char *what, void *request, int length, int flags, int family) {
  struct { struct nlmsghdr h; char body[100]; } q = { { NLMSG_LENGTH(length), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | flags, 7, 0 } };
  memcpy(q.body, request, length);
  say("%s\n", what);
  send(nl, &q, q.h.nlmsg_len, 0);
  char *lines[32], b[16384];
  for (int done = 0; !done;) {
    struct pollfd p = { nl, POLLIN };
    if (poll(&p, 1, 2000) != 1) { say("  nothing\n"); return; }
    int n = recv(nl, b, sizeof b, 0);
    for (struct nlmsghdr *h = (void *)b; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
      if (h->nlmsg_type == NLMSG_DONE) { say("  done %d\n", h->nlmsg_seq); done = 1; }
      else if (h->nlmsg_type == NLMSG_ERROR) { say("  error %s\n", ename(-((struct nlmsgerr *)NLMSG_DATA(h))->error)); done = 1; }
      else {
        if (family == AF_UNIX) unix_(h);
        else inet(h);
        if (!(h->nlmsg_flags & NLM_F_MULTI)) done = 1;
      }
    }
  }
}

int main(void) {
  if (unshare(CLONE_NEWNET)) return 1;
  enter_tmp();
  struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  int u = socket(AF_INET, SOCK_DGRAM, 0);
  ioctl(u, SIOCSIFFLAGS, &r);
  nl = R(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(5000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  int l = socket(AF_INET, SOCK_STREAM, 0);
  bind(l, (void *)&a, sizeof a);
  listen(l, 7);
  keep(l);
  int c = socket(AF_INET, SOCK_STREAM, 0);
  connect(c, (void *)&a, sizeof a);
  struct inet_diag_req_v2 q = { AF_INET, IPPROTO_TCP, 0, 0, 1 << 10 };
  ask("one waits", &q, sizeof q, NLM_F_DUMP, AF_INET);
  int d = accept(l, NULL, NULL);
  keep(c);
  keep(d);
  send(c, "hello", 5, 0);
  struct pollfd p = { d, POLLIN };
  poll(&p, 1, 1000);
  ask("listening", &q, sizeof q, NLM_F_DUMP, AF_INET);
  q.idiag_states = 1 << 1;
  q.id.idiag_sport = htons(5000);
  ask("established, from 5000", &q, sizeof q, NLM_F_DUMP, AF_INET);
  q.id.idiag_sport = 0;
  q.id.idiag_dport = htons(5000);
  ask("established, to 5000", &q, sizeof q, NLM_F_DUMP, AF_INET);
  q.id.idiag_dport = 0;
  q.idiag_states = 1 << 5;
  ask("none", &q, sizeof q, NLM_F_DUMP, AF_INET);
  q.sdiag_family = AF_INET6;
  q.idiag_states = -1;
  ask("none of IPv6", &q, sizeof q, NLM_F_DUMP, AF_INET6);
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(5001), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int s6 = socket(AF_INET6, SOCK_STREAM, 0);
  bind(s6, (void *)&six, sizeof six);
  listen(s6, 3);
  keep(s6);
  ask("one of IPv6", &q, sizeof q, NLM_F_DUMP, AF_INET6);
  a.sin_port = htons(5002);
  bind(u, (void *)&a, sizeof a);
  keep(u);
  q.sdiag_family = AF_INET;
  q.sdiag_protocol = IPPROTO_UDP;
  ask("UDP", &q, sizeof q, NLM_F_DUMP, AF_INET);
  q.idiag_states = 1 << 1;
  ask("connected UDP", &q, sizeof q, NLM_F_DUMP, AF_INET);
  q.sdiag_family = 77;
  ask("no family", &q, sizeof q, NLM_F_DUMP, AF_INET);
  struct unix_diag_req x = { AF_UNIX, 0, 0, 1 << 10, 0, 1 | 4 | 16 };
  struct sockaddr_un un = { AF_UNIX, "name" };
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(s, (void *)&un, sizeof un);
  listen(s, 5);
  keep(s);
  ask("Unix, listening", &x, sizeof x, NLM_F_DUMP, AF_UNIX);
  int sv[2];
  socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv);
  keep(sv[0]);
  keep(sv[1]);
  x.udiag_states = 1 << 1;
  x.udiag_ino = ino(sv[0]);
  x.udiag_cookie[0] = x.udiag_cookie[1] = -1;
  x.udiag_show = 1 | 4;
  ask("Unix, one", &x, sizeof x, 0, AF_UNIX);
  shutdown(sv[0], SHUT_WR);
  ask("Unix, shut down", &x, sizeof x, 0, AF_UNIX);
  x.udiag_ino = 0;
  ask("Unix, none", &x, sizeof x, 0, AF_UNIX);
  x = (struct unix_diag_req){ AF_UNIX, 0, 0, 0, ino(s), 1 | 2 | 16 | 64, { -1, -1 } };
  ask("Unix, in no state", &x, sizeof x, 0, AF_UNIX);
  x.udiag_cookie[0] = 5;
  ask("Unix, another cookie", &x, sizeof x, 0, AF_UNIX);
  uint64_t cookie;
  socklen_t cookie_length = sizeof cookie;
  getsockopt(s, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_length);
  x.udiag_cookie[0] = cookie;
  x.udiag_cookie[1] = cookie >> 32;
  ask("Unix, its cookie", &x, sizeof x, 0, AF_UNIX);
  x = (struct unix_diag_req){ AF_UNIX, 0, 0, 0, ino(sv[1]), 2 | 32 | 64, { -1, -1 } };
  ask("Unix, memory", &x, sizeof x, 0, AF_UNIX);
  x.udiag_ino = 0x7fffffff;
  ask("Unix, no such", &x, sizeof x, 0, AF_UNIX);
  return 0;
}
