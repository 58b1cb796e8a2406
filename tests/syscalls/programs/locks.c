#include "test.h"
#include <sys/file.h>
/* Record locks: ranges, conflicts, inheritance, blocking, signals, deadlock; OFD locks; flock. */
static int fd;
static int lk(int f, int cmd, int type, off_t start, off_t len) {
  struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
  return fcntl(f, cmd, &l);
}
static void who(const char *what, int f, int cmd, int type, off_t start, off_t len) {
  struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
  int r = fcntl(f, cmd, &l);
  say("%s: %d type %d whence %d start %lld len %lld %s\n", what, r, l.l_type, l.l_whence, (long long)l.l_start, (long long)l.l_len, l.l_type == F_UNLCK ? "" : l.l_pid == getppid() ? "parent" : l.l_pid == -1 ? "ofd" : "other");
}
static void onalrm(int s) { (void)s; }
int main(void) {
  enter_tmp();
  fd = open("f", O_RDWR | O_CREAT, 0644);
  ftruncate(fd, 1000);
  R(lk(fd, F_SETLK, F_WRLCK, 0, 100)); R(lk(fd, F_SETLK, F_RDLCK, 200, 0)); R(lk(fd, F_SETLK, F_UNLCK, 40, 20));
  CHILD("looks", {
    who("0", fd, F_GETLK, F_RDLCK, 0, 0); who("45", fd, F_GETLK, F_WRLCK, 45, 10); who("45+", fd, F_GETLK, F_WRLCK, 45, 100); who("250r", fd, F_GETLK, F_RDLCK, 250, 1); who("250w", fd, F_GETLK, F_WRLCK, 250, 1); who("big", fd, F_GETLK, F_WRLCK, 150, 1000);
    R(lk(fd, F_SETLK, F_WRLCK, 10, 1)); R(lk(fd, F_SETLK, F_RDLCK, 300, 10)); R(lk(fd, F_SETLK, F_WRLCK, 300, 10)); R(lk(fd, F_SETLK, F_WRLCK, 40, 20)); R(lk(fd, F_SETLK, F_WRLCK, 40, 21)); });
  struct flock bad = { .l_type = F_WRLCK, .l_whence = 7 };
  R(fcntl(fd, F_SETLK, &bad)); bad.l_whence = SEEK_SET; bad.l_start = -1; R(fcntl(fd, F_SETLK, &bad)); bad.l_start = 50; bad.l_len = -60; R(fcntl(fd, F_SETLK, &bad)); bad.l_len = -10; R(fcntl(fd, F_SETLK, &bad)); bad.l_type = 9; R(fcntl(fd, F_SETLK, &bad)); bad.l_type = F_UNLCK; R(fcntl(fd, F_GETLK, &bad)); R(fcntl(fd, F_SETLK, (void *)8)); R(fcntl(999, F_SETLK, &bad));
  bad.l_type = F_WRLCK; bad.l_whence = SEEK_END; bad.l_start = -10; bad.l_len = 5; R(fcntl(fd, F_SETLK, &bad)); lseek(fd, 500, SEEK_SET); bad.l_whence = SEEK_CUR; bad.l_start = 10; R(fcntl(fd, F_SETLK, &bad));
  CHILD("looks again", { who("505", fd, F_GETLK, F_RDLCK, 505, 100); who("990", fd, F_GETLK, F_RDLCK, 980, 0); });
  int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
  R(lk(ro, F_SETLK, F_WRLCK, 700, 1)); R(lk(wo, F_SETLK, F_RDLCK, 700, 1));
  close(ro); /* drops all of ours */
  CHILD("after close", { who("0", fd, F_GETLK, F_WRLCK, 0, 0); });
  /* blocking */
  int p[2]; char c; pipe(p);
  lk(fd, F_SETLK, F_WRLCK, 0, 10);
  pid_t k = fork();
  if (!k) { write(p[1], "a", 1); int r = lk(fd, F_SETLKW, F_WRLCK, 5, 10); say("child got it: %d\n", r); _exit(0); }
  read(p[0], &c, 1); msleep(60); say("parent lets go\n"); lk(fd, F_SETLK, F_UNLCK, 0, 10); int st; waitpid(k, &st, 0); show_status("blocker", st);
  lk(fd, F_SETLK, F_WRLCK, 0, 10);
  CHILD("interrupted", { struct sigaction sa = { .sa_handler = onalrm }; sigaction(SIGALRM, &sa, 0); struct itimerval it = { { 0, 0 }, { 0, 30000 } }; setitimer(ITIMER_REAL, &it, 0); R(lk(fd, F_SETLKW, F_WRLCK, 0, 1)); });
  /* deadlock: parent holds 0, child holds 100; child waits for 0, parent asks for 100 */
  k = fork();
  if (!k) { lk(fd, F_SETLK, F_WRLCK, 100, 1); write(p[1], "b", 1); int r = lk(fd, F_SETLKW, F_WRLCK, 0, 1); _exit(r == 0 ? 0 : 3); }
  read(p[0], &c, 1); msleep(60); R(lk(fd, F_SETLKW, F_WRLCK, 100, 1)); lk(fd, F_SETLK, F_UNLCK, 0, 0); waitpid(k, &st, 0); show_status("deadlock child", st);
  /* OFD */
  int o1 = open("f", O_RDWR), o2 = open("f", O_RDWR);
  R(lk(o1, F_OFD_SETLK, F_WRLCK, 0, 10)); R(lk(o2, F_OFD_SETLK, F_WRLCK, 5, 10)); who("ofd", o2, F_OFD_GETLK, F_WRLCK, 0, 0); R(lk(fd, F_SETLK, F_RDLCK, 3, 1)); who("posix sees", fd, F_GETLK, F_RDLCK, 0, 0); int o3 = dup(o1); close(o1); R(lk(o2, F_OFD_SETLK, F_WRLCK, 5, 10)); close(o3); R(lk(o2, F_OFD_SETLK, F_WRLCK, 5, 10));
  struct flock pidset = { .l_type = F_WRLCK, .l_pid = 1 }; R(fcntl(o2, F_OFD_SETLK, &pidset)); close(o2);
  /* flock */
  int a = open("g", O_RDWR | O_CREAT, 0644), b = open("g", O_RDWR);
  R(flock(a, LOCK_SH)); R(flock(b, LOCK_SH | LOCK_NB)); R(flock(b, LOCK_EX | LOCK_NB)); R(flock(a, LOCK_EX | LOCK_NB)); R(flock(b, LOCK_UN)); R(flock(a, LOCK_EX | LOCK_NB)); R(flock(b, LOCK_SH | LOCK_NB)); R(flock(a, 0)); R(flock(a, LOCK_SH | LOCK_EX)); R(flock(999, LOCK_SH));
  k = fork();
  if (!k) { close(a); int r = flock(b, LOCK_EX); say("child flock %d\n", r); _exit(0); }
  msleep(60); say("unlock\n"); int dup_a = dup(a); close(a); close(dup_a); waitpid(k, &st, 0); show_status("flock", st);
  R(lk(b, F_SETLK, F_WRLCK, 0, 0)); R(fcntl(b, F_GETLEASE)); R(fcntl(b, F_SETSIG, 70)); R(fcntl(b, F_SETSIG, SIGUSR1)); R(fcntl(b, F_GETSIG)); R(fcntl(b, F_SETOWN, getpid())); OK(fcntl(b, F_GETOWN) == getpid()); R(fcntl(b, F_SETOWN, 999999)); R(fcntl(b, 9999, 0));
  leave_tmp();
  return 0;
}
