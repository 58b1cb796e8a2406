/* What test suites of programs (util-linux's, perl's, git's, ...) ask and the other programs do not. */
#include "test.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/xattr.h>

/* The accepted end of a connection to ourselves. */
static int loopback_connection(int *client, int flags) {
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t length = sizeof at;
  int listening = socket(AF_INET, SOCK_STREAM, 0);
  *client = socket(AF_INET, SOCK_STREAM, 0);
  bind(listening, (void *)&at, length);
  listen(listening, 1);
  getsockname(listening, (void *)&at, &length);
  connect(*client, (void *)&at, length);
  int server = accept4(listening, NULL, NULL, flags);
  close(listening);
  return server;
}

/* lsfd tells a socket's protocol by it. */
static void protocolNames(void) {
  say("-- system.sockprotoname\n");
  static const int kinds[][3] = {
    { AF_UNIX, SOCK_STREAM, 0 }, { AF_UNIX, SOCK_DGRAM, 0 }, { AF_UNIX, SOCK_SEQPACKET, 0 }, { AF_INET, SOCK_STREAM, 0 }, { AF_INET, SOCK_DGRAM, 0 },
    { AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE }, { AF_INET6, SOCK_STREAM, 0 }, { AF_INET6, SOCK_DGRAM, 0 }, { AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE },
    { AF_NETLINK, SOCK_RAW, 0 },
  };
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    int s = socket(kinds[i][0], kinds[i][1], kinds[i][2]);
    char value[64] = "", path[40];
    sprintf(path, "/proc/self/fd/%d", s);
    show("fgetxattr", fgetxattr(s, "system.sockprotoname", value, sizeof value));
    say("%d %d %d: %s\n", kinds[i][0], kinds[i][1], kinds[i][2], value);
    show("its length", fgetxattr(s, "system.sockprotoname", value, 0));
    show("by path", getxattr(path, "system.sockprotoname", value, sizeof value));
    show("little room", fgetxattr(s, "system.sockprotoname", value, 3));
    show("flistxattr", flistxattr(s, value, sizeof value));
    say("%s\n", value);
    show("fsetxattr", fsetxattr(s, "system.sockprotoname", "x", 1, 0));
    show("fremovexattr", fremovexattr(s, "system.sockprotoname"));
    show("another", fgetxattr(s, "system.sockproto", value, sizeof value));
    close(s);
  }
  int client, server = loopback_connection(&client, 0);
  char value[64] = "";
  show("of an accepted one", fgetxattr(server, "system.sockprotoname", value, sizeof value));
  say("%s\n", value);
  close(server);
  close(client);
}

/* make -l looks at it: the machine's, which both of us share. */
static void loads(void) {
  say("-- load averages\n");
  double of[3];
  struct sysinfo info;
  int same = 0;
  for (int tries = 0; tries < 100 && !same; tries++) {
    FILE *f = fopen("/proc/loadavg", "r");
    int read = fscanf(f, "%lf %lf %lf", of, of + 1, of + 2);
    fclose(f);
    if (read != 3) break;
    sysinfo(&info);
    same = 1;
    for (int i = 0; i < 3; i++) {
      double difference = of[i] - info.loads[i] / 65536.0;
      if (difference > 0.02 || difference < -0.02) same = 0;
    }
  }
  say("sysinfo and /proc/loadavg agree %d, any load %d\n", same, of[2] > 0);
}

/* Tcl's socket.test: 720,000 bytes that nobody has read leave a loopback connection writable. */
static void loopbackRoom(void) {
  say("-- room of a loopback connection\n");
  int client, server = loopback_connection(&client, SOCK_NONBLOCK);
  static char data[65536];
  struct pollfd writable = { .fd = server, .events = POLLOUT };
  long sent = 0, refused = 0;
  for (;;) {
    if (refused == 0 && poll(&writable, 1, 0) == 0) refused = sent;
    long n = write(server, data, sizeof data);
    if (n < 0) break;
    sent += n;
  }
  say("not writable after 2 to 3 MB %d, full after 3 to 5 MB %d\n", refused > 2000000 && refused < 3000000, sent > 3000000 && sent < 5000000);
  say("then writable %d\n", poll(&writable, 1, 0));
  long read = 0;
  while (poll(&writable, 1, 20) == 0) read += recv(client, data, sizeof data, 0);
  say("writable again after 0.5 to 3 MB %d\n", read > 500000 && read < 3000000);
  close(server);
  close(client);
}

int main(void) {
  loopbackRoom();
  loads();
  protocolNames();
  return 0;
}
