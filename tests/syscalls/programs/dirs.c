#include "test.h"
#include <dirent.h>
/* mkdir, rmdir, getdents, chdir, getcwd, links, symlinks, unlink, path limits. */
static int cmp(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }
static void ls(const char *name) {
  DIR *d = opendir(name);
  if (!d) { say("opendir %s: %s\n", name, ename(errno)); return; }
  char *names[100];
  int n = 0;
  for (struct dirent *e; (e = readdir(d)) && n < 100;) {
    char *s = malloc(300);
    snprintf(s, 300, "%s:%d", e->d_name, e->d_type);
    names[n++] = s;
  }
  closedir(d);
  qsort(names, n, sizeof *names, cmp);
  say("%s:", name);
  for (int i = 0; i < n; i++) say(" %s", names[i]);
  say("\n");
}
int main(void) {
  enter_tmp();
  char buf[5000];
  R(mkdir("d", 0777));
  R(mkdir("d", 0777));
  R(mkdir("d/e/f", 0777));
  R(mkdir("d/", 0777));
  R(mkdir("new/", 0700));
  R(mkdir("", 0777));
  R(mkdir("/", 0777));
  R(mkdir(".", 0777));
  R(mkdir("d/..", 0777));
  put_file("d/file", "x");
  R(rmdir("d"));
  R(rmdir("d/file"));
  R(rmdir("missing"));
  R(rmdir("."));
  R(rmdir("d/."));
  R(rmdir("d/.."));
  R(rmdir("/"));
  R(unlink("d"));
  R(unlink("missing"));
  R(unlink("d/file/"));
  R(symlink("d", "s"));
  R(symlink("d", "s"));
  R(symlink("", "e"));
  R(symlink("nowhere", "dangling"));
  R(symlink("loop2", "loop1"));
  R(symlink("loop1", "loop2"));
  memset(buf, 0, sizeof buf);
  R(readlink("s", buf, sizeof buf)); say("[%s]\n", buf);
  R(readlink("s", buf, 0));
  R(readlink("d", buf, 10));
  R(readlink("dangling", buf, 3)); 
  R(open("dangling", O_RDONLY));
  R(open("loop1", O_RDONLY));
  R(open("s", O_RDONLY | O_NOFOLLOW));
  R(open("s", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
  R(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600));
  int fd = R(open("dangling", O_CREAT | O_RDWR, 0600)); close(fd);
  R(access("nowhere", F_OK));
  R(rmdir("s"));
  R(rmdir("s/"));
  R(unlink("s/file")); put_file("d/file", "y");
  R(link("d/file", "hard"));
  R(link("d/file", "hard"));
  R(link("d", "hd"));
  R(link("missing", "h2"));
  R(link("s", "ls"));
  struct stat a, b;
  lstat("ls", &a); say("link to symlink: %o nlink %d\n", a.st_mode, (int)a.st_nlink);
  R(linkat(AT_FDCWD, "s", AT_FDCWD, "h3", AT_SYMLINK_FOLLOW));
  R(linkat(AT_FDCWD, "dangling", AT_FDCWD, "h4", AT_SYMLINK_FOLLOW));
  stat("d/file", &a); stat("hard", &b);
  say("same %d nlink %d\n", a.st_ino == b.st_ino, (int)a.st_nlink);
  stat(".", &a); stat("d/..", &b); say("parent %d\n", a.st_ino == b.st_ino);
  stat("d", &a); say("dir nlink %d\n", (int)a.st_nlink);
  mkdir("d/sub", 0755); stat("d", &a); say("dir nlink %d\n", (int)a.st_nlink);
  ls("."); ls("d"); ls("d/sub"); ls("missing"); ls("hard");
  R(chdir("d/sub"));
  R(access("../file", R_OK));
  getcwd(buf, sizeof buf); say("cwd ends %s\n", strstr(buf, "/d/sub"));
  errno = 0; say("small %d %s\n", getcwd(buf, 4) != NULL, ename(errno));
  R(syscall(SYS_getcwd, buf, 3L));
  R(rmdir("../sub"));
  R(open("x", O_CREAT | O_RDWR, 0600));
  R(mkdir("y", 0700));
  ls(".");
  R(syscall(SYS_getcwd, buf, 4096L));
  R(chdir("..") );
  R(chdir("/nonexistent"));
  R(chdir("file"));
  R(chdir(tmp_dir));
  int d = R(open("d", O_RDONLY | O_DIRECTORY));
  R(fchdir(d)); R(access("file", F_OK)); chdir(tmp_dir);
  R(fchdir(-1));
  R(openat(d, "file", O_RDONLY));
  R(openat(d, "/missing", O_RDONLY));
  R(openat(99, "file", O_RDONLY));
  fd = open("hard", O_RDONLY);
  R(openat(fd, "x", O_RDONLY));
  R(fchdir(fd));
  R(mkdirat(d, "at", 0700)); R(unlinkat(d, "at", 0)); R(unlinkat(d, "at", AT_REMOVEDIR)); R(unlinkat(d, "at", 12345));
  R(symlinkat("t", d, "sl")); R(readlinkat(d, "sl", buf, 10)); R(fstatat(d, "sl", &a, AT_SYMLINK_NOFOLLOW)); say("%o\n", a.st_mode);
  R(fstatat(d, "", &a, 0)); R(fstatat(d, "", &a, AT_EMPTY_PATH)); R(fstatat(d, "file", &a, 0x4000000));
  memset(buf, 'n', sizeof buf); buf[256] = 0;
  R(open(buf, O_CREAT | O_RDWR, 0600)); buf[255] = 0;
  fd = R(open(buf, O_CREAT | O_RDWR, 0600)); close(fd); R(unlink(buf));
  memset(buf, '/', sizeof buf); buf[4095] = 0; R(open(buf, O_RDONLY) > 0); buf[4095] = '/'; buf[4999] = 0; R(open(buf, O_RDONLY));
  for (int i = 0; i < 45; i++) { char f[20], t[20]; sprintf(f, "c%d", i); sprintf(t, "c%d", i - 1); symlink(i ? t : "hard", f); }
  R(access("c39", F_OK)); R(access("c40", F_OK));
  R(access("c10/", F_OK)); R(access("s/", F_OK)); R(access("s/./../s/file", F_OK)); R(access("hard/.", F_OK)); R(access("hard/..", F_OK));
  /* raw getdents: records are aligned and end at . count */
  lseek(d, 0, SEEK_SET);
  long n = syscall(SYS_getdents64, d, buf, sizeof buf);
  int records = 0, aligned = 1;
  for (long at = 0; at < n;) { unsigned short len = *(unsigned short *)(buf + at + 16); if (len % 8) aligned = 0; at += len; records++; }
  say("records %d aligned %d\n", records, aligned);
  R(syscall(SYS_getdents64, d, buf, sizeof buf));
  lseek(d, 0, SEEK_SET);
  R(syscall(SYS_getdents64, d, buf, 10));
  R(syscall(SYS_getdents64, fd, buf, 10));
  R(syscall(SYS_getdents64, open("hard", O_RDONLY), buf, 100));
  leave_tmp();
  return 0;
}
