#include "test.h"
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
/* Netlink beyond routes: one link by number, control messages, generic netlink's controller, device events. */
static void ask(const char *what, int protocol, int type, int flags, const void *body, int length, int whole) {
  struct { struct nlmsghdr h; char b[200]; } q = { { NLMSG_LENGTH(length), type, flags, 7, 0 } };
  struct sockaddr_nl a = { AF_NETLINK };
  static char b[65536];
  int s = socket(AF_NETLINK, SOCK_RAW, protocol), n;
  memcpy(q.b, body, length);
  int sent = sendto(s, &q, q.h.nlmsg_len, 0, (void *)&a, sizeof a);
  say("%s: %s", what, sent < 0 ? ename(errno) : "sent");
  while ((n = recv(s, b, sizeof b, MSG_DONTWAIT)) > 0) {
    for (struct nlmsghdr *h = (void *)b; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
      if (h->nlmsg_type == NLMSG_ERROR) say(" error %d flags %x", ((struct nlmsgerr *)NLMSG_DATA(h))->error, h->nlmsg_flags);
      else say(" type %d flags %x", h->nlmsg_type, h->nlmsg_flags);
      if (whole && h->nlmsg_type != NLMSG_ERROR) for (int i = 16; i < h->nlmsg_len; i++) say("%s%02x", i % 4 ? "" : " ", ((unsigned char *)h)[i]);
    }
  }
  say(" then %s\n", ename(errno));
  close(s);
}

int main(void) {
  setgid(65534);
  setuid(65534);
  struct ifinfomsg i = { AF_UNSPEC };
  char z[64] = { 0 };
  int ask_ack = NLM_F_REQUEST | NLM_F_ACK;
  ask("no link", NETLINK_ROUTE, RTM_GETLINK, NLM_F_REQUEST, &i, sizeof i, 0);
  i.ifi_index = 1;
  ask("link 1", NETLINK_ROUTE, RTM_GETLINK, NLM_F_REQUEST, &i, sizeof i, 0);
  ask("link 1, acknowledged", NETLINK_ROUTE, RTM_GETLINK, ask_ack, &i, sizeof i, 0);
  ask("short", NETLINK_ROUTE, RTM_GETLINK, NLM_F_REQUEST, &i, 4, 0);
  i.ifi_index = 99;
  ask("link 99", NETLINK_ROUTE, RTM_GETLINK, NLM_F_REQUEST, &i, sizeof i, 0);
  ask("control", NETLINK_ROUTE, 5, ask_ack, z, 12, 0);
  ask("noop", NETLINK_ROUTE, NLMSG_NOOP, ask_ack, z, 12, 0);
  ask("noop, silent", NETLINK_ROUTE, NLMSG_NOOP, NLM_F_REQUEST, z, 12, 0);
  ask("no request", NETLINK_ROUTE, RTM_GETLINK, 0, z, 16, 0);
  ask("no request, acknowledged", NETLINK_ROUTE, RTM_GETLINK, NLM_F_ACK, z, 16, 0);
  ask("unknown", NETLINK_ROUTE, 9999, ask_ack, z, 12, 0);
  struct { struct genlmsghdr g; struct nlattr n; char name[16]; } r = { { CTRL_CMD_GETFAMILY, 1 }, { 4 + 7, CTRL_ATTR_FAMILY_NAME }, "nlctrl" };
  ask("nlctrl", NETLINK_GENERIC, GENL_ID_CTRL, NLM_F_REQUEST, &r, 4 + 12, 1);
  ask("nlctrl, acknowledged", NETLINK_GENERIC, GENL_ID_CTRL, ask_ack, &r, 4 + 12, 0);
  strcpy(r.name, "nosuch");
  ask("no family", NETLINK_GENERIC, GENL_ID_CTRL, ask_ack, &r, 4 + 12, 0);
  struct { struct genlmsghdr g; struct nlattr n; unsigned short id, pad; } id = { { CTRL_CMD_GETFAMILY, 1 }, { 6, CTRL_ATTR_FAMILY_ID }, GENL_ID_CTRL };
  ask("by number", NETLINK_GENERIC, GENL_ID_CTRL, NLM_F_REQUEST, &id, 12, 1);
  id.id = 9999;
  ask("no number", NETLINK_GENERIC, GENL_ID_CTRL, NLM_F_REQUEST, &id, 12, 0);
  ask("neither", NETLINK_GENERIC, GENL_ID_CTRL, NLM_F_REQUEST, &id, 4, 0);
  id.g.cmd = 77;
  ask("no command", NETLINK_GENERIC, GENL_ID_CTRL, NLM_F_REQUEST, &id, 12, 0);
  ask("no type", NETLINK_GENERIC, 999, NLM_F_REQUEST, z, 4, 0);
  ask("device event", NETLINK_KOBJECT_UEVENT, 1, ask_ack, z, 4, 0);
  int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
  struct sockaddr_nl n = { AF_NETLINK, 0, 0, 1 };
  R(bind(s, (void *)&n, sizeof n));
  R(recv(s, z, 1, MSG_DONTWAIT));
  return 0;
}
