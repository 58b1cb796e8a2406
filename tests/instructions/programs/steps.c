/* Where the trap flag stops: after each round of a repeated string instruction, not between the load of ss and what follows it, behind
 * transfers, system calls and writes over code. */
#include "test.h"
#include <sys/ptrace.h>
#include <sys/ucontext.h>
#include <sys/user.h>

#ifdef __x86_64__
#define IP REG_RIP
#define CX REG_RCX
#define FL REG_EFL
#define SI REG_RSI
#define DI REG_RDI
#define A "r"
#define ROOM "lea -256(%%rsp), %%rsp\n"
#define BACK "lea 256(%%rsp), %%rsp\n"
#define PUSHF "pushfq\n"
#define POPF "popfq\n"
#define OR "orq $0x100, (%%rsp)\n"
#define AND "andq $~0x100, (%%rsp)\n"
#else
#define IP REG_EIP
#define CX REG_ECX
#define FL REG_EFL
#define SI REG_ESI
#define DI REG_EDI
#define A "e"
#define ROOM
#define BACK
#define PUSHF "pushfl\n"
#define POPF "popfl\n"
#define OR "orl $0x100, (%%esp)\n"
#define AND "andl $~0x100, (%%esp)\n"
#endif

static const char *begin;
static int count;
static char from[64], to[64];

static void onTrap(int signal, siginfo_t *info, void *context) {
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  if (++count > 60) { r[FL] &= ~0x100; return; }
  say(" %ld:%ld%s", (long)((char *)r[IP] - begin), (long)(r[CX] & 0xfff), info->si_code == TRAP_TRACE ? "" : "?");
}

/* Runs `code` with the trap flag set. */
#define STEP(name, cx, si, di, code) do { \
  extern const char label_##name[]; \
  const void *s_ = (si); void *d_ = (di); long c_ = (cx), a_ = 'x'; \
  begin = label_##name; count = 0; \
  strcpy(from, "aaaabbbbccccddddaaaabbbbccccdddd"); \
  strcpy(to, "aaaabbbbccccxxxxaaaabbbbccccdddd"); \
  say("%s:", #name); \
  asm volatile(ROOM PUSHF OR POPF ".globl label_" #name "\nlabel_" #name ":\n" code "\n" PUSHF AND POPF BACK \
    : "+c"(c_), "+S"(s_), "+D"(d_), "+a"(a_) : : "memory", "cc", "edx", "ebx"); \
  say(" left %ld %.32s\n", c_ & 0xfff, to); \
} while (0)

static void strings(void) {
  STEP(movsb, 3, from, to, "rep movsb");
  STEP(movsw, 3, from, to, "rep movsw");
  STEP(movsl, 3, from, to, "rep movsl");
  STEP(movsbOne, 1, from, to, "rep movsb");
  STEP(movsbNone, 0, from, to, "rep movsb");
  STEP(movsbDown, 3, from + 8, to + 8, "std; rep movsb; cld");
  STEP(movsbSelf, 5, to, to + 1, "rep movsb");
  STEP(movsbPlain, 3, from, to, "movsb; movsb");
  STEP(stosb, 3, from, to, "rep stosb");
  STEP(stosw, 3, from, to, "rep stosw");
  STEP(stosl, 3, from, to, "rep stosl");
  STEP(stosbDown, 3, from, to + 8, "std; rep stosb; cld");
  STEP(lodsb, 3, from, to, "rep lodsb");
  STEP(lodsl, 2, from, to, "rep lodsl");
  STEP(cmpsb, 20, from, to, "repe cmpsb");
  STEP(cmpsbNone, 0, from, to, "repe cmpsb");
  STEP(cmpsbAll, 5, from, to, "repe cmpsb");
  STEP(cmpsw, 20, from, to, "repe cmpsw");
  STEP(cmpsl, 20, from, to, "repe cmpsl");
  STEP(cmpsbNot, 20, from, to + 12, "repne cmpsb");
  STEP(cmpsbDown, 5, from + 8, to + 8, "std; repe cmpsb; cld");
  STEP(scasb, 20, from, to, "mov $'c', %%al; repne scasb");
  STEP(scasbSame, 20, from, to, "mov $'a', %%al; repe scasb");
  STEP(scasw, 20, from, to, "mov $0x6161, %%ax; repe scasw");
  STEP(scasl, 20, from, to, "mov $0x61616161, %%eax; repe scasl");
  STEP(scasbEnd, 3, from, to, "mov $'c', %%al; repne scasb");
#ifdef __x86_64__
  STEP(movsq, 2, from, to, "rep movsq");
  STEP(stosq, 2, from, to, "rep stosq");
  STEP(lodsq, 2, from, to, "rep lodsq");
  STEP(cmpsq, 3, from, to, "repe cmpsq");
  STEP(scasq, 3, from, to, "mov (%%rdi), %%rax; repe scasq");
#else
  STEP(movsbCx, 0x10003, from, to, "mov $0x10003, %%ecx; mov $0, %%edx; jmp 1f; addr16 rep movsb\n1:");
#endif
}

