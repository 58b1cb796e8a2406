#include "test.h"
/* Pages that have been allocated for a file and not been written: data, holes, what is in memory. */
enum { PAGE = 4096, PAGES = 40 };
static void seeks(int fd) {
  off_t at = 0, end = lseek(fd, 0, SEEK_END); say("  size %ld, data", (long)(end / PAGE));
  while (at < end) { off_t data = lseek(fd, at, SEEK_DATA); if (data < 0) { say(" %s", ename(errno)); break; } off_t hole = lseek(fd, data, SEEK_HOLE); say(" %ld-%ld", (long)(data / PAGE), (long)(hole / PAGE)); at = hole; }
  say(", hole from %ld\n", (long)(lseek(fd, 0, SEEK_HOLE) / PAGE));
}
static void memory(const char *what, char *map) { unsigned char in[PAGES] = ""; say("  %s:", what); if (mincore(map, PAGES * PAGE, in)) say(" %s", ename(errno)); for (int i = 0; i < PAGES; i++) say("%d", in[i] & 1); say("\n"); }
static void blocks(int fd) { struct stat s; fstat(fd, &s); say("  blocks %ld\n", (long)s.st_blocks / 8); }
/* Of a file on a disk, data and holes depend on what has been read, too. */
static void disk(int fd) {
  say("a file\n"); R(fallocate(fd, 0, 0, PAGES * PAGE)); seeks(fd);
  R(pwrite(fd, "x", 1, 3 * PAGE + 100)); seeks(fd); R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE, PAGE)); R(pwrite(fd, "x", 1, 7 * PAGE)); seeks(fd); close(fd);
}
static void memory_file(int fd) {
  say("memfd\n"); R(fallocate(fd, 0, 0, PAGES * PAGE)); seeks(fd); blocks(fd);
  char *map = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *private = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  memory("shared", map); memory("private", private);
  R(pwrite(fd, "x", 1, 3 * PAGE + 100)); seeks(fd); memory("written", map);
  map[20 * PAGE] = 1; msync(map, PAGES * PAGE, MS_SYNC); seeks(fd); memory("touched", map); blocks(fd);
  char b[2 * PAGE]; R(pread(fd, b, sizeof b, 30 * PAGE)); say("  %d\n", b[5]); seeks(fd); memory("read", map);
  R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * PAGE, PAGE)); seeks(fd); blocks(fd);
  R(fallocate(fd, 0, 3 * PAGE, PAGE)); R(fallocate(fd, FALLOC_FL_KEEP_SIZE, PAGES * PAGE, 4 * PAGE)); seeks(fd); blocks(fd);
  R(ftruncate(fd, 21 * PAGE - 5)); seeks(fd); R(ftruncate(fd, 30 * PAGE)); seeks(fd); blocks(fd);
  R(fallocate(fd, 0, 10 * PAGE + 5, 2 * PAGE)); R(pwrite(fd, "0123456789", 10, 12 * PAGE - 5)); seeks(fd);
  munmap(map, PAGES * PAGE); munmap(private, PAGES * PAGE); close(fd);
}
int main(void) {
  enter_tmp(); memory_file(memfd_create("m", 0)); disk(open("f", O_RDWR | O_CREAT, 0644)); leave_tmp();
  return 0;
}
