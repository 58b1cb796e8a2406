/* Mounting in steps: open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr. */
#include "test.h"
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>

#define open_tree(d, p, f) syscall(428, d, p, f)
#define move_mount(d, p, e, q, f) syscall(429, d, p, e, q, f)
#define fsopen(n, f) syscall(430, n, f)
#define fsconfig(f, c, k, v, a) syscall(431, f, c, k, v, a)
#define fsmount(f, g, a) syscall(432, f, g, a)
#define fspick(d, p, f) syscall(433, d, p, f)
#define setattr(d, p, f, a, s) syscall(442, d, p, f, a, s)
enum { SET_FLAG, SET_STRING, SET_BINARY, SET_PATH, SET_PATH_EMPTY, SET_FD, CREATE, RECONFIGURE, CREATE_EXCL };
#define CLONE 1
#define RECURSIVE 0x8000
#define F_EMPTY 4
#define T_EMPTY 0x40
#define PART(name) do { say("-- %s\n", #name); fflush(stdout); pid_t p_ = fork(); if (p_ == 0) { name(); _exit(0); } \
  int s_; waitpid(p_, &s_, 0); if (s_) say("%s ended %x\n", #name, s_); } while (0)
struct attr { uint64_t set, clr, propagation, userns; };

static char here[128];
static void tree(const char *what) {
  char line[2048];
  FILE *f = fopen("/proc/self/mountinfo", "r");
  say("%s:\n", what);
  while (fgets(line, sizeof line, f)) {
    char *words[64];
    int k = 0, dash;
    for (char *w = strtok(line, " \n"); w && k < 63; w = strtok(NULL, " \n")) words[k++] = w;
    if (strncmp(words[4], here, strlen(here)) || !words[4][strlen(here)]) continue;
    for (dash = 6; strcmp(words[dash], "-"); dash++);
    say("  %s root %s %s type %s source %s%s\n", words[4] + strlen(here), words[3], words[5], words[dash + 1], words[dash + 2], dash > 6 ? " heard" : "");
  }
  fclose(f);
}
static void start(void) {
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("tmpfs", ".", "tmpfs", 0, NULL) || chdir(here)) say("start: %s\n", ename(errno));
  mkdir("a", 0755), mkdir("b", 0755), mkdir("c", 0755);
}