static void stackSegment(void) {
  STEP(movSs, 0, from, to, "mov %%ss, %%edx; mov %%edx, %%ss; nop; nop");
  STEP(movSsJump, 0, from, to, "mov %%ss, %%edx; mov %%edx, %%ss; jmp 1f; nop\n1: nop; nop");
  STEP(movSsRep, 3, from, to, "mov %%ss, %%edx; mov %%edx, %%ss; rep movsb; nop");
  STEP(movSsMemory, 0, from, to, "mov %%ss, (%%" A "di); mov (%%" A "di), %%ss; nop; movl $0, (%%" A "di)");
  STEP(movEs, 0, from, to, "mov %%es, %%edx; mov %%edx, %%es; nop; nop");
#ifndef __x86_64__
  STEP(lss, 0, from, to, "mov %%ss, %%edx; mov %%edx, 4(%%edi); mov %%esp, (%%edi); mov %%esp, %%edx; lss (%%edi), %%esp; mov %%edx, %%esp; movl $0, (%%edi); movl $0, 4(%%edi)");
  STEP(popSs, 0, from, to, "push %%ss; pop %%ss; nop; nop");
  STEP(popEs, 0, from, to, "push %%es; pop %%es; nop; nop");
#endif
}

static void transfers(void) {
  STEP(jumps, 3, from, to, "1: loop 1b; jmp 2f; nop\n2: jecxz 3f; nop\n3: nop");
  STEP(calls, 0, from, to, "call 1f; jmp 2f\n1: ret\n2: nop");
  STEP(flags, 0, from, to, PUSHF POPF "nop");
#ifdef __x86_64__
  STEP(syscall64, 0, from, to, "mov $39, %%eax; syscall; xor %%ecx, %%ecx; nop");
  STEP(iret, 0, from, to, "mov %%rsp, %%rdx; mov %%ss, %%eax; push %%rax; push %%rdx; pushfq; mov %%cs, %%eax; push %%rax; lea 1f(%%rip), %%rax; push %%rax; iretq; nop\n1: nop; nop");
#else
  STEP(iret, 0, from, to, "pushfl; push %%cs; call 1f\n1: addl $5, (%%esp); iret; nop");
#endif
  STEP(int80, 0, from, to, "mov $20, %%eax; int $0x80; nop; nop");
  STEP(breakpoint, 0, from, to, "nop; int3; nop");
}

static unsigned char page[4096] __attribute__((aligned(4096)));

static void overCode(void) {
  mprotect(page, sizeof page, PROT_READ | PROT_WRITE | PROT_EXEC);
  memset(page, 0xc3, 64);
  ((void (*)(void))page)();
  STEP(overCode, 0, from, page, "movb $0x90, (%%" A "di); nop; call *%%" A "di; nop");
  STEP(overCodeRep, 2, from, page, "rep stosb; nop");
}

/* The same seen by a debugger. */
static void traced(void) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    long c = 3;
    const char *s = from;
    char *d = to;
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    asm volatile("int3; nop; mov %%ss, %%edx; mov %%edx, %%ss; nop; rep movsb; nop; int3" : "+c"(c), "+S"(s), "+D"(d) : : "memory", "edx");
    _exit(0);
  }
  waitpid(child, &status, 0);
  struct user_regs_struct r;
  ptrace(PTRACE_GETREGS, child, 0, &r);
#ifdef __x86_64__
#define WHERE r.rip
#define COUNT r.rcx
#else
#define WHERE r.eip
#define COUNT r.ecx
#endif
  unsigned long first = WHERE;
  say("traced:");
  for (int n = 0; n < 12; n++) {
    ptrace(PTRACE_SINGLESTEP, child, 0, 0);
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) break;
    ptrace(PTRACE_GETREGS, child, 0, &r);
    siginfo_t info;
    ptrace(PTRACE_GETSIGINFO, child, 0, &info);
    say(" %ld:%ld:%d", (long)(WHERE - first), (long)COUNT, info.si_code);
    if (info.si_code == SI_KERNEL) break;
  }
  say("\n");
  ptrace(PTRACE_KILL, child, 0, 0);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
}

int main(void) {
  struct sigaction action = { .sa_sigaction = onTrap, .sa_flags = SA_SIGINFO };
  sigaction(SIGTRAP, &action, NULL);
  strings();
  stackSegment();
  transfers();
  overCode();
  traced();
  return 0;
}
