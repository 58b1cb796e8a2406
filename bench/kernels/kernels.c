/* Micro benchmarks: `kernels NAME SCALE` prints the result and the time of the kernel alone in ns. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

static uint32_t loop(int scale) {
  uint32_t a = 1, b = 2;
  for (int i = 0; i < scale * 10000000; i++) {
    a += b ^ i;
    b = (b << 1) | (a >> 31);
    asm volatile("" : "+r"(a), "+r"(b));
  }
  return a ^ b;
}

static uint32_t sieve(int scale) {
  static uint8_t composite[1 << 20];
  uint32_t count = 0;
  for (int round = 0; round < scale; round++) {
    memset(composite, 0, sizeof composite);
    count = 0;
    for (uint32_t i = 2; i < sizeof composite; i++) {
      if (composite[i]) continue;
      count++;
      for (uint32_t j = i * 2; j < sizeof composite; j += i) composite[j] = 1;
    }
  }
  return count;
}

static __attribute__((noinline)) uint32_t fibonacci(uint32_t n) {
  asm volatile("" : "+r"(n));
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
static uint32_t fib(int scale) { return fibonacci(25 + scale); }

static uint32_t matrix(int scale) {
  enum { N = 96 };
  static int32_t a[N][N], b[N][N], c[N][N];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i][j] = i + j, b[i][j] = i - j;
  for (int round = 0; round < scale * 4; round++)
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        int32_t sum = 0;
        for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
        c[i][j] += sum;
      }
  return c[N / 2][N / 3];
}

static uint32_t copy(int scale) {
  static uint8_t from[1 << 20], to[1 << 20];
  for (size_t i = 0; i < sizeof from; i++) from[i] = i * 7;
  for (int round = 0; round < scale * 50; round++) {
    memcpy(to, from, sizeof from - (round & 15));
    from[round] ^= to[round + 1];
  }
  return to[12345] | from[7] << 8;
}

static uint32_t sha256(int scale) {
  static uint32_t k[64];
  uint32_t h[8] = {1, 2, 3, 4, 5, 6, 7, 8}, w[64];
  for (int i = 0; i < 64; i++) k[i] = i * 0x9e3779b9u;
#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))
  for (int round = 0; round < scale * 4000; round++) {
    for (int i = 0; i < 16; i++) w[i] = h[i & 7] + i;
    for (int i = 16; i < 64; i++)
      w[i] = w[i - 16] + w[i - 7] + (ROR(w[i - 15], 7) ^ ROR(w[i - 15], 18) ^ w[i - 15] >> 3) + (ROR(w[i - 2], 17) ^ ROR(w[i - 2], 19) ^ w[i - 2] >> 10);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], x = h[7];
    for (int i = 0; i < 64; i++) {
      uint32_t t1 = x + (ROR(e, 6) ^ ROR(e, 11) ^ ROR(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
      uint32_t t2 = (ROR(a, 2) ^ ROR(a, 13) ^ ROR(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      x = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += x;
  }
  return h[0] ^ h[5];
}

static uint32_t mandelbrot(int scale) {
  uint32_t total = 0;
  for (int y = 0; y < 32 * scale; y++)
    for (int x = 0; x < 64; x++) {
      double cr = x / 32.0 - 1.5, ci = y / (16.0 * scale) - 1, r = 0, i = 0;
      int n = 0;
      for (; n < 100 && r * r + i * i < 4; n++) {
        double t = r * r - i * i + cr;
        i = 2 * r * i + ci;
        r = t;
      }
      total += n;
    }
  return total;
}

static int compare(const void *a, const void *b) { return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b; }
static uint32_t sort(int scale) {
  int n = 20000 * scale;
  int *a = malloc(n * sizeof *a);
  uint32_t x = 1;
  for (int i = 0; i < n; i++) a[i] = (x = x * 1664525 + 1013904223) >> 4;
  qsort(a, n, sizeof *a, compare);
  return a[n / 2];
}

static uint32_t getpids(int scale) {
  uint32_t sum = 0;
  for (int i = 0; i < scale * 10000; i++) sum += syscall(SYS_getppid) > 0;
  return sum;
}

static uint32_t clocks(int scale) {
  struct timespec t;
  uint32_t sum = 0;
  for (int i = 0; i < scale * 10000; i++) sum += syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t) == 0;
  return sum;
}

static uint32_t forks(int scale) {
  uint32_t sum = 0;
  for (int i = 0; i < scale * 20; i++) {
    pid_t child = fork();
    if (child == 0) _exit(1);
    int status;
    waitpid(child, &status, 0);
    sum += WEXITSTATUS(status);
  }
  return sum;
}

static uint32_t execs(int scale) {
  uint32_t sum = 0;
  for (int i = 0; i < scale * 20; i++) {
    pid_t child = fork();
    if (child == 0) {
      execl("/proc/self/exe", "kernels", "nothing", "1", (char *)0);
      _exit(9);
    }
    int status;
    waitpid(child, &status, 0);
    sum += WEXITSTATUS(status) == 0;
  }
  return sum;
}

static const struct { const char *name; uint32_t (*run)(int); } kernels[] = {
  {"loop", loop}, {"sieve", sieve}, {"fib", fib}, {"matrix", matrix}, {"copy", copy}, {"sha256", sha256}, {"mandelbrot", mandelbrot},
  {"sort", sort}, {"getppid", getpids}, {"clock", clocks}, {"fork", forks}, {"exec", execs},
};

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  if (strcmp(argv[1], "nothing") == 0) return 0;
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    if (strcmp(argv[1], kernels[i].name) != 0) continue;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    uint32_t result = kernels[i].run(atoi(argv[2]));
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%u %lld\n", result, (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec);
    return 0;
  }
  return 2;
}
