/* Computing kernels. */
#include <stdlib.h>
#include <string.h>
#include "kernels.h"

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

/* Branches that no predictor knows: lengths of Collatz sequences. */
static uint32_t branches(int scale) {
  uint32_t longest = 0;
  for (uint32_t start = 1; start < (uint32_t)scale * 20000; start++) {
    uint64_t n = start;
    uint32_t length = 0;
    while (n != 1) n = n & 1 ? 3 * n + 1 : n >> 1, length++;
    if (length > longest) longest = length;
  }
  return longest;
}

static __attribute__((noinline)) uint32_t twice(uint32_t x) { return x * 2 + 1; }
static __attribute__((noinline)) uint32_t swapped(uint32_t x) { return x << 16 | x >> 16; }
static __attribute__((noinline)) uint32_t mixed(uint32_t x) { return x ^ x >> 7; }
static __attribute__((noinline)) uint32_t less(uint32_t x) { return x - 12345; }
static uint32_t indirect(int scale) {
  static uint32_t (*volatile table[4])(uint32_t) = {twice, swapped, mixed, less};
  uint32_t x = 1;
  for (int i = 0; i < scale * 1000000; i++) x = table[(x >> 3 ^ i) & 3](x);
  return x;
}

/* Byte strings, by hand and by the library. */
static uint32_t strings(int scale) {
  static char text[4096];
  uint32_t sum = 0;
  for (int i = 0; i < 4095; i++) text[i] = 'a' + (i * i + i / 7) % 26;
  for (int round = 0; round < scale * 200; round++) {
    text[round % 4000] ^= 1;
    for (const char *p = text; *p != 0; p++) sum = sum * 31 + *p;
    sum += strlen(text) + (strstr(text, "xyzzy") != 0) + (memchr(text, '!', 4095) != 0) + strcmp(text + 1, text);
  }
  return sum;
}

#define BODIES(name, real)                                                                      \
  static uint32_t name(int scale) {                                                             \
    real p[5][3], v[5][3], m[5];                                                                \
    for (int i = 0; i < 5; i++) {                                                               \
      m[i] = 1 + i;                                                                             \
      for (int k = 0; k < 3; k++) p[i][k] = i * 3 + k, v[i][k] = (k - i) * (real)0.01;          \
    }                                                                                           \
    for (int step = 0; step < scale * 10000; step++) {                                          \
      for (int i = 0; i < 5; i++)                                                               \
        for (int j = i + 1; j < 5; j++) {                                                       \
          real d[3], square = (real)0.1;                                                        \
          for (int k = 0; k < 3; k++) d[k] = p[i][k] - p[j][k], square += d[k] * d[k];          \
          real force = (real)0.0001 / (square * square);                                        \
          for (int k = 0; k < 3; k++) v[i][k] -= d[k] * m[j] * force, v[j][k] += d[k] * m[i] * force; \
        }                                                                                       \
      for (int i = 0; i < 5; i++)                                                               \
        for (int k = 0; k < 3; k++) p[i][k] += v[i][k] * (real)0.001;                           \
    }                                                                                           \
    return (uint32_t)(int)(p[0][0] * 1000);                                                     \
  }
BODIES(floats, float)
BODIES(doubles, double)

typedef float float4 __attribute__((vector_size(16)));
typedef int32_t int4 __attribute__((vector_size(16)));
typedef int16_t short8 __attribute__((vector_size(16)));

static uint32_t ssefloat(int scale) {
  static float4 a[1024], b[1024];
  for (int i = 0; i < 1024; i++)
    for (int k = 0; k < 4; k++) a[i][k] = i + k, b[i][k] = i - k;
  for (int round = 0; round < scale * 1000; round++)
    for (int i = 0; i < 1024; i++) a[i] = a[i] * 0.5f + b[i];
  return (uint32_t)(int)(a[77][1] + a[5][3]);
}

static uint32_t sseint(int scale) {
  static int4 a[1024];
  static short8 b[1024];
  for (int i = 0; i < 1024; i++) {
    for (int k = 0; k < 4; k++) a[i][k] = i * k;
    for (int k = 0; k < 8; k++) b[i][k] = i + k;
  }
  for (int round = 0; round < scale * 1000; round++)
    for (int i = 0; i < 1024; i++) {
      a[i] = (a[i] + round) ^ (a[i] << 3);
      b[i] = b[i] * b[i] + (short8)a[i];
    }
  return (uint32_t)a[99][2] + (uint16_t)b[33][5];
}

static uint32_t divide(int scale) {
  uint64_t x = 0x123456789abcdef, sum = 0;
  for (int i = 1; i < scale * 200000; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    sum += x / (uint64_t)(i * 77777u + 3) + x % (uint64_t)(i + 5);
    sum ^= (uint64_t)((int64_t)x / -(int64_t)(i + 9));
  }
  return (uint32_t)(sum ^ sum >> 32);
}

/* Digits of a factorial, 32 bits at a time. */
static uint32_t bignum(int scale) {
  static uint32_t digits[4096];
  uint32_t sum = 0;
  for (int round = 0; round < scale; round++) {
    int length = 1;
    digits[0] = 1;
    for (uint32_t n = 2; n < 1200; n++) {
      uint64_t carry = 0;
      for (int i = 0; i < length; i++) carry += (uint64_t)digits[i] * n, digits[i] = (uint32_t)carry, carry >>= 32;
      if (carry != 0) digits[length++] = (uint32_t)carry;
    }
    sum += digits[length - 1] ^ digits[length / 2];
  }
  return sum;
}

const struct kernel compute_kernels[] = {
  {"loop", loop}, {"branches", branches}, {"fib", fib}, {"indirect", indirect}, {"strings", strings}, {"copy", copy}, {"sha256", sha256},
  {"sort", sort}, {"sieve", sieve}, {"matrix", matrix}, {"floats", floats}, {"doubles", doubles}, {"mandelbrot", mandelbrot},
  {"ssefloat", ssefloat}, {"sseint", sseint}, {"divide", divide}, {"bignum", bignum}, {0},
};
