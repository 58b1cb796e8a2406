#include "test.h"
/* flags: -msse2 */
#include <setjmp.h>
#include <ucontext.h>
#include "hypervisor.h"
/* processor exceptions as signals: number, code, address, registers, error bits. */
static sigjmp_buf jb; static char *page; static uintptr_t code_at;
static void h(int s, siginfo_t *i, void *c) {
  ucontext_t *u = c;
  const char *where = i->si_addr == 0 ? "0" : (char *)i->si_addr >= page && (char *)i->si_addr < page + 3 * 4096 ? "page" : "other";
#ifdef __x86_64__
  uintptr_t ip = u->uc_mcontext.gregs[REG_RIP]; long tr = u->uc_mcontext.gregs[REG_TRAPNO], er = u->uc_mcontext.gregs[REG_ERR]; uintptr_t cr2 = u->uc_mcontext.gregs[REG_CR2];
#else
  uintptr_t ip = u->uc_mcontext.gregs[REG_EIP]; long tr = u->uc_mcontext.gregs[REG_TRAPNO], er = u->uc_mcontext.gregs[REG_ERR]; uintptr_t cr2 = u->uc_mcontext.cr2;
#endif
  if (before_int1(tr, ip)) { i->si_addr = (char *)i->si_addr + 1; ip++; }
  say("%s code %d addr %s+%ld trapno %ld err %ld%s", sigabbrev_np(s), i->si_code, where, (char *)i->si_addr >= page && (char *)i->si_addr < page + 3 * 4096 ? (long)((char *)i->si_addr - page) : 0L, tr, er & ~0x10, (uintptr_t)i->si_addr == ip ? " addr==ip" : "");
  if (code_at) say(" ip+%ld", (long)(ip - code_at));
  if (tr == 14) say(" cr2 %s", cr2 == (uintptr_t)i->si_addr ? "addr" : "?");
  say("\n");
  siglongjmp(jb, 1);
}
#define TRY(name, ...) do { code_at = 0; say("%s: ", name); if (sigsetjmp(jb, 1) == 0) { __VA_ARGS__; say("no signal\n"); } } while (0)
#define CODE(name, ...) do { unsigned char b_[] = { __VA_ARGS__, 0xc3 }; memcpy(page + 4096 * 3, b_, sizeof b_); say("%s: ", name); code_at = (uintptr_t)page + 4096 * 3; if (sigsetjmp(jb, 1) == 0) { ((void (*)(void))code_at)(); say("no signal\n"); } } while (0)
int main(void) {
  page = mmap(NULL, 4096 * 5, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(page + 4096, 4096, PROT_READ); mprotect(page + 8192, 4096, PROT_NONE); mprotect(page + 4096 * 3, 4096, PROT_READ | PROT_WRITE | PROT_EXEC); munmap(page + 4096 * 4, 4096);
  struct sigaction a; memset(&a, 0, sizeof a); a.sa_sigaction = h; a.sa_flags = SA_SIGINFO; int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS }; for (int i = 0; i < 6; i++) sigaction(sigs[i], &a, NULL);
  volatile int x = 0; 
  TRY("read null", x = *(volatile int *)0); TRY("write null", *(volatile int *)0 = 1); TRY("write read-only", page[4096 + 5] = 1); TRY("read none", x = page[8192 + 7]); TRY("write none", page[8192 + 8] = 1); TRY("unaligned across", *(volatile int *)(page + 8190) = 1); TRY("unaligned read across", x = *(volatile int *)(page + 8190)); TRY("exec none", ((void (*)(void))(page + 8192))()); TRY("exec no-x", ((void (*)(void))page)()); TRY("call null", ((void (*)(void))0)());
  page[0] = 1; TRY("fine", page[0]++); 
#ifdef __x86_64__
  volatile uintptr_t far = 0x8000000000000000ULL; TRY("non-canonical", x = *(volatile int *)far); far = 0xffff888000000000ULL; TRY("high half", x = *(volatile int *)far); TRY("above 4G", *(volatile int *)0x123456789000ULL = 1);
#endif
  volatile int zero = 0, r; volatile int min = 0x80000000; TRY("div 0", r = 1 / zero); TRY("min / -1", r = min / (zero - 1)); TRY("mod 0", r = 1 % zero);
  CODE("ud2", 0x0f, 0x0b); CODE("int3", 0xcc); CODE("hlt", 0xf4); CODE("in", 0xec); CODE("cli", 0xfa); CODE("int 0x21", 0xcd, 0x21); CODE("int 3 long", 0xcd, 0x03); CODE("mov cr0", 0x0f, 0x20, 0xc0); CODE("lgdt", 0x0f, 0x01, 0x10); CODE("rdmsr", 0x0f, 0x32); CODE("nop ud2", 0x90, 0x90, 0x0f, 0x0b); CODE("invalid lock", 0xf0, 0x90); CODE("bad modrm", 0x8d, 0xc0); CODE("wbinvd", 0x0f, 0x09); CODE("iret to bad", 0x0f, 0xff);
#ifdef __i386__
  CODE("into", 0xb0, 0x7f, 0x04, 0x01, 0xce); CODE("bound", 0x31, 0xc0, 0x48, 0x68, 1, 0, 0, 0, 0x6a, 0, 0x62, 0x04, 0x24); CODE("push es pop ds bad", 0x66, 0xb8, 0x13, 0x00, 0x8e, 0xd8);
#endif
  CODE("icebp", 0xf1); CODE("single step", 0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0x90, 0x90);
#ifdef __x86_64__
  CODE("sse align", 0x0f, 0x28, 0x44, 0x24, 0x01);
#else
  CODE("sse align", 0x0f, 0x28, 0x44, 0x24, 0x01);
#endif
  { unsigned short cw; __asm__ volatile("fnstcw %0" : "=m"(cw)); unsigned short n = cw & ~4; TRY("x87 div 0", { __asm__ volatile("fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(n)); }); __asm__ volatile("fnclex; fninit; fldcw %0" : : "m"(cw)); n = cw & ~1; TRY("x87 invalid", { __asm__ volatile("fldcw %0; fldz; fldz; fdivrp; fwait" : : "m"(n)); }); __asm__ volatile("fnclex; fninit; fldcw %0" : : "m"(cw)); }
  { unsigned mx = 0x1f80 & ~0x200; unsigned old = 0x1f80; TRY("sse div 0", { __asm__ volatile("ldmxcsr %0; xorps %%xmm0,%%xmm0; pcmpeqd %%xmm1,%%xmm1; pslld $25,%%xmm1; psrld $2,%%xmm1; divss %%xmm0,%%xmm1" : : "m"(mx) : "xmm0", "xmm1"); }); __asm__ volatile("ldmxcsr %0" : : "m"(old)); TRY("ldmxcsr reserved", { unsigned bad = 0x10000; __asm__ volatile("ldmxcsr %0" : : "m"(bad)); }); }
  int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600); ftruncate(fd, 100); char *f = mmap(page, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0); f[50] = 1; TRY("beyond file", f[4096] = 1); TRY("beyond file read", x = f[5000]); TRY("inside page", f[200] = 1);
  TRY("stack overflow guard", { char *sp = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); x = sp[10]; });
  say("done %d\n", x * 0);
  return 0;
}
