/* What poll, epoll and FIONREAD say of a descriptor at the moment. */
#include <sys/epoll.h>

static int in_set(int e) {
  struct epoll_event event;
  return epoll_wait(e, &event, 1, 0) == 1 ? (int)event.events : 0;
}
static int control(int e, int op, int fd, int events) {
  struct epoll_event event = { .events = events, .data.fd = fd };
  return epoll_ctl(e, op, fd, &event);
}
static int events_of(int fd, int wanted) {
  struct pollfd p = { fd, wanted, 0 };
  return poll(&p, 1, 0) == 1 ? p.revents : 0;
}
static int unread(int fd) {
  int n = -1;
  ioctl(fd, FIONREAD, &n);
  return n;
}
