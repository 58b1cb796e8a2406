/*
 * The processor as oracle: runs cases (code bytes + complete user state) natively and reports the state after.
 *
 * Built twice (-m64 and -m32), static, linked above 0x28000000: everything below belongs to the guest areas. Reads records
 * from stdin until end of file, writes one result record per case to stdout; oracle.ts knows the same layout.
 *
 * A case is started by executing ud2: the SIGILL handler rewrites the ucontext it was given (registers, flags, FPU image)
 * and returns into the guest code. The bytes after the code are int3, so a case that falls through (or jumps to filler)
 * ends in SIGTRAP; whatever signal ends it, the handler copies the ucontext out and puts the harness's registers back.
 * A handler never touches thread-local storage: it may run with the guest's fs/gs.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>
#ifdef __x86_64__
#include <asm/prctl.h>
#else
#include <asm/ldt.h>
#endif

#define CODE 0x10000000u
#define CODE_SIZE 0x2000u
#define SELF 0x10010000u
#define SELF_SIZE 0x1000u
#define DATA 0x20000000u
#define DATA_SIZE 0x4000u
#define RO (DATA + DATA_SIZE)
#define RO_SIZE 0x1000u
#define FILLED (DATA_SIZE + RO_SIZE)
#define HARNESS 0x28000000u

struct state {
  uint64_t gpr[16];
  uint64_t rip;
  uint32_t eflags, mxcsr;
  uint64_t fsbase, gsbase;
  uint16_t sel[6]; /* es cs ss ds fs gs; results only */
  uint8_t pad[0x100 - 0xac];
  uint8_t fx[0x100]; /* first 160 bytes: fxsave header and st0..7 */
  uint8_t xmm[256];
  uint8_t ymmh[256];
};
_Static_assert(sizeof(struct state) == 0x400, "layout");

struct request {
  uint32_t magic, codelen, codeoff, seed, patches, flags, pad[2];
  struct state s;
};
struct result {
  uint32_t length;
  int32_t signo, sicode, trapno;
  uint32_t err, changes;
  uint64_t siaddr, cr2;
  uint64_t pad;
  struct state s;
};
#define FLAG_SELF 1u /* the case uses the writable and executable page */

static struct request q;
static struct result r;
static uint8_t *code_w, *self_w, *data_w; /* our writable aliases */
static uint8_t initial[FILLED], template_[FILLED], self_initial[SELF_SIZE];
static uint32_t template_seed;
static int have_template, have_ymm;

static volatile int in_guest;
static volatile uint32_t serial, tick_serial;
static gregset_t harness_regs;
#ifdef __x86_64__
static uint64_t harness_fs;
#else
static uint32_t tls_base[2] = {1, 1};
static int tls_entry[2] = {-1, -1};
#endif

static long sys2(long nr, long a, long b) {
  long ret;
#ifdef __x86_64__
  __asm__ volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
#else
  __asm__ volatile("int $0x80" : "=a"(ret) : "0"(nr), "b"(a), "c"(b) : "memory");
#endif
  return ret;
}

