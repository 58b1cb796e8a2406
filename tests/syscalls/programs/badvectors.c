#include "test.h"
#include <linux/netlink.h>
#include <sys/socket.h>
/* Vectors of which some can be read, have a length below 0, or a place that is none: which error comes first. And empty messages to the kernel. */
static char *page;
static void with(const char *what, int n, struct iovec a, struct iovec b, struct iovec c, int readable) {
  struct iovec all[3] = { a, b, c }, *at = (struct iovec *)(page + 4096 - readable * sizeof *at - (readable < 3 ? 4 : 0)); memcpy(at, all, readable * sizeof *at + (readable < 3 ? 4 : 0));
  int fd = open("/dev/zero", O_RDWR), null = memfd_create("m", 0), pair[2]; socketpair(AF_UNIX, SOCK_DGRAM, 0, pair); send(pair[0], "abc", 3, 0); struct msghdr m = { .msg_iov = at, .msg_iovlen = n };
  say("%s:", what); int r = readv(fd, at, n); say(" %d %s", r, r < 0 ? ename(errno) : ""); r = writev(null, at, n); say(" %d %s", r, r < 0 ? ename(errno) : ""); r = preadv(fd, at, n, 0); say(" %d %s", r, r < 0 ? ename(errno) : "");
  r = recvmsg(pair[1], &m, MSG_DONTWAIT); say(" %d %s", r, r < 0 ? ename(errno) : ""); r = sendmsg(pair[0], &m, MSG_DONTWAIT); say(" %d %s\n", r, r < 0 ? ename(errno) : ""); close(fd); close(null); close(pair[0]); close(pair[1]);
}
int main(void) {
  page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); munmap(page + 4096, 4096);
  char b[100]; struct iovec good = { b, 10 }, negative = { b, -1 }, unmapped = { page + 4096, 10 }, nowhere = sizeof(long) == 8 ? (struct iovec){ (void *)-4096, 10 } : unmapped, none = { 0, 0 };
  for (int readable = 0; readable < 4; readable++) { with("good", 3, good, good, good, readable); with("negative", 3, negative, good, good, readable); with("second negative", 3, good, negative, good, readable); with("third negative", 3, good, good, negative, readable); }
  with("nowhere, negative", 3, nowhere, negative, good, 3); with("negative, nowhere", 3, negative, nowhere, good, 3); with("nowhere", 3, good, nowhere, good, 3); with("unmapped", 3, good, unmapped, good, 3); with("none", 3, none, none, none, 3); with("unmapped, negative", 3, unmapped, negative, good, 3); with("one", 1, negative, good, good, 3); with("one nowhere", 1, nowhere, good, good, 3);
  with("too many", 1025, good, good, good, 3); with("below 0", -1, good, good, good, 3); with("no vectors", 0, good, good, good, 3);
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); R(send(fd, "", 0, 0)); R(send(fd, 0, 0, MSG_OOB)); R(write(fd, "", 0)); R(sendto(fd, "", 0, 0, (void *)b, 1)); R(send(fd, "x", 1, 0)); struct msghdr m = { 0 }; R(sendmsg(fd, &m, 0)); return 0;
}
