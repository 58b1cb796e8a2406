#include "test.h"
#include <linux/fs.h>
#include <sys/xattr.h>
/* Inode flags (chattr), read/write hints. */
#ifndef F_GET_RW_HINT
#define F_GET_RW_HINT 1035
#define F_SET_RW_HINT 1036
#endif
static int get(int fd) { int f = -1; return ioctl(fd, FS_IOC_GETFLAGS, &f) ? -errno : f & 0x7f; }
static int set(int fd, int bits) { int f = 0; if (ioctl(fd, FS_IOC_GETFLAGS, &f)) return -1; f = (f & ~0x7f) | bits; return ioctl(fd, FS_IOC_SETFLAGS, &f); }
int main(void) {
  enter_tmp();
  put_file("f", "text"); mkdir("d", 0755); put_file("d/x", "x"); mkfifo("p", 0644); symlink("f", "l");
  int fd = open("f", O_RDWR), d = open("d", O_RDONLY), p = open("p", O_RDWR);
  R(get(fd)); R(get(d)); R(get(p)); R(set(p, 0)); R(get(open("/dev/null", O_RDONLY)));
  R(set(fd, FS_IMMUTABLE_FL)); R(get(fd)); R(open("f", O_RDONLY) >= 0); R(open("f", O_RDWR)); R(open("f", O_WRONLY | O_APPEND)); R(open("f", O_RDONLY | O_TRUNC)); R(unlink("f")); R(rename("f", "g")); R(link("f", "g")); R(chmod("f", 0600)); R(chown("f", 1, 1)); R(truncate("f", 0)); R(utimes("f", NULL)); R(rename("l", "f")); R(access("f", W_OK)); R(write(fd, "x", 1)); R(ftruncate(fd, 1)); R(fchmod(fd, 0600)); R(setxattr("f", "user.x", "1", 1, 0)); R(fallocate(fd, 0, 0, 10));
  struct statx x; statx(AT_FDCWD, "f", 0, STATX_ALL, &x); say("%llx %llx\n", (long long)x.stx_attributes & 0x70, (long long)x.stx_attributes_mask & 0x70);
  R(set(fd, 0)); R(set(fd, FS_APPEND_FL)); R(open("f", O_RDWR)); R(close(open("f", O_WRONLY | O_APPEND))); R(open("f", O_WRONLY | O_APPEND | O_TRUNC)); R(unlink("f")); R(truncate("f", 1)); R(chmod("f", 0600)); R(link("f", "g")); R(rename("f", "g")); R(utimes("f", NULL)); struct timeval tv[2] = { { 1, 0 }, { 2, 0 } }; R(utimes("f", tv)); int a = open("f", O_WRONLY | O_APPEND); R(fcntl(a, F_SETFL, 0)); R(write(a, "more", 4)); R(set(fd, FS_NODUMP_FL)); R(get(fd)); R(set(fd, 0)); cat_file("f");
  R(set(d, FS_IMMUTABLE_FL)); R(open("d/new", O_CREAT | O_WRONLY, 0644)); R(unlink("d/x")); R(mkdir("d/y", 0755)); R(rename("d/x", "z")); R(rename("f", "d/f")); R(rmdir("d")); R(close(open("d/x", O_RDWR))); R(set(d, FS_APPEND_FL)); R(close(open("d/new", O_CREAT | O_WRONLY, 0644))); R(unlink("d/new")); R(rename("d/new", "d/n2")); R(mkdir("d/y", 0755)); R(rmdir("d/y")); R(set(d, 0)); R(unlink("d/new"));
  CHILD("user", { setresuid(1000, 1000, 1000); R(set(fd, FS_IMMUTABLE_FL)); R(set(fd, FS_NODUMP_FL)); });
  chown("f", 1000, 1000); CHILD("owner", { setresuid(1000, 1000, 1000); R(set(fd, FS_IMMUTABLE_FL)); R(set(fd, FS_NODUMP_FL)); R(get(fd)); });
  R(ioctl(fd, FS_IOC_GETFLAGS, 8)); R(ioctl(fd, FS_IOC_SETFLAGS, 8));
  unsigned long long h = 9; R(fcntl(fd, F_GET_RW_HINT, &h)); say("%llu\n", h); h = 2; R(fcntl(fd, F_SET_RW_HINT, &h)); h = 9; R(fcntl(fd, F_GET_RW_HINT, &h)); say("%llu\n", h); h = 77; R(fcntl(fd, F_SET_RW_HINT, &h)); R(fcntl(fd, F_GET_RW_HINT, 8)); R(fcntl(p, F_GET_RW_HINT, &h)); R(fcntl(fd, 1037, &h)); R(fcntl(fd, 1027, fd)); R(fcntl(fd, 1027, d)); R(fcntl(fd, 1027, 999)); int dd = dup(fd); R(fcntl(fd, 1027, dd));
  leave_tmp();
  return 0;
}
