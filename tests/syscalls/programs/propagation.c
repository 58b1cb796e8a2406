/* Shared, slave, private and unbindable mounts: what is heard of where (mount_namespaces(7)). */
#include "test.h"
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>

#define PART(name) do { say("-- %s\n", #name); fflush(stdout); pid_t p_ = fork(); if (p_ == 0) { name(); _exit(0); } \
  int s_; waitpid(p_, &s_, 0); if (s_) say("%s ended %x\n", #name, s_); } while (0)

/* Groups by the order in which one look finds them: their numbers are the machine's. */
static int known[64], count;
static int group(int id) {
  for (int i = 0; i < count; i++) if (known[i] == id) return i + 1;
  known[count++] = id;
  return count;
}
static char here[128];
/* The mounts at and below the working directory, with their optional fields, by place. */
static void tree(const char *what) {
  static char lines[64][256];
  char line[2048];
  int n = 0;
  FILE *f = fopen("/proc/self/mountinfo", "r");
  say("%s:\n", what);
  while (fgets(line, sizeof line, f) && n < 64) {
    char *words[64], *out = lines[n];
    int k = 0;
    for (char *w = strtok(line, " \n"); w && k < 63; w = strtok(NULL, " \n")) words[k++] = w;
    if (strncmp(words[4], here, strlen(here))) continue;
    out += sprintf(out, "%s root %s", words[4] + strlen(here), strncmp(words[3], "/tmp", 4) ? words[3] : "host");
    for (int i = 6; i < k && strcmp(words[i], "-"); i++) out += sprintf(out, " %s", words[i]);
    for (int i = n++; i > 0 && strncmp(lines[i], lines[i - 1], strcspn(lines[i], " ")) < 0; i--) {
      char swap[256];
      memcpy(swap, lines[i], 256), memcpy(lines[i], lines[i - 1], 256), memcpy(lines[i - 1], swap, 256);
    }
  }
  fclose(f);
  count = 0;
  for (int i = 0; i < n; i++) {
    say(" ");
    for (char *w = strtok(lines[i], " "); w; w = strtok(NULL, " ")) {
      char *colon = strchr(w, ':');
      if (colon) say(" %.*s%d", (int)(colon - w + 1), w, group(atoi(colon + 1)));
      else say(" %s", w);
    }
    say("\n");
  }
}
static int make(const char *path, unsigned long type) { return mount(NULL, path, NULL, type, NULL); }
static int tmp(const char *path) { return mount("tmpfs", path, "tmpfs", 0, NULL); }
static int bind(const char *from, const char *to, unsigned long flags) { return mount(from, to, NULL, MS_BIND | flags, NULL); }

/* A tmpfs of its own in a namespace of its own, private at first. */
static void start(void) {
  if (unshare(CLONE_NEWNS) || make("/", MS_REC | MS_PRIVATE) || tmp(".") || chdir(here)) say("start: %s\n", ename(errno));
  mkdir("a", 0755), mkdir("b", 0755), mkdir("c", 0755), mkdir("d", 0755);
}

static void types(void) {
  start();
  R(tmp("a"));
  tree("one");
  R(make("a", MS_SHARED));
  tree("shared");
  R(make("a", MS_SHARED));
  R(make("a", MS_SLAVE));
  tree("alone, no slave of anybody");
  R(make("a", MS_UNBINDABLE));
  tree("unbindable");
  R(bind("a", "b", 0));
  R(make("a", MS_SHARED | MS_PRIVATE));
  R(make("a", MS_SHARED | MS_NOSUID));
  R(make("a", MS_SHARED | MS_REC));
  R(make("b", MS_SHARED));
  R(make("nothing", MS_SHARED));
  tree("shared again");
  R(bind("a", "b", 0));
  tree("two peers");
  R(make("b", MS_SLAVE));
  tree("a slave");
  R(make("b", MS_SHARED));
  tree("a shared slave");
  R(bind("b", "c", 0));
  tree("and its peer");
  R(make("a", MS_PRIVATE));
  tree("the master is gone");
  R(make("c", MS_SLAVE));
  R(make("c", MS_PRIVATE));
  tree("private");
}

static void heard(void) {
  start();
  R(tmp("a"));
  R(make("a", MS_SHARED));
  R(bind("a", "b", 0));
  R(bind("a", "c", 0));
  R(make("c", MS_SLAVE));
  R(bind("a", "d", 0));
  R(make("d", MS_PRIVATE));
  mkdir("a/x", 0755), mkdir("a/y", 0755);
  R(tmp("a/x"));
  tree("at a: heard at b and c");
  R(tmp("b/x"));
  tree("on top, at b");
  R(umount("a/x"));
  tree("off again");
  R(tmp("c/y"));
  tree("at the slave only");
  R(tmp("a/y"));
  tree("beneath it");
  R(umount("a/y"));
  tree("away");
  R(umount("c/y"));
  R(tmp("d/y"));
  tree("at the private one");
  R(umount("b/x"));
  R(umount("b/x"));
  R(umount("d/y"));
  int fd = open("b/x/busy", O_CREAT | O_RDWR, 0600);
  close(fd);
  R(tmp("a/x"));
  fd = open("b/x/busy", O_CREAT | O_RDWR, 0600);
  R(umount("a/x"));
  close(fd);
  fd = open("c/x/busy", O_CREAT | O_RDWR, 0600);
  R(umount2("a/x", MNT_DETACH));
  tree("lazily");
  close(fd);
  /* Only what shows the place hears. */
  mkdir("a/x/z", 0755);
  R(umount("d"));
  R(bind("a/x", "d", 0));
  R(tmp("a/y"));
  R(tmp("a/x/z"));
  tree("part of it");
  R(umount("d/z"));
  R(umount("a"));
  tree("without a");
}

static void trees(void) {
  start();
  R(tmp("a"));
  mkdir("a/x", 0755), mkdir("a/y", 0755);
  R(tmp("a/x"));
  mkdir("a/x/deep", 0755);
  R(tmp("a/x/deep"));
  R(tmp("a/y"));
  R(make("a/y", MS_UNBINDABLE));
  R(bind("a", "b", 0));
  tree("bind");
  R(bind("a", "c", MS_REC));
  tree("rbind");
  R(tmp("d"));
  R(make("d", MS_SHARED));
  mkdir("d/e", 0755), mkdir("d/f", 0755);
  R(bind("d", "b", 0));
  R(bind("a", "d/e", MS_REC));
  tree("a tree into a shared one");
  R(mount("a", "d/f", NULL, MS_MOVE, NULL));
  R(make("a/y", MS_PRIVATE));
  R(mount("a", "d/f", NULL, MS_MOVE, NULL));
  tree("moved");
  R(mount("d/f", "a", NULL, MS_MOVE, NULL));
  R(make("d", MS_REC | MS_SLAVE));
  tree("slaves");
  R(umount("d/f"));
  R(umount2("d", MNT_DETACH));
  R(umount2("b", MNT_DETACH));
  tree("end");
}

/* Chains: a shared slave has slaves. */
static void chains(void) {
  start();
  R(tmp("a"));
  mkdir("a/m", 0755);
  R(make("a", MS_SHARED));
  R(bind("a", "b", 0));
  R(make("b", MS_SLAVE));
  R(make("b", MS_SHARED));
  R(bind("b", "c", 0));
  R(bind("b", "d", 0));
  R(make("d", MS_SLAVE));
  tree("chain");
  R(tmp("a/m"));
  tree("through it");
  R(umount("c/m"));
  tree("from the middle");
  R(umount("a/m"));
  tree("from the top");
  R(make("b", MS_PRIVATE));
  R(make("c", MS_PRIVATE));
  tree("the middle is gone");
  R(tmp("a/m"));
  tree("straight to the end");
}

static void namespaces(void) {
  int p[2], q[2];
  char c;
  start();
  R(pipe(p));
  R(pipe(q));
  R(tmp("a"));
  R(tmp("b"));
  R(tmp("c"));
  mkdir("a/m", 0755), mkdir("b/m", 0755), mkdir("c/m", 0755);
  R(make("a", MS_SHARED));
  pid_t child = fork();
  if (child == 0) {
    R(unshare(CLONE_NEWNS));
    tree("a copy");
    write(p[1], "x", 1);
    read(q[0], &c, 1);
    tree("has heard");
    R(make(".", MS_REC | MS_SLAVE));
    R(tmp("a/m"));
    tree("a slave's own");
    write(p[1], "x", 1);
    read(q[0], &c, 1);
    tree("heard as a slave");
    _exit(0);
  }
  read(p[0], &c, 1);
  R(tmp("a/m"));
  R(tmp("b/m"));
  write(q[1], "x", 1);
  read(p[0], &c, 1);
  tree("the first one");
  R(umount("a/m"));
  write(q[1], "x", 1);
  int s;
  R(waitpid(child, &s, 0) == child);
  R(tmp("c/m"));
  child = fork();
  if (child == 0) {
    R(unshare(CLONE_NEWUSER | CLONE_NEWNS));
    tree("of a lesser one");
    R(umount("c/m"));
    write(p[1], "x", 1);
    read(q[0], &c, 1);
    tree("heard there");
    R(umount("a/m"));
    _exit(0);
  }
  read(p[0], &c, 1);
  R(tmp("a/m"));
  write(q[1], "x", 1);
  R(waitpid(child, &s, 0) == child);
  tree("still");
}

static void pivot(void) {
  start();
  R(tmp("a"));
  mkdir("a/old", 0755);
  R(make(".", MS_SHARED));
  R(chdir("a"));
  R(syscall(SYS_pivot_root, ".", "old"));
  R(make("..", MS_PRIVATE));
  R(make(here, MS_PRIVATE));
  R(make("/", MS_SHARED));
  R(syscall(SYS_pivot_root, ".", "old"));
  R(make("/", MS_PRIVATE));
  R(syscall(SYS_pivot_root, ".", "old"));
  R(access("/old/proc", F_OK));
  R(umount2("/old", MNT_DETACH));
  R(access("/old/proc", F_OK));
}

int main(void) {
  enter_tmp();
  if (getcwd(here, sizeof here) == NULL) return 1;
  PART(types);
  PART(heard);
  PART(trees);
  PART(chains);
  PART(namespaces);
  PART(pivot);
  chdir("/");
  leave_tmp();
  return 0;
}
