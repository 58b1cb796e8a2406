/* Segments: local descriptors, limits, 16-bit code, far transfers, faults with their error codes. */
#include "test.h"
/* flags: -no-pie */
#include <asm/ldt.h>
#include <setjmp.h>
#include <sys/ucontext.h>
#include <sys/wait.h>

static sigjmp_buf back;
static unsigned char *page;
static int resume_at;

static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
#ifdef __x86_64__
  long ip = u->uc_mcontext.gregs[REG_RIP], cs = u->uc_mcontext.gregs[REG_CSGSFS] & 0xffff;
#else
  long ip = u->uc_mcontext.gregs[REG_EIP], cs = u->uc_mcontext.gregs[REG_CS] & 0xffff;
#endif
  static int count;
  if (++count > 2000) _exit(9);
  say("  signal %d code %d addr %s trap %d err %x cs %lx", sig, info->si_code, info->si_addr == 0 ? "0" : "set", (int)u->uc_mcontext.gregs[REG_TRAPNO],
      (int)u->uc_mcontext.gregs[REG_ERR], cs);
  if (cs & 4) say(" ip %lx", ip);
  say("\n");
  if (resume_at != 0 && (cs & 4)) {
#ifdef __x86_64__
    u->uc_mcontext.gregs[REG_RIP] = resume_at;
#else
    u->uc_mcontext.gregs[REG_EIP] = resume_at;
#endif
    resume_at = 0;
    return;
  }
  siglongjmp(back, 1);
}

static int descriptor(int n, unsigned base, unsigned limit, int big, int contents, int ro, int pages, int np) {
  struct user_desc d;
  memset(&d, 0, sizeof d);
  d.entry_number = n, d.base_addr = base, d.limit = limit, d.seg_32bit = big, d.contents = contents, d.read_exec_only = ro, d.limit_in_pages = pages, d.seg_not_present = np, d.useable = 1;
  return syscall(SYS_modify_ldt, 0x11, &d, sizeof d);
}
#define SEL(n) ((n) * 8 | 7)
#define TRY(...) do { if (sigsetjmp(back, 1) == 0) { __VA_ARGS__; } } while (0)

static void describe(unsigned selector) {
  unsigned long access = 1, limit = 1;
  unsigned char la, ll, r, w;
  asm volatile("lar %2, %0; setz %1" : "+r"(access), "=qm"(la) : "r"((unsigned long)selector) : "cc");
  asm volatile("lsl %2, %0; setz %1" : "+r"(limit), "=qm"(ll) : "r"((unsigned long)selector) : "cc");
  asm volatile("verr %w1; setz %0" : "=qm"(r) : "r"(selector) : "cc");
  asm volatile("verw %w1; setz %0" : "=qm"(w) : "r"(selector) : "cc");
  say("%x: lar %d %lx lsl %d %lx verr %d verw %d\n", selector, la, access, ll, limit, r, w);
}

static void loads(void) {
  static const unsigned selectors[] = { 0, 1, 2, 3, 4, 7, 8, 0xb, 0x10, 0x13, 0x18, 0x1b, 0x20, 0x23, 0x28, 0x29, 0x2a, 0x2b, 0x30, 0x33, 0x38, 0x3b, 0x40, 0x43, 0x50, 0x53, 0x58, 0x5b, 0x6b, 0x73, 0x7b, 0x83, 0xfff3,
    SEL(0), SEL(1), SEL(2), SEL(3), SEL(4), SEL(5), SEL(6), SEL(7), SEL(8), SEL(9), SEL(10), SEL(11), SEL(12), SEL(13), SEL(8191) };
  unsigned short es, ss, got;
  asm("mov %%es, %0" : "=r"(es));
  asm("mov %%ss, %0" : "=r"(ss));
  for (unsigned k = 0; k < sizeof selectors / sizeof *selectors; k++) {
    got = 0xffff;
    TRY(asm volatile("mov %1, %%es; mov %%es, %0; mov %2, %%es" : "=r"(got) : "r"(selectors[k]), "r"((unsigned)es)));
    say("es %x -> %x\n", selectors[k], got);
    got = 0xffff;
    TRY(asm volatile("mov %1, %%ss; mov %%ss, %0; mov %2, %%ss" : "=r"(got) : "r"(selectors[k]), "r"((unsigned)ss)));
    say("ss %x -> %x\n", selectors[k], got);
  }
}

