#include "test.h"
/* Fifos and pipes: who waits, hang-ups, SIGPIPE, atomic writes, poll, sizes, packets, splice and tee. */
static void pl(const char *what, int fd, int ev) { struct pollfd p = { fd, ev, 0 }; int r = poll(&p, 1, 0); say("%s: poll %d %#x\n", what, r, p.revents); }
static void hup(int s) { (void)s; }
int main(void) {
  enter_tmp();
  char buf[70000] = ""; int st; pid_t k;
  R(mkfifo("p", 0644)); R(mkfifo("p", 0644)); R(open("p", O_WRONLY | O_NONBLOCK));
  int r = R(open("p", O_RDONLY | O_NONBLOCK)); pl("no writer yet", r, POLLIN); R(read(r, buf, 1)); int w = R(open("p", O_WRONLY | O_NONBLOCK)); R(read(r, buf, 1)); R(write(w, "hello", 5)); pl("data", r, POLLIN); close(w); pl("data, hung up", r, POLLIN); R(read(r, buf, 100)); R(read(r, buf, 100)); pl("hung up", r, POLLIN); R(lseek(r, 0, SEEK_SET)); R(pread(r, buf, 1, 0)); R(write(r, "x", 1)); close(r);
  k = fork(); if (!k) { int f = open("p", O_WRONLY); write(f, "from child", 10); _exit(0); }
  r = R(open("p", O_RDONLY)); R(read(r, buf, 100)); waitpid(k, &st, 0); show_status("writer", st); R(read(r, buf, 100)); close(r);
  k = fork(); if (!k) { int f = open("p", O_RDONLY); msleep(30); _exit(0); }
  w = R(open("p", O_WRONLY)); waitpid(k, &st, 0); signal(SIGPIPE, SIG_IGN); R(write(w, "x", 1)); pl("no reader", w, POLLOUT); close(w);
  CHILD("SIGPIPE", { signal(SIGPIPE, SIG_DFL); int q[2]; pipe(q); close(q[0]); write(q[1], "x", 1); });
  CHILD("open interrupted", { struct sigaction sa = { .sa_handler = hup }; sigaction(SIGALRM, &sa, 0); struct itimerval it = { { 0, 0 }, { 0, 30000 } }; setitimer(ITIMER_REAL, &it, 0); R(open("p", O_RDONLY)); });
  int rw = R(open("p", O_RDWR)); R(write(rw, "self", 4)); R(read(rw, buf, 10)); pl("rw", rw, POLLIN | POLLOUT); close(rw);
  int p[2]; R(pipe2(p, O_NONBLOCK)); R(fcntl(p[0], F_GETPIPE_SZ)); R(write(p[1], buf, 65536)); R(write(p[1], "x", 1)); pl("full", p[1], POLLOUT); R(read(p[0], buf, 4095)); R(write(p[1], buf, 4096)); R(read(p[0], buf, 1)); pl("one page", p[1], POLLOUT); R(write(p[1], buf, 4096)); int n; R(ioctl(p[0], FIONREAD, &n)); say("%d\n", n); R(fcntl(p[0], F_SETPIPE_SZ, 4096)); while (read(p[0], buf, sizeof buf) > 0); R(fcntl(p[0], F_SETPIPE_SZ, 5000)); R(fcntl(p[1], F_GETPIPE_SZ)); R(write(p[1], buf, 10000)); R(read(p[0], buf, 20000)); R(fcntl(p[0], F_SETPIPE_SZ, 1 << 20)); R(write(p[1], buf, 70000));
  while (read(p[0], buf, sizeof buf) > 0); struct iovec v[3] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } }; R(writev(p[1], v, 3)); R(read(p[0], buf, 10)); say("%.5s\n", buf); R(fcntl(p[0], F_GETFL)); R(fcntl(p[0], F_SETFL, 0)); R(fcntl(p[0], F_GETFL)); close(p[0]); R(write(p[1], "x", 1)); R(write(p[1], "x", 0)); close(p[1]);
  R(pipe2(p, O_DIRECT)); R(write(p[1], "one", 3)); R(write(p[1], "three", 5)); R(read(p[0], buf, 2)); R(read(p[0], buf, 100)); close(p[0]); close(p[1]); R(pipe2(p, O_APPEND));
  /* big transfer through a full pipe */
  pipe(p); k = fork(); if (!k) { close(p[0]); unsigned char *d = malloc(300000); for (int i = 0; i < 300000; i++) d[i] = i * 7; R(write(p[1], d, 300000)); _exit(0); }
  close(p[1]); unsigned sum = 0; long total = 0, got; while ((got = read(p[0], buf, 5000)) > 0) { for (int i = 0; i < got; i++) sum = sum * 31 + (unsigned char)buf[i]; total += got; if (total < 20000) msleep(1); } waitpid(k, &st, 0); say("%ld %u\n", total, sum); close(p[0]);
  /* write interrupted after part of it */
  pipe(p); CHILD("partial write", { struct sigaction sa = { .sa_handler = hup }; sigaction(SIGALRM, &sa, 0); struct itimerval it = { { 0, 0 }, { 0, 30000 } }; setitimer(ITIMER_REAL, &it, 0); R(write(p[1], buf, 70000)); setitimer(ITIMER_REAL, &it, 0); R(write(p[1], buf, 1)); }); close(p[0]); close(p[1]);
  /* splice, tee, vmsplice, sendfile */
  put_file("src", "0123456789abcdef"); int f = open("src", O_RDWR), q[2]; pipe(p); pipe(q); loff_t off = 4;
  R(splice(f, &off, p[1], NULL, 6, 0)); say("%lld %lld\n", (long long)off, (long long)lseek(f, 0, SEEK_CUR)); R(tee(p[0], q[1], 4, 0)); R(read(q[0], buf, 10)); say("%.4s\n", buf); int o = open("dst", O_RDWR | O_CREAT, 0644); off = 2; R(splice(p[0], NULL, o, &off, 100, 0)); cat_file("src"); R(splice(f, NULL, o, NULL, 5, 0)); R(splice(p[0], &off, o, NULL, 5, 0)); R(splice(p[0], NULL, p[1], NULL, 5, 0)); R(splice(p[0], NULL, o, NULL, 5, SPLICE_F_NONBLOCK)); R(splice(f, NULL, p[1], NULL, 3, 0)); R(splice(p[0], NULL, q[1], NULL, 2, 0)); R(read(q[0], buf, 10)); R(read(p[0], buf, 10)); R(vmsplice(p[1], v, 3, 0)); R(read(p[0], buf, 10)); R(vmsplice(f, v, 1, 0)); R(tee(f, q[1], 1, 0)); off = 0; R(sendfile(o, f, &off, 100)); say("%lld\n", (long long)off); R(sendfile(p[1], f, NULL, 4)); R(read(p[0], buf, 10)); R(sendfile(f, p[0], NULL, 1)); R(sendfile(p[1], f, &off, 1)); R(sendfile(p[1], o, (void *)8, 1)); off = -1; R(sendfile(p[1], f, &off, 1)); int ap = open("dst", O_WRONLY | O_APPEND); off = 0; R(sendfile(ap, f, &off, 1)); R(splice(q[0], NULL, ap, NULL, 1, SPLICE_F_NONBLOCK)); loff_t i1 = 0, i2 = 3; R(copy_file_range(f, &i1, f, &i2, 3, 0)); i2 = 1; i1 = 0; R(copy_file_range(f, &i1, f, &i2, 3, 0)); i1 = 100; R(copy_file_range(f, &i1, o, NULL, 3, 0)); R(copy_file_range(p[0], NULL, o, NULL, 3, 0)); R(copy_file_range(f, NULL, ap, NULL, 3, 0)); cat_file("src");
  /* memfd */
  int m = R(memfd_create("name", MFD_ALLOW_SEALING | MFD_CLOEXEC)); R(fcntl(m, F_GETFD)); R(fcntl(m, F_GET_SEALS)); R(write(m, "sealed", 6)); R(fcntl(m, F_ADD_SEALS, F_SEAL_GROW)); R(write(m, "x", 1)); R(pwrite(m, "x", 1, 0)); R(ftruncate(m, 100)); R(ftruncate(m, 3)); void *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0); R(fcntl(m, F_ADD_SEALS, F_SEAL_WRITE)); munmap(map, 4096); R(fcntl(m, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK)); R(pwrite(m, "x", 1, 0)); R(ftruncate(m, 0)); R(fcntl(m, F_ADD_SEALS, F_SEAL_SEAL)); R(fcntl(m, F_ADD_SEALS, F_SEAL_SEAL)); R(fcntl(m, F_GET_SEALS)); struct stat s; fstat(m, &s); say("%o %d %lld\n", s.st_mode, (int)s.st_nlink, (long long)s.st_size); snprintf(buf, 99, "/proc/self/fd/%d", m); char l[99] = ""; R(readlink(buf, l, 98)); say("%s\n", l); R(close(open(buf, O_RDONLY)) ); R(open(buf, O_RDWR) >= 0); m = R(memfd_create("", 0)); R(fcntl(m, F_ADD_SEALS, F_SEAL_GROW)); R(fcntl(m, F_GET_SEALS)); R(fcntl(f, F_GET_SEALS)); memset(buf, 'n', 260); buf[250] = 0; R(memfd_create(buf, 0)); buf[249] = 0; R(memfd_create(buf, 0)); R(memfd_create("x", 0x1000));
  leave_tmp();
  return 0;
}
