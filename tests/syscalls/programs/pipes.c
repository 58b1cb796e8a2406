#include "test.h"
/* pipes and fifos: blocking, EOF, EPIPE, SIGPIPE, capacity, atomicity, non-blocking, poll, splice, tee, vmsplice, sendfile. */
#include <sys/sendfile.h>
static volatile int pipes;
static void on_pipe(int s) { pipes++; }
static int ev(int fd, int want) { struct pollfd p = { fd, want, 0 }; poll(&p, 1, 0); return p.revents; }
int main(void) {
  enter_tmp();
  int p[2]; char buf[70000];
  R(pipe(p)); R(pipe2(p, O_CLOEXEC | O_NONBLOCK)); R(fcntl(p[0], F_GETFD)); R(fcntl(p[0], F_GETFL)); R(fcntl(p[1], F_GETFL)); R(pipe2(p, 0x1000000)); R(pipe((int *)8));
  R(read(p[0], buf, 10)); say("ev %x %x\n", ev(p[0], POLLIN), ev(p[1], POLLOUT));
  long total = 0; memset(buf, 'x', sizeof buf); for (;;) { long n = write(p[1], buf, 4096); if (n < 0) { say("%s\n", ename(errno)); break; } total += n; } say("capacity %ld\n", total); say("ev %x %x\n", ev(p[0], POLLIN), ev(p[1], POLLOUT));
  R(write(p[1], buf, 1)); R(read(p[0], buf, 4095)); R(write(p[1], buf, 1)); R(write(p[1], buf, 4096)); R(write(p[1], buf, 5000)); R(read(p[0], buf, 4096)); R(write(p[1], buf, 5000)); R(read(p[0], buf, 70000));
  int n; R(ioctl(p[0], FIONREAD, &n)); say("%d\n", n); R(write(p[1], "abc", 3)); R(ioctl(p[0], FIONREAD, &n)); say("%d\n", n); R(lseek(p[0], 0, SEEK_SET)); R(pread(p[0], buf, 1, 0)); R(write(p[0], "x", 1)); R(read(p[1], buf, 1)); R(ftruncate(p[1], 1));
  struct stat s; fstat(p[0], &s); say("%o %ld\n", s.st_mode, (long)s.st_size);
  close(p[1]); R(read(p[0], buf, 10)); R(read(p[0], buf, 10)); say("ev %x\n", ev(p[0], POLLIN)); close(p[0]);
  pipe(p); close(p[0]); signal(SIGPIPE, on_pipe); R(write(p[1], "x", 1)); say("pipes %d ev %x\n", pipes, ev(p[1], POLLOUT)); signal(SIGPIPE, SIG_IGN); R(write(p[1], "x", 1)); R(write(p[1], "x", 0)); close(p[1]);
  CHILD("sigpipe", { signal(SIGPIPE, SIG_DFL); int q[2]; pipe(q); close(q[0]); write(q[1], "x", 1); });
  pipe(p); pid_t c = fork(); if (c == 0) { close(p[0]); for (int i = 0; i < 20; i++) { memset(buf, 'a' + i, 10000); write(p[1], buf, 10000); } _exit(0); }
  close(p[1]); total = 0; unsigned sum = 0; for (long r; (r = read(p[0], buf, 3000)) > 0;) { total += r; for (long i = 0; i < r; i++) sum = sum * 31 + buf[i]; } say("total %ld sum %u\n", total, sum); close(p[0]); int st; wait(&st); show_status("writer", st);
  R(mkfifo("f", 0600)); int r = R(open("f", O_RDONLY | O_NONBLOCK)); int w0 = R(open("f", O_WRONLY | O_NONBLOCK)); R(read(r, buf, 10)); R(write(w0, "fifo", 4)); R(read(r, buf, 10)); close(w0); R(read(r, buf, 10)); close(r); R(open("f", O_WRONLY | O_NONBLOCK)); int rw = R(open("f", O_RDWR)); close(rw);
  c = fork(); if (c == 0) { int w = open("f", O_WRONLY); write(w, "through fifo", 12); _exit(0); } r = open("f", O_RDONLY); memset(buf, 0, 20); R(read(r, buf, 20)); say("[%s]\n", buf); wait(&st); R(read(r, buf, 20)); close(r);
  /* splice family */
  put_file("in", "0123456789abcdef"); int fd = open("in", O_RDONLY), out = open("out", O_RDWR | O_CREAT, 0644); pipe(p); loff_t off = 4; R(splice(fd, &off, p[1], NULL, 8, 0)); say("off %d\n", (int)off); R(splice(p[0], NULL, out, NULL, 100, 0)); cat_file("out"); R(splice(fd, NULL, out, NULL, 5, 0)); R(splice(fd, &off, p[1], &off, 5, 0));
  int q[2]; pipe(q); write(p[1], "teetee", 6); R(tee(p[0], q[1], 3, 0)); R(read(q[0], buf, 100)); R(read(p[0], buf, 100)); R(tee(p[0], p[1], 1, 0)); struct iovec v = { "vm", 2 }; R(vmsplice(p[1], &v, 1, 0)); R(read(p[0], buf, 10));
  lseek(fd, 0, SEEK_SET); off_t o = 10; R(sendfile(out, fd, &o, 100)); say("%d\n", (int)o); R(lseek(fd, 0, SEEK_CUR)); R(sendfile(out, fd, NULL, 3)); R(lseek(fd, 0, SEEK_CUR)); cat_file("out"); R(sendfile(p[1], fd, NULL, 4)); R(read(p[0], buf, 10)); R(sendfile(fd, fd, NULL, 4)); R(sendfile(99, fd, NULL, 4));
  /* a reader interrupted by nothing gets data as it comes */
  c = fork(); if (c == 0) { for (int i = 0; i < 3; i++) { msleep(30); write(p[1], "abc" + i, 1); } _exit(0); } for (int i = 0; i < 3; i++) { char ch; read(p[0], &ch, 1); say("%c", ch); } say("\n"); wait(&st);
  leave_tmp();
  return 0;
}
