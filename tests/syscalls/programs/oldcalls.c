#include "test.h"
#include <sys/file.h>
#include <sys/statfs.h>
/* Calls that libc no longer makes: old stat and dirent forms, 16-bit ids, split 64-bit offsets, files beyond 2 GiB without O_LARGEFILE. */
static void hex(const char *what, const unsigned char *p, int n) {
  say("%s:", what);
  for (int i = 0; i < n; i++) say(" %02x", p[i]);
  say("\n");
}
int main(void) {
  enter_tmp();
  unsigned char b[4096];
  put_file("f", "contents"); mkdir("d", 0755); put_file("d/one", ""); symlink("f", "l");
#ifdef __i386__
  struct timespec fixed[2] = { { 1000000000, 5 }, { 1000000001, 6 } };
  utimensat(AT_FDCWD, "f", fixed, 0);
  chown("f", 70000, 12);
  memset(b, 0xee, sizeof b); R(syscall(106, "f", b)); hex("stat mode..gid", b + 8, 8); hex("size", b + 20, 4); hex("times", b + 32, 16);
  memset(b, 0xee, sizeof b); R(syscall(195, "f", b)); hex("stat64 mode..gid", b + 16, 16); hex("size", b + 44, 8); hex("times", b + 64, 16);
  R(syscall(107, "l", b)); hex("lstat mode", b + 8, 2); int fd = open("f", O_RDWR); R(syscall(108, fd, b)); R(syscall(197, fd, b)); R(syscall(300, AT_FDCWD, "f", b, 0)); R(syscall(300, fd, "", b, AT_EMPTY_PATH)); R(syscall(106, "missing", b)); R(syscall(106, "f", 8)); R(syscall(106, 8, b)); okay("oldstat", syscall(18, "/dev/null", b) == 0 || errno == EOVERFLOW ? 0 : -1);
  /* 16-bit ids */
  R(syscall(182, "f", 300, 0xffff)); struct stat s; stat("f", &s); say("%d %d\n", s.st_uid, s.st_gid); R(syscall(16, "l", 1, 2)); lstat("l", &s); say("%d %d\n", s.st_uid, s.st_gid); R(syscall(95, fd, 0x12345, 7)); stat("f", &s); say("%d %d\n", s.st_uid, s.st_gid); R(syscall(212, "f", 70001, -1)); stat("f", &s); say("%d %d\n", s.st_uid, s.st_gid); R(syscall(198, "l", -1, 70002)); R(syscall(207, fd, 5, 6));
  /* dirents */
  int d = open("d", O_RDONLY); memset(b, 0xee, sizeof b); int n = R(syscall(141, d, b, sizeof b)); for (int at = 0; at < n;) { unsigned short len = *(unsigned short *)(b + at + 8); if (b[at + 10] == 'o') say("%s type %d len %d\n", b + at + 10, b[at + len - 1], len); at += len; } R(syscall(141, d, b, sizeof b)); lseek(d, 0, SEEK_SET); R(syscall(141, d, b, 5)); for (int i = 0; i < 4; i++) { memset(b, 0, 300); long r = syscall(89, d, b, 1); if (r != 1 || b[10] == 'o') say("readdir %ld %d %s\n", r, *(unsigned short *)(b + 8), r > 0 ? (char *)b + 10 : ""); } R(syscall(89, fd, b, 1));
  /* offsets in two registers */
  long long pos = 0; R(syscall(140, fd, 1, 5, &pos, SEEK_SET)); say("%lld\n", pos); R(syscall(140, fd, 0, 3, &pos, SEEK_CUR)); say("%lld\n", pos); R(syscall(140, fd, -1, -1, &pos, SEEK_SET)); R(syscall(140, fd, 0, 0, 8, SEEK_SET)); R(syscall(140, fd, 0, 0, &pos, 9)); R(syscall(19, fd, 100, SEEK_SET)); R(syscall(140, fd, 1, 5, &pos, SEEK_SET)); R(syscall(19, fd, 0, SEEK_CUR));
  int big = open("big", O_RDWR | O_CREAT | O_LARGEFILE, 0644); R(syscall(181, big, "X", 1, 0x10, 1)); R(syscall(180, big, b, 1, 0x10, 1)); say("%c\n", b[0]); R(syscall(180, big, b, 1, 0, -1)); R(syscall(194, big, 0, 2)); stat64("big", (void *)b); R(syscall(193, "big", 5, 1)); R(syscall(193, "big", 5, -1)); R(syscall(93, fd, -1)); R(syscall(92, "f", 3)); R(syscall(106, "big", b)); R(syscall(195, "big", b)); hex("size", b + 44, 8); R(syscall(5, "big", O_RDONLY)); R(syscall(5, "big", O_RDONLY | O_LARGEFILE) >= 0); R(syscall(324, big, 0, 0, 2, 4096, 0)); R(syscall(324, big, 1, 0, 0, 0, -1)); R(syscall(314, big, 0, 1, 0, 0, 0)); R(syscall(250, big, 0, 1, 100, 3)); R(syscall(272, big, 0, 1, 100, 0, 9)); R(syscall(225, big, 0, 1, 100)); struct iovec v = { b, 4 }; R(syscall(333, big, &v, 1, 0x10, 1)); R(syscall(334, big, &v, 1, 0x20, 1)); R(syscall(378, big, &v, 1, -1, -1, 0)); R(syscall(379, big, &v, 1, 0x30, 1, 0)); R(syscall(333, big, &v, 1, 0, -1));
  int small = syscall(5, "small", O_RDWR | O_CREAT, 0644); say("%o\n", fcntl(small, F_GETFL) & 0100000); R(syscall(194, small, 0x7ffffff0, 0)); R(syscall(194, small, 0x7fffffff, 0)); R(syscall(181, small, "1234", 4, 0x7ffffffd, 0)); R(syscall(181, small, "x", 1, 0x7fffffff, 0)); R(syscall(194, small, 0x80000000, 0)); ftruncate(small, 0);
  int off32 = 2; long long off64 = 1; put_file("src", "0123456789"); int src = open("src", O_RDONLY); R(syscall(187, small, src, &off32, 3)); say("%d\n", off32); R(syscall(239, small, src, &off64, 4)); say("%lld\n", off64); R(syscall(187, small, src, 0, 2)); cat_file("small");
  /* locks: 32 and 64 bits */
  struct flock l32 = { 0 }; struct flock64 l64 = { .l_type = F_WRLCK, .l_start = 0x180000000ll, .l_len = 10 }; struct { short type, whence; int start, len, pid; } raw = { F_RDLCK, 0, 5, 10, 0 };
  R(syscall(221, big, 13, &l64)); CHILD("getlk", { raw.type = F_WRLCK; raw.start = 0; raw.len = 0; R(syscall(55, big, 5, &raw)); l64.l_start = 0; l64.l_len = 0; R(syscall(221, big, 12, &l64)); say("%d %llx %lld\n", l64.l_type, l64.l_start, l64.l_len); }); R(syscall(55, big, 13, &l64)); R(syscall(55, big, 6, &raw)); R(syscall(55, fd, 9999, 0)); R(syscall(221, fd, 3, 0) >= 0); (void)l32;
  struct statfs sf; memset(b, 0, sizeof b); R(syscall(99, ".", b)); R(syscall(268, ".", 84, b)); R(syscall(268, ".", 88, b)); R(syscall(268, ".", 80, b)); R(syscall(269, fd, 84, b)); R(syscall(100, fd, b)); (void)sf;
  int ut[2] = { 77, 88 }; R(syscall(30, "f", ut)); stat("f", &s); say("%ld %ld\n", (long)s.st_atime, (long)s.st_mtime); int tv[4] = { 1, 2, 3, 4 }; R(syscall(271, "f", tv)); stat("f", &s); say("%ld %ld %ld\n", (long)s.st_atime, (long)s.st_mtime, s.st_mtim.tv_nsec); R(syscall(299, AT_FDCWD, "f", tv)); R(syscall(320, AT_FDCWD, "f", tv, 0)); stat("f", &s); say("%ld %ld %ld\n", (long)s.st_atime, s.st_atim.tv_nsec, s.st_mtim.tv_nsec); long long t64[4] = { 0x100000005ll, 7, 9, 0xffffffff00000008ll }; R(syscall(412, AT_FDCWD, "f", t64, 0)); stat("f", &s); say("%ld %ld\n", s.st_atim.tv_nsec, s.st_mtim.tv_nsec); R(syscall(22, "missing")); R(syscall(383, AT_FDCWD, "f", 0, 0xfff, b)); hex("statx mode", b + 28, 2);
  R(syscall(14, "fifo", S_IFIFO | 0644, 0)); R(syscall(8, "made", 0600)); R(syscall(33, "made", 2)); R(syscall(60, 077)); R(syscall(60, 022)); R(syscall(85, "l", b, 100)); R(syscall(183, b, 4096) > 1); R(syscall(42, b)); R(syscall(41, 1)  > 0);
#else
  int d = open("d", O_RDONLY); memset(b, 0xee, sizeof b); int n = R(syscall(SYS_getdents, d, b, sizeof b)); for (int at = 0; at < n;) { unsigned short len = *(unsigned short *)(b + at + 16); if (b[at + 18] == 'o') say("%s type %d len %d\n", b + at + 18, b[at + len - 1], len); at += len; } R(syscall(SYS_getdents, d, b, sizeof b)); lseek(d, 0, SEEK_SET); R(syscall(SYS_getdents, d, b, 5)); R(syscall(SYS_getdents, 999, b, 100)); R(syscall(SYS_getdents, open("f", O_RDONLY), b, 100));
  R(syscall(SYS_stat, "f", 8)); R(syscall(SYS_stat, 8, b)); R(syscall(SYS_creat, "made", 0600)); R(syscall(SYS_access, "made", 2)); R(syscall(SYS_pipe, 8)); R(syscall(SYS_utime, "f", 8)); R(syscall(SYS_truncate, "f", 1ll << 40)); struct stat s; stat("f", &s); say("%lld\n", (long long)s.st_size); R(syscall(SYS_truncate, "f", -1)); R(syscall(SYS_lseek, d, 5, 77)); R(syscall(SYS_preadv, d, 0, 0, 0, 0)); struct iovec v = { b, 4 }; int f = open("f", O_RDWR); R(syscall(SYS_preadv2, f, &v, 1, 3, 0xffff, 0)); R(syscall(SYS_preadv2, f, &v, 1, -1, -1, 0)); R(syscall(SYS_lseek, f, 0, SEEK_CUR)); R(syscall(SYS_pwritev2, f, &v, 1, 1, 0, 16)); R(syscall(SYS_pwritev2, f, &v, 1, 1, 0, 0x100)); say("%o\n", fcntl(f, F_GETFL)); v.iov_base = (void *)8; R(syscall(SYS_readv, f, &v, 1)); R(syscall(SYS_writev, f, &v, 1)); R(syscall(SYS_readv, f, 8, 1)); struct iovec w[2] = { { b, 4 }, { (void *)8, 4 } }; lseek(f, 0, SEEK_SET); R(syscall(SYS_readv, f, w, 2)); R(syscall(SYS_writev, f, w, 2)); w[1].iov_len = -1; R(syscall(SYS_readv, f, w, 2)); v.iov_base = b; v.iov_len = 0x7fffffffffffffff; 
#endif
  leave_tmp();
  return 0;
}