#ifdef __x86_64__
static const int gpr_index[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
#define NGPR 16
#define REG_IP REG_RIP
#define NXMM 16
#else
static const int gpr_index[8] = {REG_EAX, REG_ECX, REG_EDX, REG_EBX, REG_ESP, REG_EBP, REG_ESI, REG_EDI};
#define NGPR 8
#define REG_IP REG_EIP
#define NXMM 8
#endif

/* The fxsave image inside the frame's FPU area; the xsave header follows it at 512. */
static uint8_t *fx_of(ucontext_t *uc) {
  uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
#ifndef __x86_64__
  fp += 112; /* behind the fnsave image */
#endif
  return fp;
}

static void put_fpu(ucontext_t *uc, const struct state *s) {
  uint8_t *fx = fx_of(uc);
  memcpy(fx, s->fx, 160);
  memcpy(fx + 24, &s->mxcsr, 4);
  memcpy(fx + 160, s->xmm, NXMM * 16);
  if (have_ymm) {
    uint64_t bv = 7;
    memcpy(fx + 512, &bv, 8);
    memcpy(fx + 576, s->ymmh, NXMM * 16);
  }
#ifndef __x86_64__
  /* sigreturn takes the x87 part from the fnsave image: build it. */
  uint32_t *ns = (uint32_t *)(void *)uc->uc_mcontext.fpregs;
  uint16_t h[4];
  uint32_t ip, dp;
  memcpy(h, fx, 8);
  memcpy(&ip, fx + 8, 4);
  memcpy(&dp, fx + 16, 4);
  uint32_t tag = 0;
  for (int i = 0; i < 8; i++)
    if (!(h[2] >> i & 1)) tag |= 3u << (2 * i); /* the kernel only looks at empty or not */
  ns[0] = 0xffff0000u | h[0];
  ns[1] = 0xffff0000u | h[1];
  ns[2] = 0xffff0000u | tag;
  ns[3] = ip;
  ns[4] = (uint32_t)h[3] << 16;
  ns[5] = dp;
  ns[6] = 0;
  for (int i = 0; i < 8; i++) memcpy((uint8_t *)(ns + 7) + i * 10, fx + 32 + i * 16, 10);
#endif
}

static void get_fpu(ucontext_t *uc, struct state *s) {
  uint8_t *fx = fx_of(uc);
  uint64_t bv = 7;
  memcpy(s->fx, fx, 160);
  memcpy(&s->mxcsr, fx + 24, 4);
  memcpy(s->xmm, fx + 160, NXMM * 16);
  if (!have_ymm) return;
  memcpy(&bv, fx + 512, 8);
  if (!(bv & 1)) {
    memset(s->fx, 0, 160);
    s->fx[0] = 0x7f;
    s->fx[1] = 3;
  }
  if (!(bv & 2)) memset(s->xmm, 0, NXMM * 16);
  if (bv & 4) memcpy(s->ymmh, fx + 576, NXMM * 16);
}

static void begin(ucontext_t *uc) {
  greg_t *g = uc->uc_mcontext.gregs;
  memcpy(harness_regs, g, sizeof harness_regs);
  harness_regs[REG_IP] += 2; /* over the ud2 */
  for (int i = 0; i < NGPR; i++) g[gpr_index[i]] = (greg_t)q.s.gpr[i];
  g[REG_IP] = (greg_t)q.s.rip;
  g[REG_EFL] = (greg_t)q.s.eflags;
  put_fpu(uc, &q.s);
#ifdef __x86_64__
  sys2(SYS_arch_prctl, ARCH_GET_FS, (long)&harness_fs);
  sys2(SYS_arch_prctl, ARCH_SET_GS, (long)q.s.gsbase);
  in_guest = 1;
  sys2(SYS_arch_prctl, ARCH_SET_FS, (long)q.s.fsbase);
#else
  g[REG_FS] = tls_entry[0] * 8 + 3;
  g[REG_GS] = tls_entry[1] * 8 + 3;
  in_guest = 1;
#endif
}

static void end(ucontext_t *uc, int signo, const siginfo_t *si) {
  greg_t *g = uc->uc_mcontext.gregs;
  struct state *s = &r.s;
#ifdef __x86_64__
  unsigned long base;
  sys2(SYS_arch_prctl, ARCH_GET_FS, (long)&base);
  s->fsbase = base;
  sys2(SYS_arch_prctl, ARCH_SET_FS, (long)harness_fs);
  sys2(SYS_arch_prctl, ARCH_GET_GS, (long)&base);
  s->gsbase = base;
  for (int i = 0; i < 16; i++) s->gpr[i] = (uint64_t)g[gpr_index[i]];
  s->rip = (uint64_t)g[REG_RIP];
  s->sel[1] = (uint16_t)g[REG_CSGSFS];
  s->sel[5] = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 16);
  s->sel[4] = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 32);
  s->sel[2] = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 48);
  r.cr2 = (uint64_t)g[REG_CR2];
#else
  for (int i = 0; i < 8; i++) s->gpr[i] = (uint32_t)g[gpr_index[i]];
  s->rip = (uint32_t)g[REG_EIP];
  s->sel[0] = (uint16_t)g[REG_ES];
  s->sel[1] = (uint16_t)g[REG_CS];
  s->sel[2] = (uint16_t)g[REG_SS];
  s->sel[3] = (uint16_t)g[REG_DS];
  s->sel[4] = (uint16_t)g[REG_FS];
  s->sel[5] = (uint16_t)g[REG_GS];
  s->fsbase = q.s.fsbase;
  s->gsbase = q.s.gsbase;
  r.cr2 = uc->uc_mcontext.cr2;
