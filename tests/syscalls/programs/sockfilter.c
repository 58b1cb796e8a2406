#include "test.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
/* Classic BPF on sockets: what may be attached, told, locked and taken off, and what filters let through. */
static int attach(int fd, struct sock_filter *f, int n) { struct sock_fprog p = { n, f }; return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p); }
#define ATTACH(fd, ...) ({ struct sock_filter f_[] = { __VA_ARGS__ }; attach(fd, f_, sizeof f_ / sizeof *f_); })
#define RET(k) BPF_STMT(BPF_RET | BPF_K, k)
static void errors(void) {
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0), v = 1; struct sock_filter many[5000], back[10]; socklen_t l; struct sock_fprog p = { 1, 0 };
  for (int i = 0; i < 5000; i++) many[i] = (struct sock_filter)RET(1);
  R(attach(fd, many, 0)); R(attach(fd, many, 500)); R(attach(fd, many, 4097)); R(attach(fd, (void *)8, 1)); R(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p));
  R(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p - 1)); R(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p + 1)); R(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, 3)); R(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, 0, sizeof p));
  static const struct { const char *what; struct sock_filter f; } single[] = {
    { "ld w abs", BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0) }, { "ld h ind", BPF_STMT(BPF_LD | BPF_H | BPF_IND, 5) }, { "ld b abs far", BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0xefffffff) }, { "ad", BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF) },
    { "ad 3", BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + 3) }, { "ad 60", BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + 60) }, { "ad 64", BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + 64) }, { "net", BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_NET_OFF) },
    { "msh", BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0) }, { "ldx abs", BPF_STMT(BPF_LDX | BPF_W | BPF_ABS, 0) }, { "mod k", BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3) }, { "mod 0", BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 0) }, { "div 0", BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0) },
    { "lsh 32", BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32) }, { "mem", BPF_STMT(BPF_LD | BPF_MEM, 0) }, { "st 16", BPF_STMT(BPF_ST, 16) }, { "ja far", BPF_STMT(BPF_JMP | BPF_JA, 1) }, { "jeq far", BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1) }, { "ret x", BPF_STMT(BPF_RET | BPF_X, 0) }, { "ffff", BPF_STMT(0xffff, 0) },
  };
  for (unsigned i = 0; i < sizeof single / sizeof *single; i++) say("%s: %s\n", single[i].what, ATTACH(fd, single[i].f, RET(1)) ? ename(errno) : "ok");
  R(ATTACH(fd, BPF_STMT(BPF_LD | BPF_IMM, 1))); R(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &v, 4)); R(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &v, 4)); R(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &v, 3));
  l = 10; R(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, back, &l)); say("%d\n", (int)l); R(ATTACH(fd, BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 4, 0, 1), RET(0), RET(3)));
  for (int n = 0; n < 7; n += 2) { memset(back, 0, sizeof back); l = n; int r = getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, back, &l); say("get %d: %d %s %d, %x %x\n", n, r, r ? ename(errno) : "", (int)l, back[0].code, back[3].k); }
  R(setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &v, 4)); R(ATTACH(fd, RET(1))); R(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &v, 4)); close(fd);
  fd = socket(AF_UNIX, SOCK_STREAM, 0); R(ATTACH(fd, RET(0))); close(fd);
}
static void got(int fd) { char b[200]; for (;;) { int r = recv(fd, b, sizeof b, MSG_DONTWAIT); if (r < 0) { say(" %s\n", ename(errno)); return; } say(" %d:%.*s", r, r, b); } }
static void send_all(int from, int to) { static const char *texts[] = { "a", "bb", "hello", "another", "z1234567890" }; for (int i = 0; i < 5; i++) { int r = send(from, texts[i], strlen(texts[i]), 0); if (r != (int)strlen(texts[i])) say(" sent %d %s", r, r < 0 ? ename(errno) : ""); } got(to); }
static void filters(const char *what, int from, int to, int start) {
  say("%s\n", what);
  say("none:"); send_all(from, to);
  ATTACH(to, RET(0)); say("nothing:"); send_all(from, to);
  ATTACH(to, RET(start + 3)); say("three:"); send_all(from, to);
  ATTACH(to, RET(1)); say("one:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1), BPF_STMT(BPF_RET | BPF_A, 0)); say("but one:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, start), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1), RET(1000), RET(0)); say("those with a:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, start + 4), RET(1000)); say("long ones:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 2), BPF_STMT(BPF_LD | BPF_W | BPF_IND, start - 1), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1), RET(1000), RET(0)); say("odd fifth:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_IMM, 7), BPF_STMT(BPF_ALU | BPF_MOD | BPF_X, 0), RET(1000)); say("mod 0:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_IMM, 0xf0), BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_IMM, 0xf3), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_ALU_XOR_X), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LDX | BPF_MEM, 3), BPF_STMT(BPF_MISC | BPF_TXA, 0), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, start), BPF_STMT(BPF_RET | BPF_A, 0)); say("xor:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 8), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, start + 1), BPF_STMT(BPF_RET | BPF_A, 0)); say("protocol:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_IFINDEX), RET(start + 2)); say("interface:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE), RET(start + 2)); say("type:"); send_all(from, to);
  int v; setsockopt(to, SOL_SOCKET, SO_DETACH_FILTER, &v, 4); say("off:"); send_all(from, to);
}
static void udp(int family) {
  int to = socket(family, SOCK_DGRAM, 0), from = socket(family, SOCK_DGRAM, 0); struct sockaddr_storage a = { .ss_family = family }; socklen_t l = sizeof a;
  if (family == AF_INET) ((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK); else ((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
  bind(to, (void *)&a, family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)); getsockname(to, (void *)&a, &l); connect(from, (void *)&a, l); filters(family == AF_INET ? "udp" : "udp6", from, to, 8);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohs(((struct sockaddr_in *)&a)->sin_port), 0, 3), BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8 + 5, 0, 1), RET(100), RET(0)); say("port and length:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 5), BPF_STMT(BPF_RET | BPF_A, 0)); say("version:"); send_all(from, to);
  ATTACH(to, BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, SKF_NET_OFF), BPF_STMT(BPF_MISC | BPF_TXA, 0), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 10), BPF_STMT(BPF_RET | BPF_A, 0)); if (family == AF_INET) { say("header length:"); send_all(from, to); }
  ATTACH(to, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_NET_OFF + (family == AF_INET ? 16 : 36)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 10), BPF_STMT(BPF_RET | BPF_A, 0)); say("address:"); send_all(from, to);
  close(to); close(from);
}
static void netlink(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); struct sockaddr_nl a = { AF_NETLINK }; struct { struct nlmsghdr h; struct rtgenmsg g; } ask = { { NLMSG_LENGTH(sizeof(struct rtgenmsg)), RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, 7, 0 }, { AF_UNSPEC } };
  bind(fd, (void *)&a, sizeof a); char b[8192]; ask.h.nlmsg_type = 3; ask.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  R(ATTACH(fd, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohs(NLMSG_ERROR), 0, 1), RET(0), RET(9000))); send(fd, &ask, ask.h.nlmsg_len, 0); say("error: %zd\n", recv(fd, b, sizeof b, MSG_DONTWAIT));
  R(ATTACH(fd, RET(20))); send(fd, &ask, ask.h.nlmsg_len, 0); say("cut: %zd\n", recv(fd, b, sizeof b, MSG_DONTWAIT)); close(fd);
  fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT); R(ATTACH(fd, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), RET(0xffffffff))); close(fd);
}
int main(void) {
  int pair[2]; errors(); socketpair(AF_UNIX, SOCK_DGRAM, 0, pair); filters("unix datagrams", pair[0], pair[1], 0); socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair); filters("unix packets", pair[0], pair[1], 0);
  udp(AF_INET); udp(AF_INET6); netlink(); return 0;
}
