#include "test.h"
/* dup, fcntl flags, record locks, flock, OFD locks, leases and owners. */
static void lk(int fd, int cmd, const char *name, int type, int whence, long start, long len) {
  struct flock l = { .l_type = type, .l_whence = whence, .l_start = start, .l_len = len, .l_pid = 0 };
  int r = fcntl(fd, cmd, &l);
  if (r == -1) say("%s %d %ld+%ld: %s\n", name, type, start, len, ename(errno));
  else say("%s %d %ld+%ld: ok -> type %d whence %d start %ld len %ld pid %s\n", name, type, start, len, l.l_type, l.l_whence, (long)l.l_start, (long)l.l_len, l.l_pid == 0 ? "0" : l.l_pid == getpid() ? "me" : l.l_pid == getppid() ? "parent" : l.l_pid == -1 ? "-1" : "other");
}
#include <sys/file.h>
int main(void) {
  enter_tmp();
  int fd = open("f", O_RDWR | O_CREAT, 0644);
  write(fd, "0123456789", 10);
  R(fcntl(fd, F_GETFL) & ~O_LARGEFILE); R(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY)); R(fcntl(fd, F_GETFL) & ~O_LARGEFILE); R(fcntl(fd, F_SETFL, 0));
  R(fcntl(fd, F_GETFD)); R(fcntl(fd, F_SETFD, FD_CLOEXEC)); R(fcntl(fd, F_GETFD)); R(fcntl(fd, F_SETFD, 0));
  R(fcntl(fd, F_DUPFD, 50)); R(fcntl(fd, F_DUPFD_CLOEXEC, 50)); R(fcntl(51, F_GETFD)); R(fcntl(fd, F_DUPFD, -1)); R(fcntl(fd, F_DUPFD, 100000000)); R(fcntl(99, F_GETFD)); R(fcntl(fd, 9999));
  R(dup(fd)); R(dup(99)); R(dup2(fd, 20)); R(dup2(fd, fd)); R(dup2(99, 99)); R(dup2(fd, -1)); R(dup3(fd, fd, 0)); R(dup3(fd, 21, O_CLOEXEC)); R(fcntl(21, F_GETFD)); R(dup3(fd, 22, O_NONBLOCK));
  R(lseek(20, 3, SEEK_SET)); R(lseek(fd, 0, SEEK_CUR)); R(close(20)); R(close_range(50, 60, 0)); R(fcntl(50, F_GETFD)); R(close_range(60, 50, 0)); R(close_range(21, 21, 4)); R(fcntl(21, F_GETFD));
  struct rlimit rl = { 30, 4096 }; R(setrlimit(RLIMIT_NOFILE, &rl)); R(dup2(fd, 30)); R(dup2(fd, 29)); R(fcntl(fd, F_DUPFD, 30)); while (dup(fd) >= 0); say("%s\n", ename(errno)); R(open("f", O_RDONLY)); int pp[2]; R(pipe(pp)); close_range(10, 29, 0);
  lk(fd, F_SETLK, "set", F_WRLCK, SEEK_SET, 0, 5); lk(fd, F_GETLK, "get", F_WRLCK, SEEK_SET, 0, 0); lk(fd, F_SETLK, "set", F_RDLCK, SEEK_SET, 8, 0); lk(fd, F_SETLK, "set", 77, SEEK_SET, 0, 1); lk(fd, F_SETLK, "set", F_RDLCK, 5, 0, 1); lk(fd, F_SETLK, "set", F_RDLCK, SEEK_SET, -1, 1);
  CHILD("locks in child", {
    lk(fd, F_GETLK, "get", F_WRLCK, SEEK_SET, 0, 1); lk(fd, F_GETLK, "get", F_RDLCK, SEEK_SET, 9, 1); lk(fd, F_GETLK, "get", F_WRLCK, SEEK_SET, 5, 100); lk(fd, F_SETLK, "set", F_RDLCK, SEEK_SET, 4, 1); lk(fd, F_SETLK, "set", F_RDLCK, SEEK_SET, 9, 1);
    lk(fd, F_SETLK, "set", F_WRLCK, SEEK_SET, 5, 3); lk(fd, F_SETLK, "set", F_WRLCK, SEEK_SET, 5, 4); lk(fd, F_SETLK, "un", F_UNLCK, SEEK_SET, 0, 0);
    int ro = open("f", O_RDONLY); lk(ro, F_SETLK, "ro", F_WRLCK, SEEK_SET, 100, 1); int wo = open("f", O_WRONLY); lk(wo, F_SETLK, "wo", F_RDLCK, SEEK_SET, 100, 1);
  });
  int p[2]; pipe(p);
  lk(fd, F_SETLK, "set", F_WRLCK, SEEK_SET, 0, 0);
  pid_t c = fork();
  if (c == 0) { char x; write(p[1], "x", 1); lk(fd, F_SETLKW, "wait", F_WRLCK, SEEK_SET, 0, 0); say("child has it\n"); _exit(0); }
  char x; read(p[0], &x, 1); msleep(100); say("unlock\n"); { struct flock u = { F_UNLCK, SEEK_SET, 0, 0 }; fcntl(fd, F_SETLK, &u); } int st; waitpid(c, &st, 0); show_status("child", st);
  /* split and merge */
  lk(fd, F_SETLK, "set", F_WRLCK, SEEK_SET, 0, 100); lk(fd, F_SETLK, "un", F_UNLCK, SEEK_SET, 40, 20);
  CHILD("split", { lk(fd, F_GETLK, "get", F_WRLCK, SEEK_SET, 0, 0); lk(fd, F_GETLK, "get", F_WRLCK, SEEK_SET, 40, 20); lk(fd, F_GETLK, "get", F_WRLCK, SEEK_SET, 50, 50); });
  close(open("f", O_RDONLY)); /* closing any descriptor drops the process's locks */
  CHILD("dropped", { lk(fd, F_GETLK, "get", F_WRLCK, SEEK_SET, 0, 0); });
  lk(fd, F_OFD_SETLK, "ofd", F_WRLCK, SEEK_SET, 0, 10); int fd2 = open("f", O_RDWR); lk(fd2, F_OFD_SETLK, "ofd2", F_WRLCK, SEEK_SET, 5, 1); lk(fd2, F_OFD_GETLK, "ofd2", F_WRLCK, SEEK_SET, 5, 1); lk(fd2, F_SETLK, "posix", F_WRLCK, SEEK_SET, 5, 1); lk(fd, F_OFD_SETLK, "un", F_UNLCK, SEEK_SET, 0, 0);
  R(flock(fd, LOCK_EX)); R(flock(fd2, LOCK_EX | LOCK_NB)); R(flock(fd2, LOCK_SH | LOCK_NB)); R(flock(fd, LOCK_SH)); R(flock(fd2, LOCK_SH | LOCK_NB)); R(flock(fd, LOCK_EX | LOCK_NB)); R(flock(fd2, LOCK_UN)); R(flock(fd, LOCK_EX | LOCK_NB)); R(flock(fd, 77)); R(flock(99, LOCK_EX));
  CHILD("flock inherited", { R(flock(fd, LOCK_UN)); R(flock(fd2, LOCK_EX | LOCK_NB)); });
  R(fcntl(fd, F_GETOWN)); R(fcntl(fd, F_SETOWN, getpid())); say("%d\n", fcntl(fd, F_GETOWN) == getpid()); R(fcntl(fd, F_SETSIG, SIGUSR1)); R(fcntl(fd, F_GETSIG)); R(fcntl(fd, F_SETSIG, 100));
  R(fcntl(p[0], F_GETPIPE_SZ)); R(fcntl(p[0], F_SETPIPE_SZ, 100000)); R(fcntl(p[0], F_GETPIPE_SZ)); R(fcntl(fd, F_GETPIPE_SZ)); R(fcntl(p[0], F_SETPIPE_SZ, 1)); 
  R(fcntl(fd, F_GET_SEALS)); int m = memfd_create("m", MFD_ALLOW_SEALING); R(fcntl(m, F_GET_SEALS)); R(write(m, "abcd", 4)); R(fcntl(m, F_ADD_SEALS, F_SEAL_SHRINK)); R(ftruncate(m, 2)); R(ftruncate(m, 8)); R(fcntl(m, F_ADD_SEALS, F_SEAL_WRITE)); R(write(m, "x", 1)); R(fcntl(m, F_GET_SEALS)); R(fcntl(m, F_ADD_SEALS, F_SEAL_SEAL)); R(fcntl(m, F_ADD_SEALS, F_SEAL_GROW));
  R(memfd_create("x", 0x1000)); int m2 = R(memfd_create("x", 0) > 0);
  R(ioctl(fd, FIONBIO, &(int){ 1 })); R(fcntl(fd, F_GETFL) & O_NONBLOCK); R(ioctl(fd, FIOCLEX)); R(fcntl(fd, F_GETFD)); R(ioctl(fd, FIONCLEX)); R(fcntl(fd, F_GETFD)); R(ioctl(fd, TCGETS, (void *)8)); R(ioctl(99, FIOCLEX)); int n = -1; lseek(fd, 4, SEEK_SET); R(ioctl(fd, FIONREAD, &n)); say("%d\n", n);
  leave_tmp();
  return 0;
}
