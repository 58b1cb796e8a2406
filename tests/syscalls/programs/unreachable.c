#include "test.h"
/* Names of places outside of the root: as getcwd and as links in /proc tell them. */
static int proc, own;
static void link_of(const char *what, const char *name) { char b[300]; ssize_t n = readlinkat(own, name, b, sizeof b - 1); if (n < 0) say("%s: %s\n", what, ename(errno)); else { b[n] = 0; say("%s: %s\n", what, b); } }
static void cwd(const char *what) { char b[300]; long n = syscall(SYS_getcwd, b, sizeof b); if (n < 0) say("%s: %s\n", what, ename(errno)); else say("%s: %s %ld\n", what, b, n); }
static void shown(int fd) {
  char name[20]; cwd("cwd"); link_of("proc's cwd", "cwd"); link_of("root", "root"); snprintf(name, sizeof name, "fd/%d", fd); link_of("descriptor", name);
  int maps = openat(own, "maps", O_RDONLY), lines = 0; static char all[200000]; ssize_t n, at = 0; while ((n = read(maps, all + at, sizeof all - 1 - at)) > 0) at += n; all[at] = 0; for (char *s = all; (s = strstr(s, "/etc/passwd")); s++) say("map %s\n", s[-1] == ' ' ? "plain" : "with something before"), lines++; say("%d\n", lines); close(maps);
  char *found = 0; int mounts = openat(own, "mounts", O_RDONLY); at = 0; while ((n = read(mounts, all + at, sizeof all - 1 - at)) > 0) at += n; all[at] = 0; found = strstr(all, "unreachable"); say("mounts %s\n", found ? "odd" : "fine"); close(mounts);
}
int main(void) {
  enter_tmp(); mkdir("jail", 0755); mkdir("jail/in", 0755); put_file("jail/in/f", ""); own = open("/proc/self", O_RDONLY | O_DIRECTORY); proc = open("/proc", O_RDONLY | O_DIRECTORY); int fd = open("/etc/passwd", O_RDONLY); mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0); int jail = open("jail", O_RDONLY | O_DIRECTORY);
  CHILD("chroot", { own = openat(proc, "self", O_RDONLY | O_DIRECTORY); chdir("/etc"); R(fchdir(jail)); R(chroot(".")); fchdir(jail); cwd("inside"); R(chdir("in")); shown(fd); link_of("dead", "fd/1000"); int etc = openat(proc, "self/root", O_PATH); R(etc >= 0); fchdir(proc); cwd("in proc"); link_of("proc's cwd", "cwd"); fchdir(fd); });
  CHILD("etc", { own = openat(proc, "self", O_RDONLY | O_DIRECTORY); char here[100]; getcwd(here, 100); chdir("/etc"); R(chroot(strcat(here, "/jail"))); shown(fd); R(chdir("..")); cwd("above"); R(chdir("/in")); cwd("within"); });
  leave_tmp(); return 0;
}
