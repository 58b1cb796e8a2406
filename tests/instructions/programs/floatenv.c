/* Floating-point environments: flags before anybody has cleared them, unmasked exceptions as signals, images of the state. */
#include "test.h"
/* flags: -lm -fno-pie -no-pie -msse2 -frounding-math */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <sys/ucontext.h>
#include <xmmintrin.h>

#ifdef __x86_64__
#define SP "rsp"
#define AX "rax"
#else
#define SP "esp"
#define AX "eax"
#endif
static sigjmp_buf back;
static volatile float zero = 0, one = 1, three = 3, tiny = 1e-40f, huge = 3e38f;
static volatile double dzero = 0, done = 1, dthree = 3, dtiny = 1e-310, dhuge = 1e308, dnan;

static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
#ifdef __x86_64__
  struct _libc_fpstate *f = u->uc_mcontext.fpregs;
  say("  signal %d code %d trap %d at ip %d: cw %x sw %x tag %x fop %s mxcsr %x\n", sig, info->si_code, (int)u->uc_mcontext.gregs[REG_TRAPNO],
      (long)info->si_addr == u->uc_mcontext.gregs[REG_RIP], f->cwd, f->swd, f->ftw, f->fop ? "set" : "0", f->mxcsr);
#else
  struct _libc_fpstate *f = u->uc_mcontext.fpregs;
  say("  signal %d code %d trap %d at ip %d: cw %lx sw %lx tag %lx cs %lx ds %lx mxcsr %x\n", sig, info->si_code, (int)u->uc_mcontext.gregs[REG_TRAPNO],
      (long)info->si_addr == u->uc_mcontext.gregs[REG_EIP], f->cw, f->sw, f->tag, f->cssel, f->datasel, ((unsigned *)(f + 1))[6]);
#endif
  siglongjmp(back, 1);
}

static unsigned csr(void) { return _mm_getcsr(); }
#define FLAGS(name, ...) do { __VA_ARGS__; say("%s: %x\n", name, csr() & 0x3f); } while (0)
static volatile float r;
static volatile double d;
static volatile int i;
static float addss(float a, float b) { asm volatile("addss %1, %0" : "+x"(a) : "x"(b)); return a; }
static float mulss(float a, float b) { asm volatile("mulss %1, %0" : "+x"(a) : "x"(b)); return a; }
static float divss(float a, float b) { asm volatile("divss %1, %0" : "+x"(a) : "x"(b)); return a; }
static double addsd(double a, double b) { asm volatile("addsd %1, %0" : "+x"(a) : "x"(b)); return a; }
static double mulsd(double a, double b) { asm volatile("mulsd %1, %0" : "+x"(a) : "x"(b)); return a; }
static double divsd(double a, double b) { asm volatile("divsd %1, %0" : "+x"(a) : "x"(b)); return a; }
static int comisd(double a, double b) { unsigned char z; asm volatile("comisd %2, %1; setb %0" : "=qm"(z) : "x"(a), "x"(b) : "cc"); return z; }

