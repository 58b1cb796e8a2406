// Access control lists that say what the mode says (copying programs write them), and what is no list.
#include "test.h"
#include <sys/xattr.h>
#include <stdint.h>
struct entry { uint16_t tag, perm; uint32_t id; };
struct list { uint32_t version; struct entry e[6]; };
#define ANY 0xffffffffu
static void mode(const char *name) { struct stat s; if (stat(name, &s)) say("%s: %s\n", name, ename(errno)); else say("%s: %o\n", name, s.st_mode); }
#define SET(name, which, count, ...) do { struct list l_ = {2, {__VA_ARGS__}}; R(setxattr(name, "system.posix_acl_" which, &l_, 4 + 8 * (count), 0)); mode(name); } while (0)
#define PLAIN(u, g, o) {1, u, ANY}, {4, g, ANY}, {0x20, o, ANY}
static void run(const char *f, const char *d) {
  char b[100];
  SET(f, "access", 3, PLAIN(6, 4, 0)); SET(f, "access", 3, PLAIN(7, 5, 1)); SET(d, "access", 3, PLAIN(7, 5, 5));
  R(getxattr(f, "system.posix_acl_access", b, 100)); R(getxattr(f, "system.posix_acl_default", b, 100)); R(getxattr(d, "system.posix_acl_default", b, 100)); R(listxattr(f, b, 100));
  SET(f, "access", 0); SET(f, "default", 3, PLAIN(6, 4, 0)); SET(f, "default", 0); SET(d, "default", 0);
  SET(f, "access", 2, {1, 6, ANY}, {4, 4, ANY}); SET(f, "access", 3, {4, 6, ANY}, {1, 4, ANY}, {0x20, 4, ANY}); SET(f, "access", 4, {1, 6, ANY}, {1, 6, ANY}, {4, 4, ANY}, {0x20, 4, ANY}); SET(f, "access", 3, PLAIN(8, 4, 0)); SET(f, "access", 4, {1, 6, ANY}, {2, 6, 5}, {4, 4, ANY}, {0x20, 4, ANY}); SET(f, "access", 3, {1, 6, ANY}, {3, 4, ANY}, {0x20, 4, ANY});
  struct list l = {2, {PLAIN(6, 6, 6)}};
  for (int n = 0; n < 14; n++) R(setxattr(f, "system.posix_acl_access", &l, n, 0));
  l.version = 1;
  R(setxattr(f, "system.posix_acl_access", &l, 28, 0));
  l.version = 2;
  R(setxattr(f, "system.posix_acl_access", &l, 28, XATTR_CREATE)); R(setxattr(f, "system.posix_acl_access", &l, 28, XATTR_REPLACE)); mode(f);
  R(removexattr(f, "system.posix_acl_access")); R(removexattr(f, "system.posix_acl_default")); R(removexattr(d, "system.posix_acl_default")); mode(f);
  R(setxattr(f, "system.other", &l, 28, 0)); R(getxattr(f, "system.other", &l, 28));
}
int main(void) {
  enter_tmp(); chmod(".", 0777); umask(0);
  put_file("f", "x"); mkdir("d", 0755); chmod("f", 06644); symlink("f", "l");
  run("f", "d");
  R(lsetxattr("l", "system.posix_acl_access", "", 0, 0)); R(lgetxattr("l", "system.posix_acl_access", NULL, 0)); R(lremovexattr("l", "system.posix_acl_access"));
  CHILD("user", { setresgid(1000, 1000, 1000); setresuid(1000, 1000, 1000); run("f", "d"); put_file("mine", "x"); mkdir("mydir", 0700); chmod("mine", 02600); run("mine", "mydir"); });
  leave_tmp();
  return 0;
}
