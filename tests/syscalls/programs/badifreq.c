#include "test.h"
#include <net/if.h>
#include <sys/shm.h>
#include <sys/socket.h>
/* Requests of sockets whose structure cannot be read, known and unknown; shared memory of huge pages, of which there are none. */
static const unsigned long sizes[] = { 0, 1, 4096, 1 << 21, 1 << 30, 0x7fffffff, (unsigned long)-1, (unsigned long)-4096, (unsigned long)-(1 << 24) };
static const int flags[] = { SHM_HUGETLB, SHM_HUGETLB | 21 << 26, SHM_HUGETLB | 30 << 26, SHM_HUGETLB | 20 << 26, SHM_HUGETLB | 34 << 26, 1 << 16 };
static void huge(void) {
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) for (unsigned f = 0; f < sizeof flags / sizeof *flags; f++) {
    if (i > 5 && f == 5) continue;
    int id = shmget(IPC_PRIVATE, sizes[i], flags[f] | IPC_CREAT | 0600); say("%d %x: %s\n", i, flags[f], id < 0 ? ename(errno) : "ok"); if (id >= 0) shmctl(id, IPC_RMID, 0);
  }
}
static void requests(void) {
  static const int kinds[][2] = { { AF_INET, SOCK_STREAM }, { AF_INET6, SOCK_DGRAM }, { AF_UNIX, SOCK_STREAM }, { AF_UNIX, SOCK_DGRAM }, { AF_NETLINK, SOCK_RAW } };
  static const int asked[] = { 0x8910, 0x8911, 0x8913, 0x8914, 0x8915, 0x8921, 0x8922, 0x8924, 0x8925, 0x8926, 0x8933, 0x8942, 0x8943, 0x8948, 0x8980, 0x8981, 0x89b2, 0x89e5, 0x89ff };
  char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); munmap(page + 4096, 4096);
  for (int k = 0; k < 5; k++) {
    int fd = socket(kinds[k][0], kinds[k][1], 0); say("socket %d:", k);
    for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++) { int e = ioctl(fd, asked[i], page + 4096 - 8) ? errno : 0; say(" %x=%s", asked[i], e ? ename(e) : "ok"); }
    say("\n"); close(fd);
  }
}
int main(void) { requests(); huge(); as_ordinary_user(huge); as_ordinary_user(requests); return 0; }