static void flags(void) {
  // nothing has written MXCSR yet
  FLAGS("start");
  FLAGS("exact", d = addsd(done, dthree));
  FLAGS("exact quotient", d = divsd(dthree * 2, dthree));
  FLAGS("comparison", i = comisd(done, dthree));
  FLAGS("inexact", r = divss(one, three));
  for (int k = 0; k < 1000; k++) d = addsd(d, 0.1), d = mulsd(d, 1.0001);
  FLAGS("inexact still");
  FLAGS("denormal", d = addsd(dtiny, done));
  FLAGS("divide by zero", d = divsd(done, dzero));
  FLAGS("underflow", d = mulsd(dtiny, 0.3));
  FLAGS("overflow", d = mulsd(dhuge, dhuge));
  FLAGS("invalid", d = divsd(dzero, dzero));
  say("%d\n", fetestexcept(FE_ALL_EXCEPT));
  static const unsigned starts[] = { 0x1f80, 0x1fa0 };
  for (int s = 0; s < 2; s++) {
    say("from %x\n", starts[s]);
#define ALONE(name, ...) do { _mm_setcsr(starts[s]); FLAGS(name, __VA_ARGS__); } while (0)
    ALONE("add tiny", r = addss(tiny, tiny)); ALONE("mul tiny", r = mulss(tiny, huge)); ALONE("mul to tiny", r = mulss(1e-30f, 1e-12f)); ALONE("mul to zero", r = mulss(1e-30f, 1e-30f));
    ALONE("zero by", r = mulss(zero, three)); ALONE("difference to tiny", r = addss(1.2e-38f, -1.1754944e-38f)); ALONE("overflow", r = mulss(huge, 10)); ALONE("inf", r = addss(INFINITY, 1));
    ALONE("inf - inf", r = addss(INFINITY, -INFINITY)); ALONE("nan", r = addss(NAN, 1)); ALONE("to the edge", r = mulss(1.17549421e-38f, 1.0000001f)); ALONE("edge", r = mulss(1.1754945e-38f, 0.9999999f));
    ALONE("to float", r = (float)dtiny); ALONE("to float inf", r = (float)dhuge); ALONE("to double", d = tiny); ALONE("to int", asm volatile("cvttss2si %1, %0" : "=r"(*(int *)&i) : "m"(three)));
    ALONE("to int big", asm volatile("cvtss2si %1, %0" : "=r"(*(int *)&i) : "m"(huge))); ALONE("to int inexact", asm volatile("cvtsd2si %1, %0" : "=r"(*(int *)&i) : "m"(dtiny)));
    ALONE("from int", asm volatile("cvtsi2ss %1, %0" : "=x"(*(float *)&r) : "r"(0x7fffffff))); ALONE("sqrt", asm volatile("sqrtsd %1, %0" : "=x"(*(double *)&d) : "m"(dthree)));
    ALONE("sqrt tiny", asm volatile("sqrtsd %1, %0" : "=x"(*(double *)&d) : "m"(dtiny))); ALONE("compare tiny", i = comisd(dtiny, done)); ALONE("compare nan", i = comisd(NAN, done));
    ALONE("max tiny", asm volatile("maxsd %1, %0" : "+x"(*(double *)&d) : "m"(dtiny)));
    __m128 v = { tiny, 1, 2, 3 }, w = { 1, 2, 3, 4 }; ALONE("packed", v = _mm_add_ps(v, w); asm volatile("" : "+x"(v)));
    v = (__m128){ 1, 2, 3, 0 }; ALONE("packed by zero", v = _mm_div_ps(w, v); asm volatile("" : "+x"(v)));
  }
  _mm_setcsr(0x1f80);
}

static void rounding(void) {
  static const int modes[] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };
  for (int k = 0; k < 4; k++) {
    fesetround(modes[k]);
    union { double d; unsigned long long u; } a, b, c;
    a.d = divsd(done, dthree), b.d = divsd(-done, dthree), c.d = mulsd(dtiny, 0.7);
    say("mode %d: %llx %llx %llx %g %ld %ld\n", k, a.u, b.u, c.u, nearbyint(2.5 * done), lrint(-2.5 * done), lrintf(0.5f * one));
  }
  fesetround(FE_TONEAREST);
}

#define TRY(name, ...) do { say("%s\n", name); if (sigsetjmp(back, 1) == 0) { __VA_ARGS__; say("  nothing\n"); } asm volatile("fninit"); _mm_setcsr(0x1f80); } while (0)
static void unmasked(void) {
  for (int bit = 0; bit < 6; bit++) {
    unsigned short cw = 0x37f & ~(1 << bit);
    unsigned mx = 0x1f80 & ~(0x80 << bit);
    say("unmasked %d\n", bit);
#define X87(text) asm volatile("fldcw %0\n" text : : "m"(cw), "m"(one), "m"(zero), "m"(tiny), "m"(huge), "m"(three) : "memory")
    TRY("x87 1/0", X87("flds %1; fdivs %2; fwait; fstp %%st")); TRY("x87 0/0", X87("flds %2; fdivs %2; fwait; fstp %%st")); TRY("x87 denormal", X87("flds %3; fwait; fstp %%st"));
    TRY("x87 1/3", X87("flds %1; fdivs %5; fwait; fstp %%st")); TRY("x87 overflow", X87("flds %4; fmul %%st; fstps -8(%%" SP "); fwait")); TRY("x87 underflow", X87("flds %3; fmuls %3; fstps -8(%%" SP "); fwait"));
    TRY("x87 integer", X87("flds %4; fistpl -8(%%" SP "); fwait")); TRY("x87 empty", X87("fadd %%st(1); fwait")); TRY("x87 full", X87("fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1; fwait"));
    TRY("x87 waits for the next", X87("flds %1; fdivs %2; nop; fld1"));
    TRY("sse 1/0", _mm_setcsr(mx); r = divss(one, zero)); TRY("sse 0/0", _mm_setcsr(mx); r = divss(zero, zero)); TRY("sse denormal", _mm_setcsr(mx); r = addss(tiny, one)); TRY("sse 1/3", _mm_setcsr(mx); r = divss(one, three));
    TRY("sse overflow", _mm_setcsr(mx); r = mulss(huge, huge)); TRY("sse underflow", _mm_setcsr(mx); r = mulss(1e-30f, 1e-12f)); TRY("sse exact tiny", _mm_setcsr(mx); r = mulss(1.1754944e-38f, 0.5f));
    TRY("sse compare", _mm_setcsr(mx); i = comisd(NAN, done));
  }
}

