#include "test.h"
#include <grp.h>
#include <sys/sysmacros.h>
#include <linux/openat2.h>
/* Path walk: dots, links, limits, openat2's RESOLVE_*, *at calls with empty paths, chroot. */
static long o2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = { flags, mode, resolve };
  long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
  if (fd >= 0) { close(fd); fd = 0; }
  return fd;
}
int main(void) {
  enter_tmp();
  char buf[5000], long_name[300];
  mkdir("d", 0755); mkdir("d/e", 0755); put_file("d/e/f", "file"); put_file("out", "out");
  symlink("e/f", "d/rel"); symlink("../out", "d/up"); symlink("e", "d/dir"); symlink("self", "self"); symlink("nowhere", "dangling");
  symlink("dangling", "dd"); symlink("d/e/", "slash"); symlink("", "x") ;
  R(symlink("", "empty"));
  R(open("d/rel", O_RDONLY)); R(open("d/dir/f", O_RDONLY)); R(open("d/dir/../rel", O_RDONLY)); R(open("self", O_RDONLY)); R(open("self/x", O_RDONLY));
  R(open("dangling", O_RDONLY)); R(open("dd", O_RDONLY)); R(open("slash", O_RDONLY)); R(open("slash/f", O_RDONLY)); R(open("d/rel/", O_RDONLY));
  R(open("out/.", O_RDONLY)); R(open("out/..", O_RDONLY)); R(open("./././d//e///f", O_RDONLY)); R(open("d/e/f/", O_RDONLY)); R(open("/../../..", O_RDONLY));
  R(open("d/rel", O_NOFOLLOW)); R(open("d/dir", O_NOFOLLOW | O_DIRECTORY)); R(open("d/dir/", O_NOFOLLOW)); R(open("d/rel", O_NOFOLLOW | O_PATH));
  R(open("dd", O_CREAT | O_EXCL | O_WRONLY, 0644)); R(open("self", O_CREAT | O_WRONLY, 0644)); R(open("d/dir", O_CREAT | O_WRONLY, 0644));
  R(open("slash", O_CREAT | O_RDONLY, 0644)); R(open("new/", O_CREAT | O_WRONLY, 0644)); R(open("d", O_CREAT | O_DIRECTORY, 0644)); R(open("d", O_TRUNC)); R(open("d", O_WRONLY));
  R(open("dd", O_CREAT | O_WRONLY, 0644)); R(access("nowhere", F_OK));
  for (int i = 3; i < 40; i++) close(i);
  memset(long_name, 'n', 256); long_name[256] = 0;
  R(open(long_name, O_RDONLY)); R(mkdir(long_name, 0755)); R(open(long_name, O_CREAT, 0644));
  long_name[255] = 0;
  R(open(long_name, O_RDONLY)); R(mkdir(long_name, 0755)); R(rmdir(long_name));
  for (int i = 0; i < 2047; i++) memcpy(buf + 2 * i, "./", 2);
  strcpy(buf + 4094, "d"); R(access(buf, F_OK)); strcpy(buf + 4094, "dd"); R(access(buf, F_OK)); R(mkdir(buf, 0755));
  char a[8], b[8];
  put_file("l0", "");
  for (int i = 1; i <= 41; i++) { sprintf(a, "l%d", i - 1); sprintf(b, "l%d", i); symlink(a, b); }
  R(access("l40", F_OK)); R(access("l41", F_OK));
  /* openat2 */
  int d = open("d", O_PATH | O_DIRECTORY);
  R(o2(d, "e/f", O_RDONLY, 0, 0)); R(o2(d, "up", O_RDONLY, 0, RESOLVE_BENEATH)); R(o2(d, "../out", O_RDONLY, 0, RESOLVE_BENEATH)); R(o2(d, "e/../e/f", O_RDONLY, 0, RESOLVE_BENEATH));
  R(o2(d, "/etc", O_RDONLY, 0, RESOLVE_BENEATH)); R(o2(d, "/e/f", O_RDONLY, 0, RESOLVE_IN_ROOT)); R(o2(d, "../../e/f", O_RDONLY, 0, RESOLVE_IN_ROOT)); R(o2(d, "up", O_RDONLY, 0, RESOLVE_IN_ROOT));
  R(o2(d, "rel", O_RDONLY, 0, RESOLVE_NO_SYMLINKS)); R(o2(d, "e/f", O_RDONLY, 0, RESOLVE_NO_SYMLINKS)); R(o2(d, "dir/f", O_RDONLY, 0, RESOLVE_NO_SYMLINKS));
  R(o2(d, "rel", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS)); R(o2(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS)); R(o2(AT_FDCWD, "/proc/self/cwd/out", O_RDONLY, 0, 0));
  R(o2(AT_FDCWD, "/proc", O_RDONLY, 0, RESOLVE_NO_XDEV)); R(o2(d, "e", O_RDONLY, 0, RESOLVE_NO_XDEV));
  R(o2(d, "e/f", O_RDONLY, 0644, 0)); R(o2(d, "e/f", 1ull << 40, 0, 0)); R(o2(d, "e/f", O_RDONLY, 0, 0x100)); R(o2(d, "e/f", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT)); R(o2(d, "n", O_CREAT | O_RDWR, 0100000, 0)); R(o2(d, "n", O_CREAT | O_RDWR, 0600, 0));
  R(o2(d, "e/f", O_PATH | O_RDWR, 0, 0));
  { struct open_how how = { O_RDONLY }; R(syscall(SYS_openat2, d, "e", &how, 8)); char big[40] = ""; big[30] = 1; R(syscall(SYS_openat2, d, "e", big, 40)); R(syscall(SYS_openat2, d, "e", big, 5000)); }
  /* *at with odd descriptors */
  int f = open("out", O_RDONLY), n = open("d/rel", O_PATH | O_NOFOLLOW);
  struct stat s;
  R(openat(f, "x", O_RDONLY)); R(openat(-1, "x", O_RDONLY)); R(close(openat(-1, "/", O_RDONLY))); R(openat(f, "", O_RDONLY)); R(fstatat(f, "", &s, AT_EMPTY_PATH)); R(fstatat(f, "", &s, 0)); R(fstatat(n, "", &s, AT_EMPTY_PATH));
  say("%o\n", s.st_mode); R(readlinkat(n, "", buf, 10)); R(readlinkat(f, "", buf, 10)); R(readlinkat(AT_FDCWD, "", buf, 10)); R(readlink("d/rel", buf, 0)); R(readlink("d/rel", buf, 2)); R(readlink("d/e", buf, 10)); R(readlink("d/rel/", buf, 10)); R(readlink("d/dir/", buf, 10));
  R(faccessat(AT_FDCWD, "dd", F_OK, 0)); R(syscall(SYS_faccessat2, AT_FDCWD, "self", F_OK, AT_SYMLINK_NOFOLLOW)); R(syscall(SYS_faccessat2, f, "", R_OK, AT_EMPTY_PATH)); R(syscall(SYS_faccessat2, f, "", R_OK, 0x8000)); R(access("out", 8)); R(access("out", X_OK)); R(access("d", X_OK)); R(access("out/", F_OK));
  R(fstatat(AT_FDCWD, "d/rel", &s, AT_SYMLINK_NOFOLLOW)); say("%o %d\n", s.st_mode, (int)s.st_size); R(fstatat(AT_FDCWD, "out", &s, 0x8000));
  R(linkat(f, "", AT_FDCWD, "fromfd", AT_EMPTY_PATH)); R(linkat(AT_FDCWD, "d/rel", AT_FDCWD, "linklink", 0)); lstat("linklink", &s); say("%o %d\n", s.st_mode, (int)s.st_nlink); R(linkat(AT_FDCWD, "d/rel", AT_FDCWD, "linkfile", AT_SYMLINK_FOLLOW)); lstat("linkfile", &s); say("%o %d\n", s.st_mode, (int)s.st_nlink);
  R(linkat(AT_FDCWD, "d", AT_FDCWD, "dirlink", 0)); R(link("out", "d")); R(link("out", "new/")); R(link("missing", "y")); R(link("out", "missing/y")); R(link("/proc/self/exe", "z"));
  R(symlink("a", "out")); R(symlink("a", "new/")); R(symlink("a", "d/")); R(symlink("a", "missing/b")); R(mkdir("d/", 0755)); R(mkdir("new/", 0755)); R(rmdir("new/")); R(mkdir("dangling/", 0755)); R(mkdir("out/x", 0755)); R(mkdir(".", 0755)); R(mkdir("..", 0755)); R(mkdir("/", 0755)); R(mkdir("", 0755));
  R(unlink("d")); R(unlink("d/")); R(unlink("out/")); R(unlink(".")); R(unlink("")); R(unlink("missing")); R(unlink("missing/")); R(unlink("d/rel/")); R(rmdir("out")); R(rmdir("d")); R(rmdir("d/dir")); R(rmdir("d/dir/")); R(rmdir(".")); R(rmdir("d/..")); R(rmdir("/")); R(unlinkat(AT_FDCWD, "d/e", AT_REMOVEDIR)); R(unlinkat(AT_FDCWD, "d/e", 1));
  R(mknod("d/p", S_IFIFO | 0644, 0)); R(mknod("d/s", S_IFSOCK | 0600, 0)); R(mknod("d/r", 0600, 0)); R(mknod("d/dir2", S_IFDIR | 0755, 0)); R(mknod("d/bad", S_IFLNK | 0600, 0)); R(mknod("d/c", S_IFCHR | 0600, makedev(1, 3))); R(mknod("d/p", S_IFIFO | 0644, 0));
  for (int i = 0; i < 4; i++) { const char *nm[] = { "d/p", "d/s", "d/r", "d/c" }; if (!lstat(nm[i], &s)) say("%s %o %d\n", nm[i], s.st_mode, (int)s.st_rdev); }
  R(open("d/s", O_RDONLY)); int c = R(open("d/c", O_RDWR)); R(write(c, "x", 1)); R(read(c, buf, 10)); R(lseek(c, 100, SEEK_SET)); close(c);
  /* where we are */
  R(chdir("d/dir")); say("%s\n", strrchr(getcwd(buf, sizeof buf), '/')); R(chdir("..")); say("%s\n", strrchr(getcwd(buf, sizeof buf), '/')); R(chdir("missing")); R(chdir("../out")); R(fchdir(f)); R(fchdir(999)); R(chdir(".."));
  R(syscall(SYS_getcwd, buf, 3)); R(syscall(SYS_getcwd, (void *)8, 500)); mkdir("gone", 0755); chdir("gone"); rmdir("../gone"); okay("getcwd", syscall(SYS_getcwd, buf, sizeof buf)); R(open("x", O_CREAT | O_WRONLY, 0644)); R(mkdir("x", 0755)); R(open(".", O_RDONLY) >= 0); R(access("..", F_OK)); R(stat(".", &s)); say("nlink %d\n", (int)s.st_nlink); R(chdir(".."));
  CHILD("chroot", {
    R(chroot("out")); R(chroot("missing")); R(chroot("d")); R(chdir("/")); R(access("/e/f", F_OK)); R(access("/../../e/f", F_OK)); R(access("/out", F_OK)); R(access("/up", F_OK)); symlink("/e/f", "/abs"); R(access("/abs", F_OK)); say("%s\n", getcwd(buf, sizeof buf));
    fchdir(f); R(fchdir(d)); R(access("../out", F_OK)); });
  leave_tmp();
  return 0;
}
