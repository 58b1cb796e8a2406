// The devices of memory: reading, writing, seeking, waiting, mapping, and what they refuse.
#include "test.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
int main(void) {
  const char *names[] = {"null", "zero", "full", "random", "urandom"};
  for (int i = 0; i < 5; i++) {
    char p[50], b[64];
    snprintf(p, sizeof p, "/dev/%s", names[i]);
    int fd = open(p, O_RDWR), random = i > 2;
    struct stat st;
    stat(p, &st);
    say("%s %o %d:%d\n", names[i], st.st_mode, major(st.st_rdev), minor(st.st_rdev));
    memset(b, 'x', sizeof b);
    R(read(fd, b, 10)); if (!random) say("%d %d\n", b[0], b[9]);
    R(read(fd, b, 0)); R(write(fd, "abc", 3)); R(write(fd, "", 0)); R(pread(fd, b, 4, 100)); R(pwrite(fd, "abc", 3, 1L << 30)); R(lseek(fd, 5, SEEK_SET)); R(lseek(fd, 5, SEEK_CUR)); R(lseek(fd, -1, SEEK_END)); R(ftruncate(fd, 0)); R(fallocate(fd, 0, 0, 10)); R(fsync(fd)); R(posix_fadvise(fd, 0, 0, 0)); R(isatty(fd)); R(flock(fd, LOCK_EX)); if (random) R(read(fd, (void *)8, 4));
    struct pollfd w = {fd, POLLIN | POLLOUT | POLLPRI, 0};
    R(poll(&w, 1, 0)); say("%x\n", w.revents);
    struct epoll_event e = {EPOLLIN | EPOLLOUT, {0}};
    int ep = epoll_create1(0);
    R(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e)); R(epoll_wait(ep, &e, 1, 0)); close(ep);
    for (int shared = 0; shared < 2; shared++) {
      char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
      if (m == MAP_FAILED) { say("map %s\n", ename(errno)); continue; }
      m[5] = 7; say("map %d %d\n", m[0], m[5]); munmap(m, 4096);
    }
    close(fd); R(close(open(p, O_WRONLY | O_TRUNC | O_CREAT, 0600))); R(truncate(p, 0)); R(open(p, O_DIRECTORY)); R(access(p, X_OK));
  }
  return 0;
}