extern unsigned char code16[], code16_end[], code16_fault[], code16_after[];
asm(".pushsection .text\n.code16\n"
    "code16: movw $7, %cx\n xorw %ax, %ax\n 1: addw %cx, %ax\n loop 1b\n"
    " callw 2f\n addl $0x10000, %eax\n movb $3, %cl\n shlw %cl, %bx\n jmp 3f\n nop\n"
    "2: pushw %bp\n pushl %ebp\n movl %esp, %ebp\n addr32 addw 6(%ebp), %ax\n popl %ebp\n popw %bp\n retw\n"
    "3: cmpw $0, %bx\n jne 4f\n incw %ax\n 4: addr32 leal 5(%eax), %edx\n data32 lret\n"
    "code16_fault: movw $1, %ax\n movw %ax, %es\n"
    "code16_after: movw $0x77, %ax\n data32 lret\n"
    "code16_end:\n"
#ifdef __x86_64__
    ".code64\n"
#else
    ".code32\n"
#endif
    ".popsection");

#ifdef __i386__
static void memory(void) {
  unsigned r, offset;
  for (int k = 0; k < 0x8000; k++) page[k] = k * 7 + (k >> 8);
  static const unsigned offsets[] = { 0, 0xffc, 0xffd, 0xfff, 0x1000, 0x1001, 0x7ffc, 0xfffc, 0xfffd, 0x10000, 0xfffffffc, 0xffffffff };
  for (int n = 0; n < 10; n++)
    for (unsigned k = 0; k < sizeof offsets / sizeof *offsets; k++) {
      offset = offsets[k];
      // 6 has all of memory behind it, and not all of it is mapped
      if (n == 7 || ((n == 6 || n == 9 || n == 8) && offset > 0x7000)) continue;
      say("%d[%x]\n", n, offset);
      TRY(asm volatile("push %%es; mov %1, %%es; movl %%es:(%2), %0; pop %%es" : "=&r"(r) : "r"(SEL(n)), "r"(offset)); say("  %x\n", r));
      TRY(asm volatile("push %%es; mov %0, %%es; addb $1, %%es:(%1); pop %%es" : : "r"(SEL(n)), "r"(offset)); say("  written\n"));
      TRY(r = 0; asm volatile("mov %1, %%fs; movzwl %%fs:(%2), %0" : "=&r"(r) : "r"(SEL(n)), "r"(offset)); say("  %x\n", r));
    }
}

