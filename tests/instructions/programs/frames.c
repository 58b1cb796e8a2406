/* What the kernel keeps for the processor: extended state in a signal frame that the handler spoils, the table of local descriptors as it is
 * read back, and the vDSO after it has been moved. */
#include "test.h"
#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>

static sigjmp_buf back;
static int spoiling;

/* The header behind the 512 bytes of fxsave. */
static unsigned char *header(ucontext_t *u) {
#ifdef __x86_64__
  return (unsigned char *)u->uc_mcontext.fpregs + 512;
#else
  return (unsigned char *)u->uc_mcontext.fpregs + 112 + 512;
#endif
}

static void spoil(int sig, siginfo_t *info, void *context) {
  unsigned char *h = header(context);
  switch (spoiling) {
    case 1: h[7] |= 0x40; break;
    case 2: h[1] |= 0x80; break;
    case 3: h[7] |= 0x80; break;
    case 4: h[8] = 1; break;
    case 5: h[15] = 0x80; break;
    case 6: h[23] = 1; break;
    case 7: h[24] = 1; break;
    case 8: h[63] = 1; break;
    case 9: h[0] = 0; break;
  }
}

static void segv(int sig, siginfo_t *info, void *context) {
  say("  SIGSEGV code %d address %lx\n", info->si_code, (long)info->si_addr);
  siglongjmp(back, 1);
}

static void spoilt(void) {
  struct sigaction sa = {.sa_flags = SA_SIGINFO, .sa_sigaction = spoil};
  sigaction(SIGUSR1, &sa, 0);
  sa.sa_sigaction = segv;
  sigaction(SIGSEGV, &sa, 0);
  for (spoiling = 0; spoiling < 10; spoiling++) {
    if (sigsetjmp(back, 1) != 0) continue;
    raise(SIGUSR1);
    say("spoilt %d: back\n", spoiling);
  }
  signal(SIGSEGV, SIG_DFL);
}

static unsigned char table[65536 + 16];

static void descriptors(void) {
  say("no table: %ld\n", syscall(SYS_modify_ldt, 0, table, sizeof table) & 0xffffffff);
  unsigned entry[4] = {2, 0x12345678, 0xfffff, 0x51};
  say("written: %ld\n", syscall(SYS_modify_ldt, 0x11, entry, sizeof entry) & 0xffffffff);
  static const unsigned long sizes[] = {sizeof table, 65536, 24, 20, 8, 0};
  for (int i = 0; i < 6; i++) {
    memset(table, 0xcc, sizeof table);
    long n = syscall(SYS_modify_ldt, 0, table, sizes[i]) & 0xffffffff;
    say("read %lu: %ld, bytes %02x %02x %02x, entry", sizes[i], n, table[0], table[24], table[65536]);
    for (int k = 16; k < 24; k++) say(" %02x", table[k]);
    say("\n");
  }
  /* errors too have 32 bits */
  long bad = syscall(SYS_modify_ldt, 0, (void *)-4096l, 64), unknown = syscall(SYS_modify_ldt, 5, table, 64);
  say("bad address: %s %d, unknown: %s %d\n", bad == -1 ? ename(errno) : "32 bits", (int)bad, unknown == -1 ? ename(errno) : "32 bits", (int)unknown);
}

/* The C library's own calls may go through the page that moves. */
static void moved(void) {
  unsigned char *vdso = (unsigned char *)getauxval(AT_SYSINFO_EHDR);
  pid_t child = fork();
  if (child == 0) {
    void *to = mmap(0, 4 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long r = -1;
    /* All of it, however long it is here. */
    for (long size = 4096; size <= 4 * 4096 && r == -1; size += 4096) r = syscall(SYS_mremap, vdso, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
#ifdef __i386__
    asm volatile("int $0x80" : : "a"(SYS_exit), "b"(r == (long)to ? 3 : 4));
#else
    syscall(SYS_exit, r == (long)to ? 3 : 4);
#endif
  }
  int status = 0;
  waitpid(child, &status, 0);
  say("moved: %x\n", status);
}

int main(void) {
  spoilt();
  descriptors();
  moved();
  return 0;
}
