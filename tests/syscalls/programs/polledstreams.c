/* Stream sockets that somebody polls, and that do not wait: bytes, their order, and what poll and epoll say before and after. */
#include "test.h"
#include "polled.h"
#include <netinet/in.h>
#include <sys/socket.h>

enum { CONNECTIONS = 6, ROUNDS = 60 };

static void tcp_pair(int s[2]) {
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t length = sizeof at;
  int l = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(l, (void *)&at, sizeof at) || listen(l, 4) || getsockname(l, (void *)&at, &length)) exit(90);
  s[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(s[0], (void *)&at, sizeof at)) exit(91);
  s[1] = accept(l, 0, 0);
  close(l);
}
static void pair(int tcp, int s[2]) {
  if (tcp) tcp_pair(s);
  else if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) exit(92);
}
/** TCP takes a moment; what is asked next is about bytes that have come. */
static void arrived(int fd, int count) {
  for (int i = 0; i < 2000 && unread(fd) < count; i++) usleep(500);
}
static void flag(int fd, int on) { fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0); }

/** One step after the other in one thread. */
static void steps(int tcp) {
  int s[2], e = epoll_create1(0);
  char b[5000];
  pair(tcp, s);
  say("== %s\n", tcp ? "tcp" : "unix");
  R(write(s[0], "before", 6));
  arrived(s[1], 6);
  R(control(e, EPOLL_CTL_ADD, s[1], EPOLLIN));
  say("%x %x\n", in_set(e), in_set(e));
  R(read(s[1], b, 2));
  say("%x %d\n", in_set(e), unread(s[1]));
  R(read(s[1], b, 9));
  say("%x %d\n", in_set(e), unread(s[1]));
  flag(s[1], 1);
  R(read(s[1], b, 9));
  R(write(s[0], "abc", 3));
  arrived(s[1], 3);
  say("%x\n", in_set(e));
  R(recv(s[1], b, 1, MSG_DONTWAIT));
  R(read(s[1], b, 9));
  R(read(s[1], b, 9));
  R(recv(s[1], b, 9, MSG_DONTWAIT));
  flag(s[1], 0);
  R(recv(s[1], b, 9, MSG_DONTWAIT));
  R(recv(s[0], b, 9, MSG_DONTWAIT));
  /* edges and single shots */
  R(control(e, EPOLL_CTL_MOD, s[1], EPOLLIN | EPOLLET));
  say("%x\n", in_set(e));
  R(write(s[0], "one", 3));
  arrived(s[1], 3);
  say("%x %x\n", in_set(e), in_set(e));
  R(read(s[1], b, 1));
  say("%x\n", in_set(e));
  R(write(s[0], "two", 3));
  arrived(s[1], 5);
  say("%x %x\n", in_set(e), in_set(e));
  R(read(s[1], b, 9));
  R(control(e, EPOLL_CTL_MOD, s[1], EPOLLIN | EPOLLONESHOT));
  R(write(s[0], "x", 1));
  arrived(s[1], 1);
  say("%x %x\n", in_set(e), in_set(e));
  R(read(s[1], b, 9));
  R(write(s[0], "yz", 2));
  arrived(s[1], 2);
  say("%x\n", in_set(e));
  R(control(e, EPOLL_CTL_MOD, s[1], EPOLLIN));
  say("%x\n", in_set(e));
  R(control(e, EPOLL_CTL_DEL, s[1], 0));
  say("%x %x\n", in_set(e), events_of(s[1], POLLIN | POLLOUT));
  R(read(s[1], b, 9));
  say("%x %x\n", events_of(s[1], POLLIN | POLLOUT), events_of(s[0], POLLIN | POLLOUT));
  /* the other way, more than a page, and the end */
  R(control(e, EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLRDHUP));
  R(write(s[1], "there", 5));
  arrived(s[0], 5);
  say("%x\n", in_set(e));
  memset(b, 'p', sizeof b);
  R(write(s[1], b, 5000));
  arrived(s[0], 5005);
  R(read(s[0], b, 5));
  say("%.5s %d %x\n", b, unread(s[0]), in_set(e));
  R(read(s[0], b, 4000));
  say("%d %x\n", unread(s[0]), in_set(e));
  close(s[1]);
  for (int i = 0; i < 2000 && !(in_set(e) & EPOLLRDHUP); i++) usleep(500);
  say("%x\n", in_set(e) & (EPOLLIN | EPOLLRDHUP));
  R(read(s[0], b, 5000));
  R(read(s[0], b, 5000));
  close(s[0]);
  close(e);
}

static void serve(const int *fds, int edges, int waits) {
  int e = epoll_create1(0), open = CONNECTIONS;
  for (int i = 0; i < CONNECTIONS; i++) {
    flag(fds[i], !waits);
    if (control(e, EPOLL_CTL_ADD, fds[i], edges ? EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET : EPOLLIN)) _exit(80);
  }
  while (open > 0) {
    struct epoll_event events[CONNECTIONS];
    int n = epoll_wait(e, events, CONNECTIONS, -1);
    for (int i = 0; i < n; i++) {
      char text[300];
      int fd = events[i].data.fd, k;
      while ((k = read(fd, text, sizeof text)) > 0) {
        for (int at = 0, w; at < k; at += w) {
          w = write(fd, text + at, k - at);
          if (w < 0 && errno != EAGAIN) _exit(81);
          if (w > 0) continue;
          w = 0;
          struct pollfd p = { fd, POLLOUT, 0 };
          poll(&p, 1, -1);
        }
        if (waits) break;
      }
      if (k == 0) {
        close(fd);
        open--;
      } else if (k < 0 && errno != EAGAIN) _exit(82);
    }
  }
  _exit(0);
}