static void strings(void) {
  unsigned a, c, d, s, f;
  for (int k = 0; k < 0x8000; k++) page[k] = k * 5;
  asm volatile("push %%ds; push %%es; mov %5, %%es; mov %5, %%ds; cld; rep movsb; pop %%es; pop %%ds" : "=c"(c), "=S"(s), "=D"(d) : "0"(50), "1"(0x100), "r"(SEL(0)), "2"(0x120) : "memory");
  say("movs %x %x %x %x\n", c, s, d, page[0x150]);
  asm volatile("push %%es; mov %4, %%es; std; rep stosw; cld; pop %%es" : "=c"(c), "=D"(d), "=a"(a) : "0"(5), "r"(SEL(8)), "1"(0x200), "2"(0x1234) : "memory");
  say("stos %x %x %x %x\n", c, d, page[0x1f8], page[0x1f6]);
  asm volatile("push %%es; mov %5, %%es; repne scasb; pop %%es; pushf; pop %3" : "=c"(c), "=D"(d), "=a"(a), "=r"(f) : "0"(1000), "r"(SEL(0)), "1"(0x300), "2"(page[0x333]) : "memory", "cc");
  say("scas %x %x %x\n", c, d, f & 0x8d5);
  asm volatile("push %%ds; push %%es; mov %5, %%es; mov %5, %%ds; .byte 0x67; repe cmpsb; pop %%es; pop %%ds; pushf; pop %3" : "=c"(c), "=S"(s), "=D"(d), "=&r"(f) : "0"(0x10020), "r"(SEL(0)), "1"(0xabcd0400), "2"(0xdcba0400) : "memory", "cc");
  say("cmps %x %x %x %x\n", c, s, d, f & 0x8d5);
  asm volatile("push %%ds; mov %2, %%ds; lodsl; xlat; pop %%ds" : "=a"(a), "=S"(s) : "r"(SEL(0)), "1"(0x444), "b"(0x20));
  say("lods %x %x\n", a, s);
  // fs and gs have bases of their own, and what is done with their linear addresses must not add them again
  asm volatile("push %%ds; push %%fs; push %%gs; mov %2, %%fs; mov %3, %%gs; mov %2, %%ds; fs lodsb; movzbl %%al, %%eax; fs xlat; mov %%al, %%ah; gs lodsb; gs xlat; pop %%gs; pop %%fs; pop %%ds"
               : "=a"(a), "=S"(s) : "r"(SEL(0)), "r"(SEL(8)), "1"(0x123), "0"(0), "b"(0x31));
  say("lods fs gs %x %x\n", a, s);
  asm volatile("push %%ds; push %%es; push %%fs; mov %4, %%fs; mov %4, %%ds; mov %4, %%es; fs rep movsw; fs cmpsb; pop %%fs; pop %%es; pop %%ds; pushf; pop %3"
               : "=c"(c), "=S"(s), "=D"(d), "=&r"(f) : "r"(SEL(0)), "0"(9), "1"(0x222), "2"(0x666) : "memory", "cc");
  say("movs fs %x %x %x %x %x\n", c, s, d, f & 0x8d5, page[0x670]);
  static unsigned short stored[2] = { SEL(0), 0 };
  asm volatile("push %%ds; push %%fs; movw %1, %%fs; pcmpeqb %%mm0, %%mm0; pcmpeqb %%mm1, %%mm1; psllq $16, %%mm1; mov %%fs, %%ax; mov %%ax, %%ds; fs maskmovq %%mm1, %%mm0; pop %%fs; pop %%ds; emms"
               : : "D"(0x777), "m"(stored[0]) : "eax", "memory");
  say("maskmov fs %x %x %x\n", page[0x778], page[0x779], page[0x77e]);
  // ends at the limit
  resume_at = 0;
  TRY(asm volatile("push %%es; mov %2, %%es; rep stosb; pop %%es" : "=c"(c), "=D"(d) : "r"(SEL(0)), "0"(100), "1"(0xff0), "a"(1) : "memory"));
  say("%x %x\n", page[0xfff], page[0x1000]);
}

static void stack(int n) {
  static unsigned saved[2];
  static struct { unsigned offset; unsigned short selector; } there;
  there.offset = 0xabcd0800, there.selector = SEL(n);
  if (n != 8) there.offset = 0x800;
  static unsigned a, b, d, sp1, sp2;
  for (int k = 0; k < 0x1000; k++) page[k] = k;
  asm volatile("movl %%esp, %5; movw %%ss, 4+%5; lss %6, %%esp; pushl $0x11223344; pushw $0x5566; movl %%esp, %3; popw %%ax; popl %%edx\n"
               "pushal; popal; pushfl; popfl; call 1f; jmp 2f; 1: ret; 2: push %%esp; pop %%ebx; pushl %%ss; popl %%ecx\n"
               "enter $16, $0; leave; mov %%esp, %4; lss %5, %%esp"
               : "=&a"(a), "=&d"(d), "=&b"(b), "=m"(sp1), "=m"(sp2), "+m"(saved) : "m"(there) : "ecx", "memory", "cc");
  say("stack %d: %x %x %x %x %x\n", n, a & 0xffff, d, b, sp1, sp2);
  for (int k = 0x7d0; k < 0x800; k += 4) if (k < 0x7e4) say(" %x", *(unsigned *)(page + k) & 0xffff);
  say("\n");
  unsigned nested;
  asm volatile("push %%ebp; movl %%esp, %1; movw %%ss, 4+%1; lss %2, %%esp; movl $0x300, %%ebp; enter $8, $3; movl %%esp, %0; movl %%ebp, %%eax; leave; lss %1, %%esp; pop %%ebp"
               : "=&d"(nested), "+m"(saved) : "m"(there) : "eax", "memory", "cc");
  say("enter %x %x %x %x %x\n", nested, *(unsigned *)(page + 0x7fc), *(unsigned *)(page + 0x7f8), *(unsigned *)(page + 0x7f4), *(unsigned *)(page + 0x7f0) & 0xffff);
  there.offset = 2;
  asm volatile("movl %%esp, %0; movw %%ss, 4+%0" : "+m"(saved));
  TRY(asm volatile("lss %0, %%esp; pushl $1; pushl $2; lss %1, %%esp" : : "m"(there), "m"(saved) : "memory"));
}

