/* SO_REUSEPORT: several sockets listen on one port, who may join them, and who gets the connections and datagrams. */
#include "test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static int port;
static int sock(int family, int type, int reuse) {
  int on = 1, s = socket(family, type | SOCK_CLOEXEC, 0);
  if (reuse) setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  return s;
}
static int bind4(int s, const char *ip) {
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
  inet_pton(AF_INET, ip, &a.sin_addr);
  return bind(s, (void *)&a, sizeof a);
}
static int bind6(int s, const char *ip, int only) {
  struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
  inet_pton(AF_INET6, ip, &a.sin6_addr);
  setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  return bind(s, (void *)&a, sizeof a);
}
static int go(const char *ip) {
  int v6 = strchr(ip, ':') != NULL, s = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
  struct sockaddr_in6 b = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
  inet_pton(AF_INET, ip, &a.sin_addr);
  inet_pton(AF_INET6, ip, &b.sin6_addr);
  if (connect(s, v6 ? (void *)&b : (void *)&a, v6 ? sizeof b : sizeof a)) { close(s); return -1; }
  return s;
}
static int accepted(int s) {
  int n = 0, c;
  while ((c = accept4(s, NULL, NULL, SOCK_CLOEXEC)) >= 0) close(c), n++;
  return n;
}
/* A port of ours: the first socket finds it. */
static int first(int type) {
  int s = sock(AF_INET, type, 1);
  struct sockaddr_in a;
  socklen_t l = sizeof a;
  port = 0;
  bind4(s, "127.0.0.1");
  getsockname(s, (void *)&a, &l);
  port = ntohs(a.sin_port);
  return s;
}
static void nonblock(int s) { fcntl(s, F_SETFL, O_NONBLOCK); }

