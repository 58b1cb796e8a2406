#include "test.h"
#include <linux/sockios.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
/* flags: -pthread */
/* timeout: 120 */
/* Processes and threads that wait for each other over Unix stream sockets, while everything happens to them and to the sockets. */
#define ROUNDS 400
static volatile int handled; static void handler(int s) { handled++; }
static void catch(int sig, int flags) { struct sigaction a; memset(&a, 0, sizeof a); a.sa_handler = handler; a.sa_flags = flags; sigaction(sig, &a, NULL); }
/* Numbers come back one greater. */
static void echo(int s, int how) {
  int n; ssize_t r;
  for (;;) {
    r = how ? recv(s, &n, sizeof n, 0) : read(s, &n, sizeof n);
    if (r < 0 && errno == EINTR) continue;
    if (r != sizeof n) _exit(r == 0 ? 0 : 2);
    n++; if ((how ? send(s, &n, sizeof n, MSG_NOSIGNAL) : write(s, &n, sizeof n)) != sizeof n) _exit(3);
  }
}
static int tcp;
/* Two connected sockets. */
static void connected(int s[2]) {
  if (!tcp) { if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) say("%s\n", ename(errno)); return; }
  struct sockaddr_in a = { AF_INET, 0, { htonl(INADDR_LOOPBACK) } }; socklen_t size = sizeof a; int l = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(l, (void *)&a, sizeof a) || listen(l, 1) || getsockname(l, (void *)&a, &size)) say("%s\n", ename(errno));
  s[0] = socket(AF_INET, SOCK_STREAM, 0); if (connect(s[0], (void *)&a, sizeof a)) say("%s\n", ename(errno)); s[1] = accept(l, NULL, NULL); close(l);
}
static pid_t child(int s[2], int how) { connected(s); pid_t c = fork(); if (c == 0) { close(s[0]); echo(s[1], how); } close(s[1]); return c; }
static int ask(int s, int i) { int n = i; if (write(s, &n, sizeof n) != sizeof n) return -1; ssize_t r; while ((r = read(s, &n, sizeof n)) < 0 && errno == EINTR) {} return r == sizeof n && n == i + 1; }
static void end(const char *name, int s, pid_t c, int good) { int status; close(s); waitpid(c, &status, 0); say("%s: %d, ", name, good); show_status("child", status); }
static void plain(int how) { int s[2]; pid_t c = child(s, how); int good = 0; for (int i = 0; i < ROUNDS; i++) good += ask(s[0], i) == 1; end(how ? "recv" : "read", s[0], c, good); }
static void signals(int flags, const char *name) {
  int s[2]; catch(SIGUSR1, flags); pid_t c = child(s, 1), me = getpid(), k = fork();
  if (k == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); for (;;) { kill(c, SIGUSR1); kill(me, SIGUSR1); sched_yield(); } }
  int good = 0; for (int i = 0; i < ROUNDS; i++) good += ask(s[0], i) == 1;
  kill(k, SIGKILL); waitpid(k, NULL, 0); end(name, s[0], c, good);
}
/* Each round by another way. */
static void ways(void) {
  int s[2]; pid_t c = child(s, 0); int good = 0, e = epoll_create1(0), n, on; struct epoll_event ev = { EPOLLIN }; struct pollfd p = { s[0], POLLIN };
  for (int i = 0; i < ROUNDS; i++) {
    n = i; int ok = 1; struct iovec v[2] = { { &n, 2 }, { (char *)&n + 2, 2 } }; struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 }; struct timeval t = { 5, 0 }, none = { 0, 0 };
    if (i % 11 == 9) sendmsg(s[0], &m, 0); else write(s[0], &n, sizeof n);
    switch (i % 11) {
      case 1: ok = poll(&p, 1, -1) == 1 && p.revents == POLLIN; break;
      case 2: epoll_ctl(e, EPOLL_CTL_ADD, s[0], &ev); ok = epoll_wait(e, &ev, 1, -1) == 1; epoll_ctl(e, EPOLL_CTL_DEL, s[0], NULL); break;
      case 3: for (n = 0; n < (int)sizeof n;) ioctl(s[0], FIONREAD, &n); break;
      case 4: fcntl(s[0], F_SETFL, O_NONBLOCK); while (read(s[0], &n, sizeof n) < 0 && errno == EAGAIN) sched_yield(); fcntl(s[0], F_SETFL, 0); good += n == i + 1; continue;
      case 5: ok = recv(s[0], &n, sizeof n, MSG_PEEK) == 4 && n == i + 1; break;
      case 6: ok = recv(s[0], &n, 1, MSG_WAITALL) == 1 && recv(s[0], (char *)&n + 1, 3, MSG_WAITALL) == 3; good += ok && n == i + 1; continue;
      case 7: setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t); ok = read(s[0], &n, sizeof n) == 4; setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none); good += ok && n == i + 1; continue;
      case 8: on = 1; setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on); { char b[100]; m.msg_control = b; m.msg_controllen = sizeof b; ok = recvmsg(s[0], &m, 0) == 4 && (tcp || m.msg_controllen > 0); } on = 0; setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on); good += ok && n == i + 1; continue;
      case 9: ok = recvmsg(s[0], &m, 0) == 4; good += ok && n == i + 1; continue;
      case 10: while (recv(s[0], &n, sizeof n, MSG_DONTWAIT) < 0) sched_yield(); good += n == i + 1; continue;
    }
    ok = ok && read(s[0], &n, sizeof n) == sizeof n && n == i + 1; good += ok;
  }
  close(e); end("ways", s[0], c, good);
}
static void sizes(void) {
  int s[2], status; connected(s); static unsigned char buf[20000]; unsigned sum = 0, total = 0; pid_t c = fork();
  if (c == 0) { close(s[0]); for (int i = 0; i < 400; i++) { int n = (i * 7919) % (i % 20 == 19 ? 20000 : i % 3 ? 200 : 5000) + 1; for (int k = 0; k < n; k++) buf[k] = i + k; if (write(s[1], buf, n) != n) _exit(1); } _exit(0); }
  close(s[1]); ssize_t n; for (int i = 0; (n = read(s[0], buf, (i * 104729) % 7000 + 1)) > 0; i++) { total += n; for (int k = 0; k < n; k++) sum = sum * 31 + buf[k]; }
  close(s[0]); waitpid(c, &status, 0); say("sizes: %u bytes, sum %u, ", total, sum); show_status("writer", status);
}
/* By name: connect and accept. */
static void named(void) {
  struct sockaddr_un a = { AF_UNIX }; socklen_t size = sizeof(sa_family_t); int l = socket(AF_UNIX, SOCK_STREAM, 0), good = 0; bind(l, (void *)&a, size); size = sizeof a; getsockname(l, (void *)&a, &size); listen(l, 5);
  pid_t c = fork(); if (c == 0) { int s = accept(l, NULL, NULL); echo(s, 0); }
  int s = socket(AF_UNIX, SOCK_STREAM, 0); R(connect(s, (void *)&a, size)); for (int i = 0; i < ROUNDS; i++) good += ask(s, i) == 1; close(l); end("named", s, c, good);
}
static int pair[2]; static volatile int got, tid;
static void *taker(void *p) { char b[3]; ssize_t n; while ((n = read(pair[0], b, sizeof b)) > 0) __atomic_add_fetch(&got, n, __ATOMIC_SEQ_CST); return (void *)n; }
static void *one(void *p) { char b; tid = syscall(SYS_gettid); return (void *)recv(pair[0], &b, 1, 0); }
static void ends(void) {
  pthread_t t[5]; void *r; char b[10]; int n, s[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, pair); catch(SIGUSR1, SA_RESTART); signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < 5; i++) pthread_create(&t[i], NULL, taker, NULL);
  for (int i = 0; i < 1500; i++) { write(pair[1], "abcdefg", 1 + i % 7); if (i % 10 == 0) pthread_kill(t[i / 10 % 5], SIGUSR1); }
  shutdown(pair[1], SHUT_WR); for (int i = 0; i < 5; i++) { pthread_join(t[i], &r); if (r) say("taker %ld\n", (long)r); } say("taken %d\n", got);
  R(write(pair[1], "x", 1)); R(write(pair[0], "back", 4)); R(read(pair[1], b, 10)); close(pair[0]); R(read(pair[1], b, 10)); close(pair[1]);
  for (int how = 0; how < 4; how++) {
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair); tid = 0; int other = pair[1]; pthread_create(&t[0], NULL, one, NULL); while (!tid) msleep(1); asleep(tid);
    if (how == 0) shutdown(pair[0], SHUT_RD); else if (how == 1) close(other); else if (how == 2) { int keep = dup(pair[0]); close(pair[0]); write(other, "k", 1); close(keep); } else shutdown(other, SHUT_RDWR);
    pthread_join(t[0], &r); say("ended %d: %ld\n", how, (long)r); if (how != 2) close(pair[0]); if (how != 1) close(other);
  }
  socketpair(AF_UNIX, SOCK_STREAM, 0, s); write(s[0], "unread", 6); R(ioctl(s[1], FIONREAD, &n)); say("%d\n", n); write(s[0], "!", 1); close(s[1]); R(read(s[0], b, 1)); R(write(s[0], "x", 1)); close(s[0]);
  socketpair(AF_UNIX, SOCK_STREAM, 0, s); write(s[0], "kept", 4); close(s[0]); R(read(s[1], b, 10)); R(read(s[1], b, 10)); close(s[1]);
  socketpair(AF_UNIX, SOCK_STREAM, 0, s); write(s[0], "ab", 2); write(s[0], "cd", 2); R(recv(s[1], b, 1, 0)); R(recv(s[1], b, 10, MSG_PEEK)); R(recv(s[1], b, 10, 0)); R(recv(s[1], b, 10, MSG_DONTWAIT)); R(sendto(s[0], "x", 1, 0, (void *)b, 0)); R(recvfrom(s[1], b, 9, 0, (void *)b, (void *)8)); R(write(s[0], (void *)8, 4)); write(s[0], "z", 1); R(read(s[1], (void *)8, 4)); R(read(s[1], b, 4)); close(s[0]); close(s[1]);
}
static void *closer(void *s) { char b[10]; tid = syscall(SYS_gettid); ssize_t n = read((int)(long)s, b, 10); return (void *)(n < 0 ? -(long)errno : n); }
static void tcp_ends(void) {
  int s[2], n; char b[10]; pthread_t t; void *r; struct linger hard = { 1, 0 };
  for (int how = 0; how < 5; how++) {
    connected(s); tid = 0; pthread_create(&t, NULL, closer, (void *)(long)s[0]); while (!tid) msleep(1); asleep(tid);
    if (how == 0) shutdown(s[1], SHUT_WR); else if (how == 1) close(s[1]); else if (how == 2) send(s[1], "ab!", 3, MSG_OOB); else if (how == 3) shutdown(s[0], SHUT_RD); else { setsockopt(s[1], SOL_SOCKET, SO_LINGER, &hard, sizeof hard); close(s[1]); }
    pthread_join(t, &r); say("tcp ended %d: %ld\n", how, (long)r); close(s[0]); if (how != 1 && how != 4) close(s[1]);
  }
  connected(s); R(write(s[0], "abc", 3)); R(read(s[1], b, 1)); R(write(s[0], "de", 2)); while (ioctl(s[1], FIONREAD, &n) == 0 && n < 4) sched_yield(); R(recv(s[1], b, 10, MSG_PEEK)); R(recv(s[1], b, 10, 0)); R(send(s[0], "xyz", 3, MSG_OOB)); while (ioctl(s[1], SIOCATMARK, &n) == 0 && recv(s[1], b, 1, MSG_OOB | MSG_PEEK) != 1) sched_yield(); R(read(s[1], b, 10)); R(recv(s[1], b, 1, MSG_OOB)); R(write(s[0], "later", 5)); R(read(s[1], b, 10));
  write(s[1], "back", 4); R(read(s[0], b, 10)); close(s[1]); R(read(s[0], b, 1)); close(s[0]);
  connected(s); fcntl(s[0], F_SETFL, O_NONBLOCK); R(read(s[0], b, 1)); n = 1; setsockopt(s[1], IPPROTO_TCP, TCP_NODELAY, &n, sizeof n); write(s[1], "n", 1); while (read(s[0], b, 1) != 1) sched_yield(); close(s[0]); close(s[1]);
}
int main(void) { catch(SIGUSR1, SA_RESTART); plain(0); plain(1); signals(SA_RESTART, "restarted"); signals(0, "EINTR"); ways(); sizes(); named(); ends();
  tcp = 1; plain(0); plain(1); signals(SA_RESTART, "restarted"); signals(0, "EINTR"); ways(); sizes(); tcp_ends(); return 0; }
