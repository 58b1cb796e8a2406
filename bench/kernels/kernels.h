#include <stdint.h>

/* A benchmark: `run` works in proportion to `scale` and returns a value that depends on all it did. */
struct kernel {
  const char *name;
  uint32_t (*run)(int scale);
};

/* Each ends with a name of 0. */
extern const struct kernel compute_kernels[];
