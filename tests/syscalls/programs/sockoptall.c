#include "test.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
/* timeout: 60 */
/* Every option of every level by number, on eleven kinds of sockets: what it is at first, which values it takes and which it keeps. */
#define KINDS 11
static int fds[KINDS];
static const char *names[KINDS] = { "tcp4", "tcp6", "udp4", "udp6", "ustr", "udgm", "useq", "pair", "nl", "lst", "conn" };

static void open_all(void) {
  int q[2];
  struct sockaddr_in a = { AF_INET, 0, { htonl(INADDR_LOOPBACK) } };
  socklen_t l = sizeof a;
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  fds[1] = socket(AF_INET6, SOCK_STREAM, 0);
  fds[2] = socket(AF_INET, SOCK_DGRAM, 0);
  fds[3] = socket(AF_INET6, SOCK_DGRAM, 0);
  fds[4] = socket(AF_UNIX, SOCK_STREAM, 0);
  fds[5] = socket(AF_UNIX, SOCK_DGRAM, 0);
  fds[6] = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  socketpair(AF_UNIX, SOCK_STREAM, 0, q);
  fds[7] = q[0];
  fds[8] = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  fds[9] = socket(AF_INET, SOCK_STREAM, 0);
  bind(fds[9], (void *)&a, sizeof a);
  listen(fds[9], 5);
  getsockname(fds[9], (void *)&a, &l);
  fds[10] = socket(AF_INET, SOCK_STREAM, 0);
  connect(fds[10], (void *)&a, sizeof a);
}
static void close_all(void) {
  for (int i = 3; i < 40; i++) close(i);
}

static const struct level {
  int level;
  const char *name;
  int most;
  /* Of other kernels, of the machine, or of programs in the kernel (BPF), and what is not kept here: repair, zero copy, flow labels, headers. */
  int out[40];
} levels[] = {
  { SOL_SOCKET, "SOCKET", 84, { 17, 18, 26, 28, 42, 50, 51, 52, 59, 68, 76, 77, 78, 79, 80, 81, 83, 84 } },
  { IPPROTO_IP, "IP", 52, { 4, 9, 23, 41, 48, 51, 52 } },
  { IPPROTO_IPV6, "IPV6", 80, { 1, 2, 3, 4, 5, 6, 8, 11, 17, 20, 21, 22, 24, 27, 28, 32, 33, 48, 50, 54, 55, 57, 59, 61, 64, 65, 68, 69, 72, 80 } },
  { IPPROTO_TCP, "TCP", 45, { 8, 10, 13, 14, 19, 20, 21, 22, 24, 26, 29, 32, 33, 35, 42, 43, 44, 45 } },
  { IPPROTO_UDP, "UDP", 12 }, { SOL_NETLINK, "NETLINK", 13 }, { 77, "77", 2 },
};
/* Whose values are the machine's. */
static int is_secret(int level, int option) {
  static const int sock[] = { SO_RCVBUF, SO_SNDBUF, SO_INCOMING_CPU, SO_INCOMING_NAPI_ID, SO_COOKIE, SO_MEMINFO, SO_NETNS_COOKIE, SO_MAX_PACING_RATE, SO_ERROR };
  static const int tcp[] = { TCP_INFO, TCP_CC_INFO, TCP_CONGESTION, TCP_ULP, TCP_TIMESTAMP, TCP_MAXSEG, TCP_WINDOW_CLAMP };
  for (int i = 0; i < sizeof sock / sizeof *sock; i++) if (level == SOL_SOCKET && option == sock[i]) return 1;
  for (int i = 0; i < sizeof tcp / sizeof *tcp; i++) if (level == IPPROTO_TCP && option == tcp[i]) return 1;
  return 0;
}

static void one(const struct level *l, int option) {
  static const int values[] = { 0, 1, -1, 2, 255 };
  int secret = is_secret(l->level, option);
  open_all();
  say("%s %d:", l->name, option);
  for (int i = 0; i < KINDS; i++) {
    unsigned char b[64] = { 0 };
    socklen_t n = 64;
    if (getsockopt(fds[i], l->level, option, b, &n)) say(" %s=%s", names[i], ename(errno));
    else {
      say(" %s=%d:", names[i], n);
      for (int j = 0; j < n && j < 16 && !secret; j++) say("%02x", b[j]);
    }
  }
  say("\n");
  close_all();
  for (int v = 0; v < sizeof values / sizeof *values; v++) {
    open_all();
    say("  %d:", values[v]);
    for (int i = 0; i < KINDS; i++) {
      int n = 0, r = setsockopt(fds[i], l->level, option, &values[v], 4);
      socklen_t length = 4;
      say(" %s=%s", names[i], r ? ename(errno) : "ok");
      if (r == 0 && getsockopt(fds[i], l->level, option, &n, &length)) say("/%s", ename(errno));
      else if (r == 0 && !secret) say("/%d", n);
    }
    say("\n");
    close_all();
  }
}

int main(void) {
  close_all();
  signal(SIGPIPE, SIG_IGN);
  setgid(65534);
  setuid(65534);
  for (int i = 0; i < sizeof levels / sizeof *levels; i++) {
    for (int option = 1; option <= levels[i].most; option++) {
      int out = 0;
      for (int j = 0; levels[i].out[j] != 0; j++) out |= levels[i].out[j] == option;
      if (!out) one(&levels[i], option);
    }
  }
  return 0;
}
