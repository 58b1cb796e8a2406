#include "test.h"
#include <sys/socket.h>
#include <linux/sockios.h>
/* MSG_OOB on Unix stream sockets: every sequence of a few operations, as the kernel runs them. */
static int s[2], urgents;
static void on_urg(int sig) { urgents++; }

static void state(void) {
  struct pollfd p = { s[0], POLLIN | POLLPRI | POLLRDBAND };
  int mark = -1;
  poll(&p, 1, 0);
  ioctl(s[0], SIOCATMARK, &mark);
  say(" {%x mark %d urg %d}", p.revents, mark, urgents);
}
static void receive(const char *what, int size, int flags) {
  char b[64] = { 0 };
  struct iovec v = { b, size };
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
  int n = recvmsg(s[0], &m, flags | MSG_DONTWAIT);
  if (n < 0) say(" %s%d=%s", what, size, ename(errno));
  else say(" %s%d='%.*s'%s", what, size, n, b, m.msg_flags & MSG_OOB ? "!" : "");
}
static void step(char c) {
  switch (c) {
    case 'a': say(" send3=%d", (int)send(s[1], "abc", 3, 0)); break;
    case 'o': say(" oob3=%d", (int)send(s[1], "xyz", 3, MSG_OOB)); break;
    case '1': say(" oob1=%d", (int)send(s[1], "!", 1, MSG_OOB)); break;
    case 'r': receive("recv", 10, 0); break;
    case '2': receive("recv", 2, 0); break;
    case 'u': receive("urg", 1, MSG_OOB); break;
    case 'p': receive("peek", 10, MSG_PEEK); break;
    case 'q': receive("peekurg", 1, MSG_OOB | MSG_PEEK); break;
    case 'i': say(" inline=%d", setsockopt(s[0], SOL_SOCKET, SO_OOBINLINE, &(int){ 1 }, 4)); break;
    case 'x': say(" close=%d", close(s[1])); s[1] = -1; break;
    case 'w': say(" shut=%d", shutdown(s[1], SHUT_WR)); break;
  }
  state();
}

int main(void) {
  signal(SIGURG, on_urg);
  signal(SIGPIPE, SIG_IGN);
  static const char *fixed[] = {
    "", "u", "1", "1u", "1r", "1p", "1q", "1qu", "or", "orr", "our", "ourr", "op", "opr", "o2r", "o2ur", "ao", "aor", "aorr", "aour", "aourr", "aouar", "aouarr", "aoarr", "11", "11u", "11r", "11ur",
    "o1r", "o1rr", "o1urr", "1a", "1ar", "1ap", "1par", "1ua", "1uar", "1uap", "1uapr", "ir1r", "i1", "i1u", "i1r", "iaor", "iaorr", "iaoar", "iaoarr", "1i", "1ir", "1iu", "1ui", "1uir", "ox", "oxr", "oxrr", "oxu", "1ux", "1uxr",
    "aoao", "aoaor", "aoaorr", "aoaorrr", "aoaour", "aoaup", "ou1u", "ou1r", "ou1ur", "ou1urr", "uo2", "wo", "ow", "o2p", "ou2p", "oup", "aou2", "aoup", "1uq", "1u1q", "1u1p", "1u1pr", "1u1r",
  };
  for (int i = 0; i < sizeof fixed / sizeof *fixed; i++) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) say("no pair\n");
    fcntl(s[0], F_SETOWN, getpid());
    urgents = 0;
    say("%s:", fixed[i]);
    state();
    for (const char *c = fixed[i]; *c; c++) step(*c);
    say("\n");
    close(s[0]);
    close(s[1]);
  }
  static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM };
  for (int i = 0; i < 3; i++) {
    socketpair(AF_UNIX, types[i], 0, s);
    R(send(s[0], "x", 1, MSG_OOB));
    R(send(s[0], "", 0, MSG_OOB));
    R(recv(s[0], &(char){ 0 }, 1, MSG_OOB | MSG_DONTWAIT));
    R(recv(s[1], &(char){ 0 }, 0, MSG_OOB | MSG_DONTWAIT));
    R(recv(s[1], &(char){ 0 }, 1, MSG_OOB | MSG_DONTWAIT));
    close(s[0]);
    close(s[1]);
  }
  R(recv(s[0] = socket(AF_UNIX, SOCK_STREAM, 0), &(char){ 0 }, 1, MSG_OOB | MSG_DONTWAIT));
  R(send(s[0], "x", 1, MSG_OOB));
  return 0;
}