/* 64-bit code of a 32-bit program. */
static void wide(void) {
  unsigned lo, hi, cs;
  asm volatile("push $0x33; call 1f; 1: addl $2f - 1b, (%%esp); lret; 2: .code64; movabs $0x123456789abcdef0, %%rax; mov %%rax, %%rdx; shr $32, %%rdx; add $0x10, %%rdx\n"
               "mov %%cs, %%ecx; push %%rcx; pop %%rcx; subq $8, %%rsp; movl $0x23, 4(%%rsp); call 3f; 3: popq %%rsi; addq $4f - 3b, %%rsi; movl %%esi, (%%rsp); lretl; .code32; 4: nop"
               : "=a"(lo), "=d"(hi), "=c"(cs) : : "esi", "memory", "cc");
  say("64-bit code: %x %x %x\n", lo, hi, cs);
}
#else
/* 32-bit code of a 64-bit program, with its stack below 4 GiB. */
extern unsigned char narrow[], narrow_end[], narrow_back[];
asm(".pushsection .text\n.code32\n"
    "narrow: movw $0x2b, %dx\n movw %dx, %ds\n movw %dx, %es\n movl $0xffffffff, %eax\n incl %eax\n setz %al\n movl $20, %eax\n int $0x80\n movl %eax, 0x50000900\n movl $0x11, %eax\n pushl %eax\n popl %ebx\n"
    " call 1f\n 1: popl %ecx\n movw %cs, %dx\n movl %edx, 0x50000908\n movl $5, %ecx\n xorl %eax, %eax\n 2: addl %ecx, %eax\n loop 2b\n aad $10\n das\n"
    " movl %eax, 0x5000090c\n .byte 0x40\n movl %eax, 0x50000910\n movw $0x2b, %dx\n movw %dx, %ds\n movl %ds:0x50000910, %ebx\n ljmp *0x50000920\n"
    "narrow_end:\n.code64\n.popsection");