#endif
  s->eflags = (uint32_t)g[REG_EFL];
  get_fpu(uc, s);
  r.signo = signo;
  r.sicode = si->si_code;
  r.trapno = (int32_t)g[REG_TRAPNO];
  r.err = (uint32_t)g[REG_ERR];
  r.siaddr = (uintptr_t)si->si_addr;
  /* An int3 that is not one of the case's own bytes is the filler: the case ended normally before it. */
  if (signo == SIGTRAP && r.trapno == 3) {
    uint64_t at = s->rip - 1, start = CODE + q.codeoff;
    int in_self = (q.flags & FLAG_SELF) && at >= SELF && at < SELF + SELF_SIZE && self_initial[at - SELF] == 0xcc;
    if ((at >= CODE && at < CODE + CODE_SIZE && (at < start || at >= start + q.codelen)) || in_self) {
      s->rip = at;
      r.signo = r.sicode = r.trapno = 0;
      r.siaddr = 0;
    }
  }
  memcpy(g, harness_regs, sizeof harness_regs);
  in_guest = 0;
}

static void on_signal(int signo, siginfo_t *si, void *ctx) {
  ucontext_t *uc = ctx;
  if (!in_guest) {
    if (signo == SIGILL) return begin(uc);
    static const char text[] = "oracle: signal in the harness\n";
    if (write(2, text, sizeof text - 1)) {}
    _exit(3);
  }
  end(uc, signo, si);
}

/* A case that is still the same one after a whole tick is in an endless loop. */
static void on_tick(int signo, siginfo_t *si, void *ctx) {
  if (!in_guest) return;
  if (tick_serial == serial) return end(ctx, signo, si);
  tick_serial = serial;
}

static void die(const char *what) {
  perror(what);
  exit(2);
}

#define HEIGHT ((uintptr_t)0x42 << 16 << 16)

static uint8_t *area(uint32_t at, uint32_t size, int prot) {
  int fd = memfd_create("oracle", 0);
  if (fd < 0 || ftruncate(fd, size)) die("memfd");
  void *p = mmap((void *)(uintptr_t)at, size, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
  if (p != (void *)(uintptr_t)at) die("mmap guest area");
  uint8_t *w = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (w == MAP_FAILED) die("mmap alias");
  if (HEIGHT != 0 && mmap((void *)(HEIGHT + at), size, prot & ~PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) == MAP_FAILED) die("mmap high");
  close(fd);
  return w;
}

static void setup(void) {
  code_w = area(CODE, CODE_SIZE, PROT_READ | PROT_EXEC);
  self_w = area(SELF, SELF_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
  data_w = area(DATA, FILLED, PROT_READ | PROT_WRITE);
  if (mprotect((void *)(uintptr_t)RO, RO_SIZE, PROT_READ)) die("mprotect");
  if (HEIGHT != 0 && mprotect((void *)(HEIGHT + RO), RO_SIZE, PROT_READ)) die("mprotect");
  memset(code_w, 0xcc, CODE_SIZE);
  uint32_t eax = 1, ebx, ecx = 0, edx;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  have_ymm = (ecx >> 27 & 1) && (ecx >> 28 & 1);
  static uint8_t stack[1 << 16] __attribute__((aligned(64)));
  stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
  if (sigaltstack(&ss, NULL)) die("sigaltstack");
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = on_signal;
  sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&sa.sa_mask);
  static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
  for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
    if (sigaction(signals[i], &sa, NULL)) die("sigaction");
  sa.sa_sigaction = on_tick;
  sa.sa_flags |= SA_RESTART;
  if (sigaction(SIGVTALRM, &sa, NULL)) die("sigaction");
  struct itimerval tick = {{0, 20000}, {0, 20000}};
  if (setitimer(ITIMER_VIRTUAL, &tick, NULL)) die("setitimer");
  /* System calls from guest code become SIGSYS. Old kernels lack it; then a case must not contain any. */
  prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 1, (unsigned long)HARNESS, (unsigned long)-1 / 2 - HARNESS + (sizeof(long) == 4 ? 0x80000000u : 0), NULL);
}

