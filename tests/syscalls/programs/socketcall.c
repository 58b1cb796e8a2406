#include "test.h"
/* socketcall(2) of i386, and descriptors running out at accept. */
#include <sys/socket.h>
#include <sys/un.h>
#ifdef __i386__
#define SC(call, ...) ({ long a_[] = { __VA_ARGS__ }; syscall(SYS_socketcall, call, a_); })
static void calls(void) {
  int p[2]; char b[16]; memset(b, 0, 16); R(SC(8, AF_UNIX, SOCK_STREAM, 0, (long)p)); R(SC(9, p[0], (long)"hello", 5, 0)); R(SC(10, p[1], (long)b, 16, MSG_PEEK)); say("[%s]\n", b); R(SC(12, p[1], (long)b, 16, 0, 0, 0)); R(SC(11, p[0], (long)"to", 2, 0, 0, 0));
  struct iovec v = { b, 16 }; struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 }; R(SC(17, p[1], (long)&m, 0)); v.iov_len = 3; R(SC(16, p[1], (long)&m, MSG_NOSIGNAL)); int n = 4, val = -1; R(SC(15, p[0], SOL_SOCKET, SO_TYPE, (long)&val, (long)&n)); say("%d %d\n", val, n); val = 1; R(SC(14, p[0], SOL_SOCKET, SO_PASSCRED, (long)&val, 4)); R(SC(13, p[0], SHUT_WR)); R(SC(10, p[1], (long)b, 16, 0)); close(p[0]); close(p[1]);
  struct sockaddr_un a = { AF_UNIX }; memcpy(a.sun_path, "\0socketcall", 11); int len = 13; int s = R(SC(1, AF_UNIX, SOCK_STREAM, 0)), c = R(SC(1, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); R(SC(2, s, (long)&a, len)); R(SC(4, s, 3)); R(SC(3, c, (long)&a, len)); n = sizeof a; int d = R(SC(5, s, (long)&a, (long)&n)); say("%d\n", n); n = sizeof a; R(SC(7, c, (long)&a, (long)&n)); say("%d\n", n); n = sizeof a; R(SC(6, s, (long)&a, (long)&n)); say("%d\n", n); R(SC(18, s, 0, 0, SOCK_NONBLOCK | 7)); struct mmsghdr mm = { .msg_hdr = { .msg_iov = &v, .msg_iovlen = 1 } }; R(SC(20, c, (long)&mm, 1, 0)); R(SC(19, d, (long)&mm, 1, MSG_DONTWAIT, 0)); say("%u\n", mm.msg_len);
  R(SC(0, 0)); R(SC(21, 0)); R(SC(-1, 0)); R(syscall(SYS_socketcall, 1, 8)); close(s); close(c); close(d);
}
#else
static void calls(void) {}
#endif
int main(void) {
  calls();
  struct sockaddr_un a = { AF_UNIX }; memcpy(a.sun_path, "\0few descriptors", 16); int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0); R(bind(s, (void *)&a, 18)); R(listen(s, 1)); R(connect(c, (void *)&a, 18)); R(write(c, "kept", 4));
  struct rlimit l = { 5, 5 }; R(setrlimit(RLIMIT_NOFILE, &l)); R(accept(s, 0, 0)); R(socket(AF_UNIX, SOCK_STREAM, 0)); int p[2]; R(socketpair(AF_UNIX, SOCK_STREAM, 0, p)); struct pollfd q = { s, POLLIN, 0 }; R(poll(&q, 1, 0)); close(0); int d = R(accept(s, 0, 0)); char b[9]; R(read(d, b, 9));
  return 0;
}