static void several(void) {
  int s[4], plain = sock(AF_INET, SOCK_STREAM, 0), late = sock(AF_INET, SOCK_STREAM, 1), on = 1;
  s[0] = first(SOCK_STREAM);
  R(listen(s[0], 100));
  for (int i = 1; i < 4; i++) {
    s[i] = sock(AF_INET, SOCK_STREAM, 1);
    R(bind4(s[i], "127.0.0.1"));
    R(listen(s[i], 100));
  }
  R(bind4(plain, "127.0.0.1"));
  R(setsockopt(plain, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  R(bind4(plain, "127.0.0.1"));
  R(bind4(late, "127.0.0.1"));
  for (int i = 0; i < 4; i++) nonblock(s[i]);
  int c[200], total = 0, all = 1;
  for (int i = 0; i < 200; i++) c[i] = go("127.0.0.1");
  for (int i = 0; i < 4; i++) {
    int n = accepted(s[i]);
    total += n;
    all &= n > 0;
  }
  say("accepted %d, each one some %d\n", total, all);
  for (int i = 0; i < 200; i++) close(c[i]);
  /* A bound one that does not listen gets nothing. */
  for (int i = 0; i < 50; i++) close(go("127.0.0.1"));
  for (int i = total = 0; i < 4; i++) total += accepted(s[i]);
  say("accepted %d\n", total);
  close(s[0]), close(s[2]);
  for (int i = 0; i < 50; i++) close(go("127.0.0.1"));
  say("accepted %d by those that are left\n", accepted(s[1]) + accepted(s[3]));
  R(listen(late, 5));
  nonblock(late);
  close(s[1]), close(s[3]);
  for (int i = 0; i < 5; i++) close(go("127.0.0.1"));
  say("accepted %d by the last\n", accepted(late));
  close(late);
  R(go("127.0.0.1"));
}

static void other_users(void) {
  int s = first(SOCK_STREAM);
  R(listen(s, 5));
  for (int i = 0; i < 2; i++)
    CHILD(i ? "another user" : "root again", {
      if (i && (setresgid(3456, 3456, 3456) || setresuid(3456, 3456, 3456))) say("?\n");
      int mine = sock(AF_INET, SOCK_STREAM, 1);
      R(bind4(mine, "127.0.0.1"));
    });
  int u = first(SOCK_DGRAM);
  CHILD("another user's datagrams", {
    if (setresgid(3456, 3456, 3456) || setresuid(3456, 3456, 3456)) say("?\n");
    int mine = sock(AF_INET, SOCK_DGRAM, 1);
    R(bind4(mine, "127.0.0.1"));
  });
  close(u);
  close(s);
}

/* The most exact one gets it, whatever the order. */
static void exact(void) {
  int s = first(SOCK_STREAM), any = sock(AF_INET, SOCK_STREAM, 1), six = sock(AF_INET6, SOCK_STREAM, 1), own = sock(AF_INET6, SOCK_STREAM, 1);
  R(bind4(any, "0.0.0.0"));
  R(bind6(six, "::", 0));
  R(bind6(own, "::1", 1));
  int all[] = { any, six, s, own };
  const char *names[] = { "any", "both families", "127.0.0.1", "::1" };
  for (int i = 0; i < 4; i++) R(listen(all[i], 50)), nonblock(all[i]);
  const char *to[] = { "127.0.0.1", "127.0.0.2", "::1" };
  for (int k = 4; k >= 2; k--) {
    for (int i = 0; i < 3; i++) {
      int c[8];
      for (int j = 0; j < 8; j++) c[j] = go(to[i]);
      say("to %s:", to[i]);
      for (int j = 0; j < k; j++) {
        int n = accepted(all[j]);
        if (n) say(" %s %d", names[j], n);
      }
      say("\n");
      for (int j = 0; j < 8; j++) close(c[j]);
    }
    close(all[k - 1]);
  }
  close(any), close(six);
}

static void datagrams(void) {
  int s[3];
  s[0] = first(SOCK_DGRAM);
  for (int i = 1; i < 3; i++) s[i] = sock(AF_INET, SOCK_DGRAM, 1), bind4(s[i], "127.0.0.1");
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  for (int i = 0; i < 90; i++) {
    int c = socket(AF_INET, SOCK_DGRAM, 0);
    sendto(c, "x", 1, 0, (void *)&a, sizeof a);
    close(c);
  }
  int total = 0, all = 1;
  char b[4];
  for (int i = 0; i < 3; i++) {
    int n = 0;
    while (recv(s[i], b, 4, MSG_DONTWAIT) > 0) n++;
    total += n;
    all &= n > 0;
  }
  say("received %d, each one some %d\n", total, all);
}

/* One process each, as servers do it. */
static void workers(void) {
  int s = first(SOCK_STREAM), p[2], count = 0;
  char c;
  pipe(p);
  pid_t w[3];
  for (int i = 0; i < 3; i++) if ((w[i] = fork()) == 0) {
    int l = sock(AF_INET, SOCK_STREAM, 1);
    if (bind4(l, "127.0.0.1") || listen(l, 64)) say("worker: %s\n", ename(errno));
    write(p[1], "r", 1);
    for (;;) {
      int a = accept(l, NULL, NULL);
      if (read(a, &c, 1) == 1) write(a, "a" + 0, 1), write(a, &i, 1);
      close(a);
    }
  }
  close(s);
  for (int i = 0; i < 3; i++) read(p[0], &c, 1);
  int seen[3] = { 0 };
  for (int i = 0; i < 90; i++) {
    int a = go("127.0.0.1");
    char answer[2];
    write(a, "x", 1);
    if (recv(a, answer, 2, MSG_WAITALL) == 2) count++, seen[(int)answer[1]] = 1;
    close(a);
  }
  say("answers %d from %d workers\n", count, seen[0] + seen[1] + seen[2]);
  for (int i = 0; i < 3; i++) kill(w[i], SIGKILL), waitpid(w[i], NULL, 0);
}

int main(void) {
  several();
  other_users();
  exact();
  datagrams();
  workers();
  return 0;
}