#ifndef __x86_64__
static void set_tls(int i, uint32_t base) {
  if (tls_entry[i] >= 0 && tls_base[i] == base) return;
  struct user_desc d;
  memset(&d, 0, sizeof d);
  d.entry_number = (unsigned)tls_entry[i];
  d.base_addr = base;
  d.limit = 0xfffff;
  d.seg_32bit = d.limit_in_pages = d.useable = 1;
  if (sys2(SYS_set_thread_area, (long)&d, 0)) die("set_thread_area");
  tls_entry[i] = (int)d.entry_number;
  tls_base[i] = base;
}
#endif

static void fill(uint32_t seed) {
  if (have_template && seed == template_seed) return;
  have_template = 1;
  template_seed = seed;
  uint32_t x = seed * 2654435761u + 0x9e3779b9u;
  if (seed == 0) {
    memset(template_, 0, FILLED);
    return;
  }
  if (x == 0) x = 1;
  for (uint32_t i = 0; i < FILLED; i += 4) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    memcpy(template_ + i, &x, 4);
  }
}

static void get(void *p, size_t n) {
  if (fread(p, 1, n, stdin) != n) {
    fprintf(stderr, "oracle: short input\n");
    exit(2);
  }
}

static void patch(void) {
  uint32_t head[2];
  uint8_t skip[8];
  get(head, 8);
  uint8_t *to = NULL;
  if (head[0] >= DATA && head[0] + head[1] <= DATA + FILLED) to = initial + (head[0] - DATA);
  else if (head[0] >= SELF && head[0] + head[1] <= SELF + SELF_SIZE) to = self_initial + (head[0] - SELF);
  else {
    fprintf(stderr, "oracle: patch outside the areas: %x+%x\n", head[0], head[1]);
    exit(2);
  }
  get(to, head[1]);
  get(skip, -head[1] & 7);
}

static void __attribute__((noinline)) enter(void) {
  __asm__ volatile("ud2" ::: "memory", "cc");
}

static uint32_t count_or_write(int writing, const uint8_t *now, const uint8_t *before, uint32_t base, uint32_t size) {
  uint32_t n = 0;
  for (uint32_t page = 0; page < size; page += 0x1000) {
    if (memcmp(now + page, before + page, 0x1000) == 0) continue;
    for (uint32_t i = page; i < page + 0x1000; i += 16) {
      if (memcmp(now + i, before + i, 16) == 0) continue;
      n++;
      if (!writing) continue;
      uint32_t head[2] = {base + i, 16};
      fwrite(head, 8, 1, stdout);
      fwrite(now + i, 16, 1, stdout);
    }
  }
  return n;
}

static void one(void) {
  uint8_t skip[8];
  if (q.magic != 0x6c637278 || q.codeoff + q.codelen > CODE_SIZE) {
    fprintf(stderr, "oracle: bad request\n");
    exit(2);
  }
  get(code_w + q.codeoff, q.codelen);
  get(skip, -q.codelen & 7);
  fill(q.seed);
  memcpy(initial, template_, FILLED);
  if (q.flags & FLAG_SELF) memset(self_initial, 0xcc, SELF_SIZE);
  for (uint32_t i = 0; i < q.patches; i++) patch();
  memcpy(data_w, initial, FILLED);
  if (q.flags & FLAG_SELF) memcpy(self_w, self_initial, SELF_SIZE);
#ifndef __x86_64__
  set_tls(0, (uint32_t)q.s.fsbase);
  set_tls(1, (uint32_t)q.s.gsbase);
#endif
  memset(&r, 0, sizeof r);
  serial++;
  enter();
  r.changes = count_or_write(0, data_w, initial, DATA, FILLED);
  if (q.flags & FLAG_SELF) r.changes += count_or_write(0, self_w, self_initial, SELF, SELF_SIZE);
  r.length = sizeof r + r.changes * 24;
  fwrite(&r, sizeof r, 1, stdout);
  count_or_write(1, data_w, initial, DATA, FILLED);
  if (q.flags & FLAG_SELF) count_or_write(1, self_w, self_initial, SELF, SELF_SIZE);
  memset(code_w + q.codeoff, 0xcc, q.codelen);
}

int main(void) {
  setup();
  while (fread(&q, 1, sizeof q, stdin) == sizeof q) one();
  return fflush(stdout) ? 2 : 0;
}