enum how { BLOCKS, POLLS, TRIES };

static int take(int fd, char *to, int room, enum how how) {
  for (;;) {
    struct pollfd p = { fd, POLLIN, 0 };
    if (how == POLLS && poll(&p, 1, -1) != 1) return -1;
    int k = how == TRIES ? recv(fd, to, room, MSG_DONTWAIT) : read(fd, to, room);
    if (k >= 0 || errno != EAGAIN) return k;
    if (poll(&p, 1, -1) != 1) return -1;
  }
}

/** A server that sends back what comes: everything comes back, in order, however both wait. */
static void echoes(int tcp, int edges, int waits, enum how how) {
  int near[CONNECTIONS], far[CONNECTIONS], status;
  for (int i = 0; i < CONNECTIONS; i++) {
    int s[2];
    pair(tcp, s);
    near[i] = s[0];
    far[i] = s[1];
  }
  pid_t server = fork();
  if (server == 0) {
    for (int i = 0; i < CONNECTIONS; i++) close(near[i]);
    serve(far, edges, waits);
  }
  for (int i = 0; i < CONNECTIONS; i++) close(far[i]);
  unsigned seed = 7, sum = 0, wrong = 0;
  for (int round = 0; round < ROUNDS; round++) {
    int sizes[CONNECTIONS];
    char out[6000], in[6000];
    for (int i = 0; i < CONNECTIONS; i++) {
      seed = seed * 1103515245 + 12345;
      sizes[i] = round % 3 == 0 ? 8 : 1 + (int)((seed >> 16) % (round % 7 == 0 ? 6000 : 200));
      for (int k = 0; k < sizes[i]; k++) out[k] = (char)(round + i + k);
      for (int at = 0, w; at < sizes[i]; at += w) if ((w = write(near[i], out + at, sizes[i] - at)) <= 0) exit(83);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
      for (int got = 0, k; got < sizes[i]; got += k) {
        if ((k = take(near[i], in + got, sizes[i] - got, how)) <= 0) exit(84);
        for (int j = got; j < got + k; j++) {
          sum += (unsigned char)in[j];
          wrong += in[j] != (char)(round + i + j);
        }
      }
    }
  }
  for (int i = 0; i < CONNECTIONS; i++) close(near[i]);
  waitpid(server, &status, 0);
  say("tcp %d edges %d waits %d how %d: %u, %u wrong, server %x\n", tcp, edges, waits, how, sum, wrong, status);
}

/** Two that read from one socket, one of which polls it. */
static void shared(int tcp) {
  int s[2], status, got[2];
  pair(tcp, s);
  int back[2];
  if (pipe(back)) exit(93);
  for (int k = 0; k < 2; k++) {
    if (fork() != 0) continue;
    char c;
    int n = 0;
    close(s[0]);
    for (;;) {
      struct pollfd p = { s[1], POLLIN, 0 };
      if (k == 1) poll(&p, 1, -1);
      int r = k == 1 ? recv(s[1], &c, 1, MSG_DONTWAIT) : read(s[1], &c, 1);
      if (r == 0) break;
      if (r == 1) n++;
    }
    if (write(back[1], &n, sizeof n) != sizeof n) _exit(1);
    _exit(0);
  }
  for (int i = 0; i < 400; i++) if (write(s[0], "x", 1) != 1) exit(94);
  shutdown(s[0], SHUT_WR);
  for (int k = 0; k < 2; k++) if (read(back[0], &got[k], sizeof got[k]) != sizeof got[k]) exit(95);
  for (int k = 0; k < 2; k++) wait(&status);
  say("shared: %d\n", got[0] + got[1]);
  close(s[0]);
  close(s[1]);
}

/** A connect that does not wait: the socket is used before anybody has asked whether it is connected. */
static void eager(void) {
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t length = sizeof at;
  char b[9];
  int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(l, (void *)&at, sizeof at) || listen(l, 4) || getsockname(l, (void *)&at, &length)) exit(96);
  R(connect(s, (void *)&at, sizeof at));
  int a = accept(l, 0, 0);
  struct pollfd p = { s, POLLOUT, 0 };
  R(poll(&p, 1, -1));
  R(write(s, "early", 5));
  arrived(a, 5);
  R(read(a, b, 9));
  R(read(s, b, 9));
  R(write(a, "back", 4));
  arrived(s, 4);
  R(recv(s, b, 2, 0));
  R(recv(s, b, 9, MSG_DONTWAIT));
  R(connect(s, (void *)&at, sizeof at));
  R(connect(s, (void *)&at, sizeof at));
  R(read(s, b, 9));
  close(a);
  p.events = POLLIN;
  R(poll(&p, 1, -1));
  R(read(s, b, 9));
  close(s);
  close(l);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  for (int tcp = 0; tcp < 2; tcp++) {
    steps(tcp);
    for (int edges = 0; edges < 2; edges++)
      for (int waits = 0; waits < 2 - edges; waits++)
        for (int how = BLOCKS; how <= TRIES; how++) echoes(tcp, edges, waits, how);
    shared(tcp);
  }
  eager();
  return 0;
}
