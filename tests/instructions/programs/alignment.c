/* Accesses under EFLAGS.AC. */
#include "test.h"
/* flags: -msse2 */
#include <setjmp.h>
#include <sys/ucontext.h>
#ifdef __x86_64__
#define SP "%%rsp"
#define AX "rax"
#else
#define SP "%%esp"
#define AX "eax"
#endif
#define ON "pushf; orl $0x40000, (" SP "); popf; "
#define OFF "; pushf; andl $~0x40000, (" SP "); popf"

static sigjmp_buf back;
static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  asm volatile("pushf; andl $~0x40000, (" SP "); popf" : : : "cc");
  say("  signal %d code %d addr %d trap %d err %d\n", sig, info->si_code, info->si_addr != 0, (int)u->uc_mcontext.gregs[REG_TRAPNO], (int)u->uc_mcontext.gregs[REG_ERR]);
  siglongjmp(back, 1);
}

static char memory[128] __attribute__((aligned(64)));
#define TRY(name, code) \
  for (int offset = 0; offset < 9; offset++) { \
    say("%s %d\n", name, offset); \
    if (sigsetjmp(back, 1) == 0) { char *p = memory + 32 + offset; long c = 2; asm volatile(ON code OFF : "+D"(p), "+c"(c) : : AX, "xmm0", "memory", "cc"); say("  nothing\n"); } \
  }

int main(void) {
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = handler, sa.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &sa, NULL), sigaction(SIGSEGV, &sa, NULL);
#ifdef __x86_64__
#define P "(%%rdi)"
  TRY("quad", "mov " P ", %%rax"); TRY("add quad", "addq $1, " P); TRY("push", "pushq " P "; popq %%rax");
#else
#define P "(%%edi)"
#endif
  TRY("byte", "movb " P ", %%al"); TRY("word", "movw " P ", %%ax"); TRY("long", "movl " P ", %%eax"); TRY("store", "movl %%eax, " P); TRY("add", "addl $1, " P); TRY("stosw", "rep stosw"); TRY("stosb", "rep stosb");
  TRY("flds", "flds " P "; fstp %%st"); TRY("fldl", "fldl " P "; fstp %%st"); TRY("movss", "movss " P ", %%xmm0"); TRY("movsd", "movsd " P ", %%xmm0"); TRY("movaps", "movaps " P ", %%xmm0");
  TRY("movups", "movups " P ", %%xmm0"); TRY("movdqu", "movdqu %%xmm0, " P); TRY("lock", "lock incl " P); TRY("movd", "movd " P ", %%xmm0"); TRY("lea", "movl %%edi, %%eax; leal 1(%%eax), %%eax"); TRY("xchg", "xchgw " P ", %%ax");
  return 0;
}