static void described(void) {
  start();
  R(fsopen("nothing", 0));
  R(fsopen("tmpfs", 2));
  R(fsopen(NULL, 0));
  int fs = fsopen("tmpfs", 1);
  R(fcntl(fs, F_GETFD));
  char b[8];
  R(read(fs, b, 8));
  R(write(fs, b, 8));
  R(fsmount(fs, 0, 0));
  R(fsconfig(-1, SET_FLAG, "ro", NULL, 0));
  R(fsconfig(99, SET_FLAG, "ro", NULL, 0));
  R(fsconfig(0, SET_FLAG, "ro", NULL, 0));
  R(fsconfig(fs, 9, NULL, NULL, 0));
  R(fsconfig(fs, SET_FLAG, NULL, NULL, 0));
  R(fsconfig(fs, SET_FLAG, "ro", "x", 0));
  R(fsconfig(fs, SET_STRING, "size", NULL, 0));
  R(fsconfig(fs, SET_STRING, "size", "1m", 1));
  R(fsconfig(fs, SET_STRING, "size", "many", 0));
  R(fsconfig(fs, SET_FLAG, "size", NULL, 0));
  R(fsconfig(fs, SET_STRING, "colour", "red", 0));
  R(fsconfig(fs, SET_FLAG, "colour", NULL, 0));
  R(fsconfig(fs, SET_STRING, "size", "1m", 0));
  R(fsconfig(fs, SET_STRING, "mode", "750", 0));
  R(fsconfig(fs, SET_STRING, "source", "thing", 0));
  R(fsconfig(fs, SET_STRING, "source", "other", 0));
  R(fsconfig(fs, SET_FD, "x", NULL, -1));
  R(fsconfig(fs, CREATE, "x", NULL, 0));
  R(fsconfig(fs, RECONFIGURE, NULL, NULL, 0));
  R(fsconfig(fs, CREATE, NULL, NULL, 0));
  R(fsconfig(fs, CREATE, NULL, NULL, 0));
  R(fsconfig(fs, SET_STRING, "size", "2m", 0));
  R(fsmount(fs, 2, 0));
  R(fsmount(fs, 0, 0x30));
  R(fsmount(fs, 0, 0x100));
  R(fsmount(99, 0, 0));
  R(fsmount(0, 0, 0));
  int m = fsmount(fs, 1, 2 | 8 | 0x10);
  R(fcntl(m, F_GETFD));
  R(fsmount(fs, 0, 0) < 0);
  R(fcntl(m, F_GETFL) & O_PATH);
  struct stat st;
  R(fstat(m, &st));
  say("mode %o\n", st.st_mode);
  tree("nowhere yet");
  int writer = openat(m, "file", O_CREAT | O_WRONLY, 0644);
  R(writer >= 0);
  R(move_mount(m, "", AT_FDCWD, "nothing", F_EMPTY));
  R(move_mount(m, "", AT_FDCWD, "a", 0));
  R(move_mount(m, "", AT_FDCWD, "a", 0x400));
  R(move_mount(m, "", AT_FDCWD, "a", F_EMPTY));
  tree("there");
  R(access("a/file", F_OK));
  R(move_mount(m, "", AT_FDCWD, "b", F_EMPTY));
  tree("elsewhere");
  R(close(m));
  tree("stays");
  R(fsconfig(fs, SET_FLAG, "ro", NULL, 0));
  R(fsconfig(fs, RECONFIGURE, NULL, NULL, 0));
  struct attr a = { .set = 1 };
  R(setattr(AT_FDCWD, "b", 0, &a, sizeof a));
  R(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  R(close(open("b/more", O_CREAT | O_WRONLY, 0644)));
  R(close(writer));
  R(fsconfig(fs, RECONFIGURE, NULL, NULL, 0));
  R(close(open("b/more", O_CREAT | O_WRONLY, 0644)));
  R(close(fs));
  fs = fspick(AT_FDCWD, "b", 0);
  R(fs >= 0);
  R(fspick(AT_FDCWD, "a", 0));
  R(fspick(AT_FDCWD, "b", 0x10));
  R(fspick(AT_FDCWD, "nothing", 0));
  R(fsconfig(fs, CREATE, NULL, NULL, 0));
  R(fsconfig(fs, SET_FLAG, "rw", NULL, 0));
  R(fsconfig(fs, RECONFIGURE, NULL, NULL, 0));
  R(close(open("b/more", O_CREAT | O_WRONLY, 0644)));
  /* Nothing keeps what nobody put anywhere. */
  fs = fsopen("tmpfs", 0);
  R(fsconfig(fs, CREATE, NULL, NULL, 0));
  R(fsmount(fs, 0, 0) >= 0);
  fs = fsopen("proc", 0);
  R(fsconfig(fs, CREATE, NULL, NULL, 0));
  m = fsmount(fs, 0, 0);
  R(move_mount(m, "", AT_FDCWD, "c", F_EMPTY));
  R(access("c/self", F_OK));
}

static void trees(void) {
  start();
  R(mount("tmpfs", "a", "tmpfs", 0, NULL));
  mkdir("a/x", 0755), mkdir("a/y", 0755);
  R(mount("tmpfs", "a/x", "tmpfs", 0, NULL));
  close(open("a/x/inside", O_CREAT | O_WRONLY, 0644));
  R(open_tree(AT_FDCWD, "a", RECURSIVE));
  R(open_tree(AT_FDCWD, "a", 4));
  R(open_tree(AT_FDCWD, "nothing", CLONE));
  R(open_tree(AT_FDCWD, "", CLONE));
  int plain = open_tree(AT_FDCWD, "a", 0);
  R(fcntl(plain, F_GETFL) & O_PATH);
  R(fcntl(plain, F_GETFD));
  int one = open_tree(AT_FDCWD, "a", CLONE | O_CLOEXEC);
  R(fcntl(one, F_GETFD));
  R(faccessat(one, "x/inside", F_OK, 0));
  int all = open_tree(plain, "", CLONE | RECURSIVE | AT_EMPTY_PATH);
  R(faccessat(all, "x/inside", F_OK, 0));
  int part = open_tree(AT_FDCWD, "a/y", CLONE);
  R(move_mount(one, "", AT_FDCWD, "b", F_EMPTY));
  R(move_mount(all, "x", AT_FDCWD, "c", 0) < 0);
  R(move_mount(all, "", AT_FDCWD, "c", F_EMPTY));
  tree("copies");
  R(move_mount(part, "", AT_FDCWD, "a/x/inside", F_EMPTY));
  R(move_mount(part, "", AT_FDCWD, "b/x", F_EMPTY));
  tree("part");
  R(move_mount(AT_FDCWD, "c", AT_FDCWD, "c/y", 0));
  R(move_mount(AT_FDCWD, "c/y", AT_FDCWD, "b/y", 0));
  R(move_mount(AT_FDCWD, "c/x", AT_FDCWD, "b/y", 0));
  tree("moved as mount does");
  int file = open_tree(AT_FDCWD, "a/x/inside", CLONE);
  close(open("b/target", O_CREAT | O_WRONLY, 0644));
  R(move_mount(file, "", AT_FDCWD, "b", F_EMPTY));
  R(move_mount(file, "", AT_FDCWD, "b/target", F_EMPTY));
  tree("a file");
  R(umount("b/target"));
  R(mount(NULL, "a", NULL, MS_UNBINDABLE, NULL));
  R(open_tree(AT_FDCWD, "a", CLONE));
  /* A tree that nobody put anywhere can be gone from below open files. */
  int gone = open_tree(AT_FDCWD, "c", CLONE | RECURSIVE);
  int below = openat(gone, ".", O_RDONLY | O_DIRECTORY);
  R(close(gone));
  R(faccessat(below, "y", F_OK, 0));
  R(umount("c"));
}

static void attributes(void) {
  start();
  R(mount("tmpfs", "a", "tmpfs", MS_NOSUID, NULL));
  mkdir("a/x", 0755);
  R(mount("tmpfs", "a/x", "tmpfs", 0, NULL));
  struct attr a = { 0 };
  R(setattr(AT_FDCWD, "a", 0, &a, 31));
  R(setattr(AT_FDCWD, "a", 0, &a, 5000));
  R(setattr(AT_FDCWD, "a", 1, &a, sizeof a));
  R(setattr(AT_FDCWD, "nothing", 0, &a, sizeof a));
  R(setattr(AT_FDCWD, "a", 0, NULL, sizeof a));
  a.set = 1;
  R(setattr(AT_FDCWD, "nothing", 0, &a, sizeof a));
  R(setattr(AT_FDCWD, "b", 0, &a, sizeof a));
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  tree("read only");
  R(setattr(AT_FDCWD, "a", RECURSIVE, &a, sizeof a));
  R(close(open("a/x/f", O_CREAT | O_WRONLY, 0644)));
  a = (struct attr){ .set = 4 | 8 | 0x200000, .clr = 1 | 2 };
  R(setattr(AT_FDCWD, "a", RECURSIVE, &a, sizeof a));
  tree("others");
  a = (struct attr){ .set = 0x10 };
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  a.clr = 0x10;
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  a.clr = 0x70;
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  tree("noatime");
  a.set = 0x30;
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  a = (struct attr){ .clr = 0x70 };
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  tree("relatime");
  a = (struct attr){ .set = 0x40000000 };
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  a = (struct attr){ .set = 1ULL << 40 };
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  a = (struct attr){ .propagation = MS_SHARED | MS_SLAVE };
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  a = (struct attr){ .propagation = MS_RDONLY };
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  a = (struct attr){ .propagation = MS_SHARED };
  R(setattr(AT_FDCWD, "a", 0, &a, sizeof a));
  tree("shared");
  struct { struct attr a; uint64_t more; } longer = { { .set = 1 }, 0 };
  int t = open_tree(AT_FDCWD, "a", CLONE);
  R(setattr(t, "", AT_EMPTY_PATH, &longer, sizeof longer));
  longer.more = 1;
  R(setattr(t, "", AT_EMPTY_PATH, &longer, sizeof longer));
  R(move_mount(t, "", AT_FDCWD, "c", F_EMPTY));
  tree("of a tree");
}

static void without_right(void) {
  struct attr a = { .set = 1 };
  if (setresgid(2345, 2345, 2345) || setresuid(2345, 2345, 2345)) say("set?\n");
  R(fsopen("tmpfs", 0));
  R(fsmount(0, 0, 0));
  R(fspick(AT_FDCWD, "/", 0));
  R(open_tree(AT_FDCWD, "/", CLONE));
  R(open_tree(AT_FDCWD, "/", 0) >= 0);
  R(move_mount(AT_FDCWD, "/", AT_FDCWD, "/", 0));
  R(setattr(AT_FDCWD, "/", 0, &a, sizeof a));
  R(unshare(CLONE_NEWUSER | CLONE_NEWNS));
  int fs = fsopen("tmpfs", 0);
  R(fsconfig(fs, CREATE, NULL, NULL, 0));
  int m = fsmount(fs, 0, 0);
  R(move_mount(m, "", AT_FDCWD, "/tmp", F_EMPTY));
  fs = fsopen("proc", 0);
  R(fsconfig(fs, CREATE, NULL, NULL, 0));
}

int main(void) {
  enter_tmp();
  if (getcwd(here, sizeof here) == NULL) return 1;
  PART(described);
  PART(trees);
  PART(attributes);
  PART(without_right);
  leave_tmp();
  return 0;
}
