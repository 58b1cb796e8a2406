#include "test.h"
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <utime.h>
/* stat, statx, chmod, chown, utimes, access, devices. */
static void times(const char *n) {
  struct stat s;
  if (lstat(n, &s)) { say("%s\n", ename(errno)); return; }
  say("%s: a %lld.%09ld m %lld.%09ld\n", n, (long long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}
int main(void) {
  enter_tmp();
  struct stat s; struct statx x;
  R(stat("/dev/null", &s)); say("%o %d:%d\n", s.st_mode & S_IFMT, major(s.st_rdev), minor(s.st_rdev));
  R(stat("/dev/zero", &s)); say("%d:%d\n", major(s.st_rdev), minor(s.st_rdev));
  R(stat("/dev/tty", &s)); say("%d:%d\n", major(s.st_rdev), minor(s.st_rdev));
  put_file("f", "12345");
  R(chmod("f", 04751)); stat("f", &s); say("%o\n", s.st_mode);
  R(chmod("f", 0200)); R(access("f", R_OK)); R(access("f", W_OK)); R(access("f", X_OK)); R(access("f", F_OK)); R(access("f", 8));
  R(chmod("missing", 0)); R(fchmodat(AT_FDCWD, "f", 0644, 0)); R(chmod("f", 0644));
  R(chown("f", -1, -1)); R(chown("f", 0, 0)); R(lchown("missing", 0, 0));
  R(chown("f", 12, 34)); stat("f", &s); say("%d %d\n", s.st_uid, s.st_gid); R(chown("f", -1, 56)); stat("f", &s); say("%d %d\n", s.st_uid, s.st_gid);
  chmod("f", 06777); R(chown("f", 1, 1)); stat("f", &s); say("%o\n", s.st_mode); R(chown("f", 0, 0));
  chmod("f", 0644);
  struct timespec ts[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
  R(utimensat(AT_FDCWD, "f", ts, 0)); times("f");
  ts[0].tv_nsec = UTIME_OMIT; ts[1].tv_sec = 5; R(utimensat(AT_FDCWD, "f", ts, 0)); times("f");
  ts[1].tv_nsec = UTIME_OMIT; R(utimensat(AT_FDCWD, "f", ts, 0)); times("f");
  ts[0].tv_nsec = 1000000000; R(utimensat(AT_FDCWD, "f", ts, 0)); R(utimensat(AT_FDCWD, "missing", ts, 0));
  ts[0].tv_nsec = UTIME_NOW; ts[1].tv_nsec = UTIME_NOW; R(utimensat(AT_FDCWD, "f", ts, 0)); stat("f", &s); say("now %d\n", llabs((long long)s.st_mtime - time(NULL)) < 5);
  symlink("f", "l"); ts[0] = (struct timespec){ 7, 8 }; ts[1] = (struct timespec){ 9, 10 };
  R(utimensat(AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW)); times("l");
  int fd = open("f", O_RDWR); R(futimens(fd, ts)); times("f"); R(futimens(99, ts));
  struct timeval tv[2] = { { 100, 5 }, { 200, 6 } }; R(utimes("f", tv)); times("f"); tv[0].tv_usec = 1000000; R(utimes("f", tv));
  struct utimbuf u = { 11, 22 }; R(utime("f", &u)); times("f"); R(utime("f", NULL)); 
  ts[0] = (struct timespec){ -5, 0 }; ts[1] = (struct timespec){ 4000000000LL, 0 }; if (sizeof(time_t) == 8) { R(utimensat(AT_FDCWD, "f", ts, 0)); times("f"); } else { say("utimensat(AT_FDCWD, \"f\", ts, 0) = 0\n"); }
  R(utimes("f", NULL));
  R(statx(AT_FDCWD, "f", 0, STATX_ALL, &x)); say("mask %x nlink %u uid %u mode %o size %llu\n", x.stx_mask & 0x7ff, x.stx_nlink, x.stx_uid, x.stx_mode, x.stx_size);
  R(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_ALL, &x)); say("mode %o size %llu\n", x.stx_mode, x.stx_size);
  R(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x)); R(statx(fd, "", 0, STATX_SIZE, &x)); R(statx(AT_FDCWD, "missing", 0, 0, &x)); R(statx(AT_FDCWD, "f", 0x80000, 0, &x)); R(statx(AT_FDCWD, "f", 0, 0x80000000, &x));
  R(statx(AT_FDCWD, "f", 0x6000, 0, &x)); R(statx(AT_FDCWD, "f", 0, STATX_ALL, (void *)8));
  R(fstat(fd, &s)); R(fstat(99, &s)); R(stat("f/x", &s)); R(stat("", &s));
  R(syscall(
#ifdef __i386__
  SYS_stat64
#else
  SYS_stat
#endif
  , "f", (void *)8));
  R(mknod("fifo", S_IFIFO | 0600, 0)); R(mknod("fifo", S_IFIFO | 0600, 0)); stat("fifo", &s); say("%o\n", s.st_mode);
  R(mknod("reg", S_IFREG | 0600, 0)); R(mknod("reg2", 0600, 0)); stat("reg2", &s); say("%o\n", s.st_mode); R(mknod("dir", S_IFDIR | 0600, 0)); R(mknod("x", 0160000, 0));
  R(mknod("dev", S_IFCHR | 0600, makedev(1, 3))); stat("dev", &s); say("%o %d:%d\n", s.st_mode, major(s.st_rdev), minor(s.st_rdev));
  R(mknod("sock", S_IFSOCK | 0600, 0)); R(open("sock", O_RDONLY));
  struct statfs f; R(statfs("/proc", &f)); say("%lx %ld\n", (long)f.f_type, (long)f.f_namelen); R(statfs("missing", &f)); R(fstatfs(99, &f));
  R(statfs("/dev/pts", &f)); say("%lx\n", (long)f.f_type);
  CHILD("unprivileged", {
    chmod(tmp_dir, 0755); put_file("secret", "x"); chmod("secret", 0600); mkdir("closed", 0700); put_file("closed/in", "x"); mkdir("sticky", 01777); put_file("sticky/roots", "x");
    if (setgid(1000) || setuid(1000)) say("setuid failed\n");
    R(open("secret", O_RDONLY)); R(access("secret", R_OK)); R(chmod("f", 0600)); R(chown("f", 1000, 1000)); R(access("closed/in", F_OK)); R(open("new", O_CREAT | O_RDWR, 0600));
    R(unlink("f")); R(mkdir("nd", 0700)); R(unlink("sticky/roots")); R(open("sticky/mine", O_CREAT | O_RDWR, 0600) > 0); R(chown("sticky/mine", 0, 0)); R(chown("sticky/mine", -1, 1000)); R(chmod("sticky/mine", 02777)); R(stat("sticky/mine", &s)); say("%o %d\n", s.st_mode, s.st_uid);
    R(rename("sticky/roots", "sticky/r2")); R(mknod("sticky/dev", S_IFCHR | 0600, makedev(1, 3))); R(truncate("f", 0)); R(utimes("f", NULL)); R(link("secret", "sticky/hl")); R(statfs("closed", &f)); R(setuid(0)); R(chroot("."));
  });
  leave_tmp();
  return 0;
}