static void dump(const char *name, const unsigned char *image, int from, int to) {
  say("%s:", name);
  for (int k = from; k < to; k++) say(" %02x", image[k]);
  say("\n");
}

/* Where the last instruction was, its operand and opcode. */
static void pointers(void) {
  static unsigned image[7], operand[2];
  unsigned long start;
#define LAST(name, code) do { memset(image, 0x55, sizeof image); operand[0] = operand[1] = 0; \
    asm volatile("fninit; call 2f; 2: pop %0; fld1; 1: " code "; fnstenv %1; addl $1b - 2b, %k0" : "=&r"(start), "=m"(image) : "m"(operand) : AX, "memory"); \
    say("%s: ip %d op %x dp %d\n", name, (int)(image[3] - (unsigned)start), image[4] >> 16, image[5] == 0 ? -1 : (int)(image[5] - (unsigned)(unsigned long)operand)); } while (0)
  LAST("fadd", "fadd %%st"); LAST("fsts", "fsts %2"); LAST("flds", "flds %2"); LAST("fnop", "fnop"); LAST("fldcw", "fnstcw %2; fldcw %2"); LAST("fnstsw", "fnstsw %%ax"); LAST("fdivrp", "fldz; fdivrp");
  LAST("fxch", "fxch"); LAST("ffree", "ffree %%st(3)"); LAST("fincstp", "fincstp"); LAST("fnclex", "fnclex"); LAST("fistpl", "fistpl %2"); LAST("unmasked", "movl $0x37b, %2; fldcw %2; fldz; fdivrp");
  LAST("prefixes", ".byte 0x2e, 0x66; fsqrt"); LAST("fninit", "fninit");
}

static void images(void) {
  static unsigned char image[512] __attribute__((aligned(64)));
  memset(image, 0x55, sizeof image);
  asm volatile("fninit; fld1; fldpi; fldz; fld1; fchs; fsqrt; fnstenv %0; fldenv %0" : "=m"(image) : : "memory");
  dump("fnstenv", image, 0, 12);
  memset(image, 0x55, sizeof image);
  asm volatile(".byte 0x66; fnstenv %0" : "=m"(image) : : "memory");
  dump("16-bit fnstenv", image, 0, 6);
  memset(image, 0x55, sizeof image);
  asm volatile("fnsave %0" : "=m"(image) : : "memory");
  dump("fnsave", image, 0, 12), dump("fnsave", image, 28, 112);
  asm volatile("frstor %0; .byte 0x66; fnsave %0; .byte 0x66; frstor %0" : "+m"(image) : : "memory");
  dump("16-bit fnsave", image, 0, 6), dump("16-bit fnsave", image, 14, 94);
  memset(image, 0x55, sizeof image);
  asm volatile("fxsave %0" : "=m"(image) : : "memory");
  dump("fxsave", image, 0, 5), dump("fxsave", image, 24, 28), dump("fxsave", image, 32, 160);
  image[2] |= 0x3f, image[24] |= 0x3f;
  asm volatile("fxrstor %0; fnstsw %%ax; movl %%eax, %0" : "+m"(image) : : AX, "memory");
  dump("flags", image, 0, 2);
  say("mxcsr %x\n", csr());
  image[26] = 1;
  TRY("reserved bits", asm volatile("fxrstor %0" : : "m"(image)));
}

int main(void) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = handler, sa.sa_flags = SA_SIGINFO;
  sigaction(SIGFPE, &sa, NULL), sigaction(SIGSEGV, &sa, NULL);
  flags();
  rounding();
  unmasked();
  pointers();
  images();
  return 0;
}
