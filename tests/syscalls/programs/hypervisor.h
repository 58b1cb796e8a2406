/* Some hypervisors intercept debug exceptions and tell the address of int1 itself, where a processor tells the one behind it. */
#include <cpuid.h>
#include <stdint.h>
static int before_int1(long trap, uintptr_t ip) {
  unsigned a, b, c = 0, d;
  return trap == 1 && *(unsigned char *)ip == 0xf1 && __get_cpuid(1, &a, &b, &c, &d) && c >> 31;
}
