#include "test.h"
#include <grp.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <sys/statvfs.h>
#include <utime.h>
/* Modes, owners, set-ID bits, umask, times, xattrs, statx, as root and as somebody else. */
static void st(const char *name) {
  struct stat s;
  if (lstat(name, &s)) { say("%s: %s\n", name, ename(errno)); return; }
  say("%s: %o nlink %d %d:%d size %lld\n", name, s.st_mode, (int)s.st_nlink, s.st_uid, s.st_gid, (long long)(S_ISDIR(s.st_mode) ? 0 : s.st_size));
}
static void tm(const char *name) {
  struct stat s;
  lstat(name, &s);
  say("%s: a %lld.%09ld m %lld.%09ld\n", name, (long long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}
static void nobody(void) { if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)) say("cannot drop\n"); }
int main(void) {
  enter_tmp();
  chmod(".", 0777);
  put_file("f", "data"); mkdir("d", 0777); symlink("f", "l"); mkdir("sticky", 0777); chmod("sticky", 01777); put_file("sticky/root", "r"); mkdir("sg", 0777); chown("sg", 0, 77); chmod("sg", 02777);
  R(chmod("f", 06755)); st("f"); R(chown("f", 1000, 1000)); st("f"); R(chmod("f", 06755)); R(chown("f", -1, 50)); st("f"); R(chmod("f", 02644)); R(chown("f", 1000, -1)); st("f"); R(chmod("l", 0600)); st("l"); st("f"); R(lchown("l", 5, 6)); st("l"); R(chmod("missing", 0600)); R(chmod("f/", 0600)); R(chmod("f", 0100777)); st("f");
  int fd = open("f", O_RDWR); R(fchmod(fd, 04711)); st("f"); R(fchown(fd, 0, 0)); st("f"); R(fchmod(999, 0)); R(fchmodat(AT_FDCWD, "f", 0640, 0)); st("f"); R(fchownat(AT_FDCWD, "l", 7, 8, AT_SYMLINK_NOFOLLOW)); st("l"); R(fchownat(fd, "", 9, 9, AT_EMPTY_PATH)); st("f"); R(fchownat(AT_FDCWD, "f", 1, 1, 0x8000)); R(syscall(452, AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW)); R(syscall(452, AT_FDCWD, "f", 0600, 0x8000));
  chmod("d", 07777); st("d"); chown("d", 3, 3); st("d");
  /* as user 1000 */
  chmod("f", 0640); chown("f", 0, 0); put_file("mine", "m"); chown("mine", 1000, 1000); chmod("mine", 0644); chmod("sticky/root", 0666); put_file("exec", "#!/bin/sh\n"); mkdir("priv", 0700); put_file("priv/x", "x"); put_file("unread", "u"); chmod("unread", 0);
  CHILD("user", {
    nobody();
    R(open("f", O_RDONLY)); R(open("mine", O_RDWR)); R(access("f", R_OK)); R(access("mine", W_OK)); R(access("mine", X_OK)); R(access("priv/x", F_OK)); R(open("priv", O_RDONLY)); R(open("unread", O_RDONLY)); R(chmod("f", 0666)); R(chmod("mine", 06777)); st("mine"); R(chown("mine", 0, -1)); R(chown("mine", 1000, 1000)); st("mine"); R(chown("mine", -1, 50)); R(chown("f", -1, -1)); R(chown("mine", -1, -1));
    R(unlink("sticky/root")); R(rename("sticky/root", "sticky/other")); put_file("sticky/mine", "x"); R(rename("sticky/mine", "sticky/root")); R(unlink("sticky/mine")); R(mkdir("d/sub", 0755)); R(mkdir("priv/sub", 0755)); R(link("f", "hard")); R(link("mine", "hard")); R(link("unread", "hard2")); R(symlink("f", "priv/l")); R(truncate("f", 0)); R(truncate("mine", 1)); R(utimes("f", NULL)); R(mknod("dev", S_IFCHR | 0600, makedev(1, 3))); R(chroot(".")); R(open("mine", O_RDONLY | O_NOATIME)); R(open("exec", O_RDONLY | O_NOATIME));
    struct timeval t[2] = { { 1, 0 }, { 2, 0 } }; R(utimes("f", t)); R(utimes("mine", t)); R(setxattr("f", "user.x", "1", 1, 0)); R(setxattr("mine", "user.x", "1", 1, 0)); R(setxattr("mine", "trusted.x", "1", 1, 0)); R(getxattr("f", "user.x", NULL, 0));
    int w = open("mine", O_WRONLY); fchmod(w, 06755); st("mine"); R(write(w, "z", 1)); st("mine"); R(access("exec", X_OK)); R(chdir("priv")); R(open("sg/new", O_CREAT | O_WRONLY, 02755)); st("sg/new"); R(mkdir("sg/sub", 0700)); st("sg/sub"); R(chmod("sg/new", 02755)); st("sg/new"); });
  st("sticky/root");
  CHILD("group", { gid_t g[] = { 50 }; setgroups(1, g); nobody(); R(chown("mine", -1, 50)); st("mine"); R(chmod("mine", 02755)); st("mine"); });
  CHILD("access uses real ids", { setresuid(1000, 0, 0); R(access("priv/x", F_OK)); R(faccessat(AT_FDCWD, "priv/x", F_OK, AT_EACCESS)); R(close(open("priv/x", O_RDONLY))); });
  CHILD("root", { R(access("unread", R_OK | W_OK)); R(access("unread", X_OK)); R(close(open("unread", O_RDWR))); R(access("exec", X_OK)); });
  /* umask */
  CHILD("umask", { umask(0027); mkdir("um", 0777); st("um"); close(open("umf", O_CREAT | O_WRONLY, 0666)); st("umf"); mknod("ump", S_IFIFO | 0666, 0); st("ump"); symlink("x", "uml"); st("uml"); say("%o\n", umask(07777)); say("%o\n", umask(0)); });
  /* times */
  struct timespec t2[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
  R(utimensat(AT_FDCWD, "f", t2, 0)); tm("f"); t2[0].tv_nsec = UTIME_OMIT; t2[1].tv_sec = 5; t2[1].tv_nsec = 6; R(utimensat(AT_FDCWD, "f", t2, 0)); tm("f"); t2[1].tv_nsec = UTIME_OMIT; R(utimensat(AT_FDCWD, "missing", t2, 0)); t2[1].tv_nsec = 1000000000; R(utimensat(AT_FDCWD, "f", t2, 0)); t2[0].tv_nsec = 1; t2[1].tv_nsec = 2; R(utimensat(AT_FDCWD, "l", t2, AT_SYMLINK_NOFOLLOW)); say("l\n"); { struct stat s; lstat("l", &s); say("%ld %lld.%ld\n", s.st_atim.tv_nsec > 0, (long long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec); } R(futimens(fd, t2)); tm("f"); R(utimensat(AT_FDCWD, "f", t2, 0x8000)); R(syscall(SYS_utimensat, AT_FDCWD, NULL, t2, 0)); R(utimensat(fd, "", t2, AT_EMPTY_PATH));
  struct timeval tv[2] = { { 50, 999999 }, { 60, 1 } }; R(utimes("f", tv)); tm("f"); tv[0].tv_usec = 1000000; R(utimes("f", tv)); struct utimbuf ub = { 70, 80 }; R(utime("f", &ub)); tm("f"); struct stat b, a; R(utime("f", NULL)); stat("f", &a); say("now %d\n", a.st_mtime > 1600000000);
  /* what changes which time */
  ub.actime = ub.modtime = 1000; utime("f", &ub); stat("f", &b); msleep(15); chmod("f", 0600); stat("f", &a); say("chmod: ctime %d mtime %d\n", a.st_ctim.tv_nsec != b.st_ctim.tv_nsec || a.st_ctime != b.st_ctime, a.st_mtime != b.st_mtime); pwrite(fd, "x", 1, 0); stat("f", &a); say("write: mtime %d atime %d\n", a.st_mtime > 1000, a.st_atime == 1000); char ch; pread(fd, &ch, 1, 0); stat("f", &a); say("read: atime %d\n", a.st_atime > 1000); utime("d", &ub); close(open("d/new", O_CREAT | O_WRONLY, 0600)); stat("d", &a); say("create: dir mtime %d\n", a.st_mtime > 1000); utime("d", &ub); unlink("d/new"); stat("d", &a); say("unlink: dir mtime %d\n", a.st_mtime > 1000); utime("f", &ub); R(truncate("f", 4)); stat("f", &a); say("truncate same: %d\n", a.st_mtime > 1000); utime("f", &ub); ftruncate(fd, 4); stat("f", &a); say("ftruncate same: %d\n", a.st_mtime > 1000); utime("f", &ub); close(open("f", O_TRUNC | O_WRONLY)); stat("f", &a); say("O_TRUNC: %d\n", a.st_mtime > 1000);
  /* xattrs */
  char buf[300], name[300];
  R(setxattr("f", "user.one", "value", 5, 0)); R(setxattr("f", "user.one", "v", 1, XATTR_CREATE)); R(setxattr("f", "user.two", "v", 1, XATTR_REPLACE)); R(setxattr("f", "user.two", "", 0, 0)); R(setxattr("f", "user.one", "longer value", 12, XATTR_REPLACE)); R(getxattr("f", "user.one", buf, 300)); R(getxattr("f", "user.one", buf, 3)); R(getxattr("f", "user.one", NULL, 0)); R(getxattr("f", "user.none", buf, 300)); R(getxattr("f", "nonsense", buf, 300)); R(setxattr("f", "nonsense.x", "1", 1, 0)); R(setxattr("f", "user.", "1", 1, 0)); R(setxattr("f", "user.one", "1", 1, 7)); R(setxattr("f", "", "1", 1, 0)); R(setxattr("f", "user.big", buf, 70000, 0)); memset(name, 'n', 299); memcpy(name, "user.", 5); name[256] = 0; R(setxattr("f", name, "1", 1, 0)); R(fgetxattr(fd, "user.two", buf, 10)); R(fsetxattr(fd, "user.three", "3", 1, 0)); R(lsetxattr("l", "user.x", "1", 1, 0)); R(lgetxattr("l", "user.x", buf, 10)); R(lsetxattr("l", "trusted.x", "1", 1, 0)); R(removexattr("f", "user.two")); R(removexattr("f", "user.two")); R(listxattr("f", NULL, 0)); R(listxattr("f", buf, 5)); ssize_t n = listxattr("f", buf, 300); int seen1 = 0, seen3 = 0; for (char *q = buf; q < buf + n; q += strlen(q) + 1) { if (!strcmp(q, "user.one")) seen1 = 1; if (!strcmp(q, "user.three")) seen3 = 1; } say("%zd %d %d\n", n, seen1, seen3); R(setxattr("missing", "user.x", "", 0, 0)); R(setxattr("d", "user.d", "1", 1, 0)); R(getxattr("d", "user.d", buf, 10)); mkfifo("p", 0600); R(setxattr("p", "user.x", "1", 1, 0)); R(getxattr("f", "system.posix_acl_access", buf, 10)); R(setxattr("f", "security.test", "1", 1, 0)); R(getxattr("f", "security.test", buf, 10));
  /* statx */
  struct statx x;
  R(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &x)); say("%x %o %d %lld %d %d\n", x.stx_mask & 0xfff, x.stx_mode, x.stx_nlink, (long long)x.stx_size, x.stx_uid, x.stx_blksize); R(statx(fd, "", AT_EMPTY_PATH, 0, &x)); R(statx(AT_FDCWD, "f", 0x10000, 0, &x)); R(statx(AT_FDCWD, "f", 0, 0x80000000, &x)); R(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &x)); R(statx(AT_FDCWD, "missing", 0, 0, &x)); R(statx(AT_FDCWD, "f", 0, 0, (void *)8)); R(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, 0, &x)); say("%o\n", x.stx_mode);
  struct statvfs v; R(statvfs(".", &v)); say("%lu %lu %d\n", v.f_bsize, v.f_namemax, v.f_blocks > 0); R(fstatvfs(fd, &v)); R(statvfs("missing", &v));
  leave_tmp();
  return 0;
}
