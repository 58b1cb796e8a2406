/* ioprio_get, ioprio_set: of a thread, a group, a user; classes, levels, rights, inheritance. */
#include "test.h"
#include <grp.h>
#define V(class, level) ((class) << 13 | (level))
#define get(which, who) syscall(SYS_ioprio_get, which, who)
#define set(which, who, v) syscall(SYS_ioprio_set, which, who, v)

int main(void) {
  /* Nobody else's: what a user has is looked for on the whole machine, where the other variant may be running. */
  uid_t user = 500000 + getpid();
  setpgid(0, 0);
  R(get(1, 0));
  R(get(2, 0));
  R(get(0, 0));
  R(get(4, 0));
  R(get(1, 999999));
  R(get(2, 999999));
  R(get(3, user));
  for (int class = 0; class < 9; class++)
    for (int level = 0; level < 10; level += 3) say("%d %d: ", class, level), R(set(1, 0, V(class, level))), R(get(1, 0));
  R(set(1, 0, V(2, 8)));
  R(set(1, 0, V(2, 7) | 0x1000));
  R(set(9, 0, V(2, 1)));
  R(set(9, 0, V(0, 1)));
  R(set(1, 999999, V(2, 1)));
  R(set(2, 999999, V(2, 1)));
  R(set(3, user, V(2, 1)));
  R(set(1, 0, V(2, 6)));
  int p[2];
  int q[2];
  pipe(p);
  pipe(q);
  pid_t c = fork();
  if (c == 0) {
    char x;
    R(get(1, 0));
    R(set(1, 0, V(2, 2)));
    write(p[1], "x", 1);
    close(q[1]);
    read(q[0], &x, 1);
    _exit(0);
  }
  char x;
  read(p[0], &x, 1);
  R(get(1, c));
  R(get(2, 0));
  R(get(2, getpgrp()));
  R(set(2, 0, V(3, 0)));
  R(get(1, 0));
  R(get(1, c));
  R(set(1, 0, V(0, 0)));
  R(get(1, 0));
  setpriority(PRIO_PROCESS, 0, 7);
  R(get(1, 0));
  R(get(2, 0));
  setgroups(0, NULL);
  setresuid(user, user, user);
  R(set(1, 0, V(1, 0)));
  R(set(1, c, V(2, 0)));
  R(set(2, 0, V(2, 0)));
  R(set(1, 0, V(2, 5)));
  R(get(3, user));
  R(get(3, 0));
  R(set(3, 0, V(2, 3)));
  R(get(1, 0));
  R(get(1, c));
  return 0;
}
