#include "test.h"
/* What /proc/self/maps calls mappings of /dev/zero, and anonymous ones. */
static void name_of(const char *what, char *at) {
  FILE *f = fopen("/proc/self/maps", "r");
  char line[400];
  while (fgets(line, sizeof line, f)) {
    unsigned long from, to;
    int name = 0;
    sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &from, &to, &name);
    if ((unsigned long)at >= from && (unsigned long)at < to) say("%s: %s", what, line[name] ? line + name : "-\n");
  }
  fclose(f);
}
int main(void) {
  int fd = open("/dev/zero", O_RDWR);
  /* Apart from each other, so that nothing is merged. */
  char *p = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0), *w = mmap(0, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  char *s = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *a = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  w[4096] = s[0] = 1;
  name_of("private", p);
  name_of("private, written", w);
  mprotect(w + 4096, 4096, PROT_READ);
  name_of("its middle", w + 4096);
  name_of("its end", w + 8192);
  name_of("shared", s);
  name_of("anonymous, shared", a);
  w = mremap(w, 4096, 65536, MREMAP_MAYMOVE);
  name_of("moved", w);
  if (fork() == 0) {
    name_of("in a child", p);
    _exit(0);
  }
  wait(0);
  return 0;
}
