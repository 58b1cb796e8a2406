/* flags: -pthread */
// Big mappings that mremap moves: what other threads, forked children and new mappings at the old place see.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "test.h"

#define MIB (1L << 20)
#define SIZE (48 * MIB)
#define PAGES (SIZE / 4096)

static char *region(int flags, int fd) {
  char *at = mmap(0, SIZE, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (at == MAP_FAILED) exit(1);
  return at;
}

static void mark(char *at, long step, int with) {
  for (long i = 0; i < PAGES; i += step) *(long *)(at + i * 4096) = i * 3 + with;
}

/** Pages that are not as mark() left them; others are zero. */
static long wrong(const char *at, long step, int with) {
  long bad = 0;
  for (long i = 0; i < PAGES; i++) bad += *(const long *)(at + i * 4096) != (i % step == 0 ? i * 3 + with : 0);
  return bad;
}

static int mapped(const char *at) {
  int ends[2];
  pipe(ends);
  int n = write(ends[1], at, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return n;
}

static char *place, *old;

/** From the last page to the first, while they come from the first to the last. */
static void *reader(void *unused) {
  long bad = 0;
  while (!mapped(place + SIZE - 4096)) {}
  for (long i = PAGES - 1; i >= 0; i--) bad += *(long *)(place + i * 4096) != i * 3 + 1;
  return (void *)bad;
}

/** Takes the old place as soon as it is free. */
static void *taker(void *unused) {
  long bad = 0;
  while (!mapped(place + SIZE - 4096)) {}
  for (long at = SIZE - MIB; at >= 0; at -= 4 * MIB) {
    char *got = mmap(old + at, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != old + at) return (void *)-1;
    for (long i = 0; i < MIB; i += 4096) bad += got[i] != 0, got[i] = 'n';
  }
  return (void *)bad;
}

static void *forker(void *unused) {
  int status = 0;
  while (!mapped(place + SIZE - 4096)) {}
  if (fork() == 0) _exit(wrong(place, 1, 1) != 0);
  wait(&status);
  return (void *)(long)status;
}

static void *changer(void *unused) {
  while (!mapped(place + SIZE - 4096)) {}
  munmap(place + SIZE / 2, SIZE / 4);
  mprotect(place + SIZE / 4, SIZE / 4, PROT_READ);
  madvise(place, SIZE / 4, MADV_DONTNEED);
  return 0;
}

static void with_thread(const char *name, void *(*run)(void *), int whole) {
  pthread_t thread;
  void *result;
  place = region(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  munmap(place, SIZE);
  mmap(place, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  old = region(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  mark(old, 1, 1);
  pthread_create(&thread, 0, run, 0);
  char *at = mremap(old, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  pthread_join(thread, &result);
  printf("%s: moved %d, %ld, content %ld\n", name, at == place, (long)result, whole ? wrong(at, 1, 1) : -1);
  if (!whole) {
    long zero = 0, kept = 0;
    for (long i = 0; i < PAGES / 4; i++) zero += *(long *)(at + i * 4096) == 0, kept += *(long *)(at + (i + PAGES / 4) * 4096) == (i + PAGES / 4) * 3 + 1;
    printf("zero %d kept %d hole %d rest %d\n", zero == PAGES / 4, kept == PAGES / 4, mapped(at + SIZE / 2), *(long *)(at + SIZE - 4096) == (PAGES - 1) * 3 + 1);
  }
  for (long i = 0; i < SIZE; i += MIB) munmap(place + i, MIB), munmap(old + i, MIB);
}

static void sparse(void) {
  char *at = region(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  mark(at, 7, 2);
  char *to = mremap(at, SIZE, 2 * SIZE, MREMAP_MAYMOVE);
  printf("sparse: %ld, rest %d", wrong(to, 7, 2), to[2 * SIZE - 1]);
  mark(to, 7, 3);
  printf(", written %ld", wrong(to, 7, 3));
  at = mremap(to, 2 * SIZE, SIZE, MREMAP_MAYMOVE);
  printf(", shrunk %ld\n", wrong(at, 7, 3));
  char *next = region(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  to = mremap(at, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
  printf("kept: %ld, old %ld\n", wrong(to, 7, 3), wrong(at, PAGES, 0));
  munmap(next, SIZE);
  munmap(to, SIZE);
  munmap(at, SIZE);
}

/** Parent and child each move what they share since the fork, and write to it. */
static void forked(void) {
  char *at = region(MAP_PRIVATE | MAP_ANONYMOUS, -1), *guard;
  int status, go[2];
  char c;
  mark(at, 1, 4);
  pipe(go);
  if (fork() == 0) {
    char *to = mremap(at, SIZE, SIZE + MIB, MREMAP_MAYMOVE);
    read(go[0], &c, 1);
    long bad = wrong(to, 1, 4);
    mark(to, 3, 5);
    pid_t grandchild = fork();
    if (grandchild == 0) _exit(*(long *)(to + 3 * 4096) != 14 || *(long *)(to + 4096) != 7);
    char *again = mremap(to, SIZE, 2 * SIZE, MREMAP_MAYMOVE);
    for (long i = 0; i < PAGES; i++) bad += *(long *)(again + i * 4096) != i * 3 + (i % 3 == 0 ? 5 : 4);
    waitpid(grandchild, &status, 0);
    _exit(bad != 0 ? 1 : status != 0 ? 2 : 0);
  }
  guard = mmap(at + SIZE, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *to = mremap(at, SIZE, SIZE + MIB, MREMAP_MAYMOVE);
  mark(to, 1, 6);
  char *fresh = mmap(at, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  printf("fresh at the old place %d, zero %ld\n", fresh == at, wrong(fresh, PAGES, 0));
  mark(fresh, 1, 9);
  write(go[1], "", 1);
  wait(&status);
  printf("forked: child %d, parent %ld, fresh %ld\n", status, wrong(to, 1, 6), wrong(fresh, 1, 9));
  munmap(to, SIZE + MIB);
  munmap(fresh, SIZE);
  munmap(guard, 4096);
}

/** A private mapping of a file: what nobody has written goes on showing the file. */
static void file(void) {
  char name[] = "/tmp/movesXXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  ftruncate(fd, SIZE);
  char *all = region(MAP_SHARED, fd);
  mark(all, 1, 7);
  char *at = region(MAP_PRIVATE, fd), *next = region(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  long sum = 0;
  for (long i = 0; i < PAGES; i++) sum += at[i * 4096];
  mark(at, 5, 8);
  char *to = mremap(at, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, next);
  long value = -1;
  pwrite(fd, &value, sizeof value, 4096);
  pwrite(fd, &value, sizeof value, 5 * 4096);
  printf("file: changed %ld, own %ld, other %ld\n", *(long *)(to + 4096), *(long *)(to + 5 * 4096), *(long *)(to + 6 * 4096));
  ftruncate(fd, SIZE / 2);
  printf("cut: %d %d\n", mapped(to + SIZE / 2 - 4096), mapped(to + SIZE / 2));
  ftruncate(fd, SIZE);
  mark(all, 1, 7);
  char *far = mremap(all, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, region(MAP_PRIVATE | MAP_ANONYMOUS, -1));
  printf("shared: %ld\n", wrong(far, 1, 7));
  mark(far, 1, 3);
  munmap(far, SIZE);
  long last;
  pread(fd, &last, sizeof last, SIZE - 4096);
  printf("file has %d\n", last == (PAGES - 1) * 3 + 3);
  munmap(to, SIZE);
  close(fd);
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  with_thread("reader", reader, 1);
  with_thread("taker", taker, 1);
  with_thread("forker", forker, 1);
  with_thread("changer", changer, 0);
  sparse();
  forked();
  file();
}