static void other_mode(void) {
  memcpy(page + 0x100, narrow, narrow_end - narrow);
  volatile struct { unsigned offset; unsigned short selector; } *to = (void *)(page + 0x928), *from = (void *)(page + 0x920);
  to->offset = 0x50000100, to->selector = 0x23;
  // mov [0x50000930] -> rsp, then jump to the address in [0x50000938]
  static const unsigned char home[] = { 0x48, 0x8b, 0x24, 0x25, 0x30, 9, 0, 0x50, 0xff, 0x24, 0x25, 0x38, 9, 0, 0x50 };
  memcpy(page + 0x800, home, sizeof home);
  from->offset = 0x50000800, from->selector = 0x33;
  TRY(asm volatile("push %%rbp; push %%rbx; leaq 1f(%%rip), %%rax; movq %%rax, 0x50000938; movq %%rsp, 0x50000930; movq $0x50007000, %%rsp; ljmpl *0x50000928; 1: pop %%rbx; pop %%rbp; xorl %%eax, %%eax; movl %%eax, %%ds"
               : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc"));
  say("32-bit code: pid %d cs %x %x %x\n", *(int *)(page + 0x900) == getpid(), *(unsigned short *)(page + 0x908), *(unsigned *)(page + 0x90c), *(unsigned *)(page + 0x910));
}
#endif

static void far_call(int n, unsigned char *entry, const char *name) {
  static struct { unsigned offset; unsigned short selector; } to;
  to.offset = entry - code16, to.selector = SEL(n);
  unsigned a, d, b = 0x1234;
  say("%s\n", name);
#ifdef __x86_64__
  // 16-bit code needs a stack below 4 GiB
  TRY(asm volatile("movq %%rsp, %%r12; movq %4, %%rsp; lcalll *%3; movq %%r12, %%rsp" : "=a"(a), "=d"(d), "+b"(b) : "m"(to), "r"(page + 0x7000) : "rcx", "r12", "memory", "cc"); say("  %x %x %x\n", a, d & 0xffff, b));
#else
  TRY(asm volatile("push %%es; lcall *%3; pop %%es" : "=a"(a), "=d"(d), "+b"(b) : "m"(to) : "ecx", "memory", "cc"); say("  %x %x %x\n", n == 5 ? a & 0xffff : a, d & 0xffff, b));
#endif
}

static void far_jumps(void) {
  static const unsigned short selectors[] = { 0, 3, 0x10, 0x13, 0x2b, 0x40, 0x53, 0x73, SEL(0), SEL(1), SEL(7), SEL(12), SEL(13), SEL(100) };
  struct { unsigned offset; unsigned short selector; } to = { 0x10, 0 };
  for (unsigned k = 0; k < sizeof selectors / sizeof *selectors; k++) {
    to.selector = selectors[k];
    say("ljmp %x\n", selectors[k]);
    TRY(asm volatile("ljmpl *%0" : : "m"(to)));
    say("lcall\n");
    TRY(asm volatile("lcalll *%0" : : "m"(to) : "memory"));
    say("lret\n");
    TRY(asm volatile("push %0; push $16; lret" : : "r"((long)selectors[k]) : "memory"));
    say("iret\n");
#ifdef __x86_64__
    TRY(asm volatile("push $0x2b; push %%rsp; pushf; push %0; push $16; iretq" : : "r"((long)selectors[k]) : "memory"));
    TRY(asm volatile("push %0; push %%rsp; pushf; push $0x33; push $16; iretq" : : "r"((long)selectors[k]) : "memory"));
#else
    TRY(asm volatile("pushf; push %0; push $16; iret" : : "r"((long)selectors[k]) : "memory"));
#endif
  }
  to.selector = SEL(3), to.offset = 0x8000;
  say("beyond the limit\n");
  TRY(asm volatile("ljmpl *%0" : : "m"(to)));
}

int main(void) {
  page = mmap((void *)0x50000000, 0x8000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  static char alternate[65536];
  stack_t ss = { .ss_sp = alternate, .ss_size = sizeof alternate };
  sigaltstack(&ss, NULL);
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = handler, sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
  static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
  for (int k = 0; k < 5; k++) sigaction(signals[k], &sa, NULL);
  // data, read-only, downwards, code, execute-only, 16-bit code, all of memory, not present, 16-bit data, flat code, conforming
  int set = descriptor(0, 0x50000000, 0xfff, 1, 0, 0, 0, 0) | descriptor(1, 0x50000000, 0xfff, 1, 0, 1, 0, 0) | descriptor(2, 0x50000000, 0xfff, 1, 1, 0, 0, 0) |
    descriptor(3, 0x50000000, 0x7fff, 1, 2, 0, 0, 0) | descriptor(4, 0x50000000, 0x7fff, 1, 2, 1, 0, 0) | descriptor(5, 0x50004000, 0x3fff, 0, 2, 0, 0, 0) | descriptor(6, 0x50000000, 0xfffff, 1, 0, 0, 1, 0) |
    descriptor(7, 0x50000000, 0xfff, 1, 0, 0, 0, 1) | descriptor(8, 0x50000000, 0xffff, 0, 0, 0, 0, 0) | descriptor(9, 0, 0xfffff, 1, 2, 0, 1, 0) | descriptor(12, 0x50000000, 0x7fff, 1, 3, 0, 0, 1);
  say("set %d, conforming %d\n", set, descriptor(11, 0x50000000, 0x7fff, 1, 3, 0, 0, 0));
  for (unsigned selector = 0; selector < 0x60; selector++) if (selector / 8 != 6 || sizeof(long) == 8 || 1) describe(selector);
  for (int n = 0; n < 14; n++) describe(SEL(n));
  describe(0xffff), describe(0xfff8);
  loads();
  memcpy(page + 0x4000, code16, code16_end - code16);
  far_call(5, code16, "16-bit code");
  resume_at = code16_after - code16;
  far_call(5, code16_fault, "a fault in it, and back");
  resume_at = 0;
  far_call(5, code16_fault, "a fault in it");
  far_jumps();
#ifdef __i386__
  memory();
  strings();
  stack(0);
  stack(8);
  wide();
#else
  other_mode();
#endif
  if (fork() == 0) {
    describe(SEL(0));
    far_call(5, code16, "16-bit code of a child");
    descriptor(0, 0, 0, 0, 0, 0, 0, 0);
    _exit(0);
  }
  wait(NULL);
  describe(SEL(0));
  return 0;
}
