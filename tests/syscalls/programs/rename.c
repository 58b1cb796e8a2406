#include "test.h"
/* rename in all its cases. */
static void put(const char *n) { put_file(n, n); }
int main(void) {
  enter_tmp();
  struct stat s, s2;
  put("a"); put("b");
  R(rename("a", "c")); R(access("a", F_OK)); cat_file("c");
  R(rename("b", "c")); cat_file("c"); R(access("b", F_OK));
  R(rename("missing", "x")); R(rename("c", "no/x")); R(rename("", "x")); R(rename("c", ""));
  mkdir("d", 0755); mkdir("e", 0755); put("d/f");
  R(rename("c", "d")); R(rename("d", "c")); R(rename("d", "e")); R(access("e/f", F_OK));
  mkdir("d", 0755);
  R(rename("d", "e")); R(rename("e", "e/x")); R(rename("e", "e/../e/y")); R(rename("e", "e"));
  R(rename(".", "z")); R(rename("e", ".")); R(rename("e/..", "z")); R(rename("e", "d/.")); R(rename("e/", "g/")); R(rename("c/", "h")); R(rename("c", "h/"));
  R(rename("c", "c"));
  link("c", "c2"); R(rename("c", "c2")); R(access("c", F_OK)); R(access("c2", F_OK));
  symlink("c", "sl"); R(rename("sl", "sl2")); lstat("sl2", &s); say("%o\n", s.st_mode & S_IFMT);
  R(rename("sl2", "c2")); lstat("c2", &s); say("%o\n", s.st_mode & S_IFMT);
  put("p"); put("q");
  R(syscall(SYS_renameat2, AT_FDCWD, "p", AT_FDCWD, "q", 1)); R(syscall(SYS_renameat2, AT_FDCWD, "p", AT_FDCWD, "r", 1)); put("p");
  R(syscall(SYS_renameat2, AT_FDCWD, "p", AT_FDCWD, "q", 2)); cat_file("p"); cat_file("q");
  R(syscall(SYS_renameat2, AT_FDCWD, "p", AT_FDCWD, "missing", 2)); R(syscall(SYS_renameat2, AT_FDCWD, "p", AT_FDCWD, "q", 3)); R(syscall(SYS_renameat2, AT_FDCWD, "p", AT_FDCWD, "q", 8));
  R(syscall(SYS_renameat2, AT_FDCWD, "p", AT_FDCWD, "g", 2)); cat_file("g"); stat("p", &s); say("%o\n", s.st_mode & S_IFMT);
  int d = open("p", O_RDONLY), fd = open("g", O_RDONLY);
  R(renameat(AT_FDCWD, "g", d, "moved")); fstat(fd, &s); stat("p/moved", &s2); say("same %d\n", s.st_ino == s2.st_ino);
  R(renameat(d, "moved", AT_FDCWD, "back")); R(renameat(fd, "x", d, "y")); R(renameat(99, "x", d, "y"));
  /* open file survives being replaced and removed */
  put("old"); fd = open("old", O_RDWR); put("new"); R(rename("new", "old")); char buf[20] = ""; R(read(fd, buf, 10)); say("[%s]\n", buf); fstat(fd, &s); say("nlink %d\n", (int)s.st_nlink);
  cat_file("old");
  R(unlink("old")); R(write(fd, "more", 4)); fstat(fd, &s); say("size %d nlink %d\n", (int)s.st_size, (int)s.st_nlink);
  mkdir("m", 0755); mkdir("m/n", 0755); mkdir("m/n/o", 0755); stat("m/n", &s); say("nlink %d\n", (int)s.st_nlink);
  R(rename("m/n/o", "m/o")); stat("m/n", &s); say("nlink %d\n", (int)s.st_nlink); stat("m", &s); say("nlink %d\n", (int)s.st_nlink);
  chdir("m/o"); R(rename("../../m", "../../mm")); getcwd(buf, 1); char cwd[200]; getcwd(cwd, 200); say("%s\n", cwd + strlen(tmp_dir));
  chdir(tmp_dir);
  leave_tmp();
  return 0;
}
