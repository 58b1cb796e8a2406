// What a program finds when it starts: the auxiliary vector, the stack's order, the vDSO with its symbols, called by hand.
#include "test.h"
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unwind.h>
#include <unistd.h>
#include <signal.h>
#include <sched.h>
/* args: one two */

extern char **environ;

static const char *nameOf(unsigned long type) {
  static const struct { unsigned long type; const char *name; } names[] = {
#define N(x) {x, #x}
    N(AT_NULL), N(AT_IGNORE), N(AT_EXECFD), N(AT_PHDR), N(AT_PHENT), N(AT_PHNUM), N(AT_PAGESZ), N(AT_BASE), N(AT_FLAGS), N(AT_ENTRY), N(AT_NOTELF), N(AT_UID), N(AT_EUID),
    N(AT_GID), N(AT_EGID), N(AT_CLKTCK), N(AT_PLATFORM), N(AT_HWCAP), N(AT_FPUCW), N(AT_SECURE), N(AT_BASE_PLATFORM), N(AT_RANDOM), N(AT_HWCAP2), N(AT_EXECFN), N(AT_SYSINFO),
    N(AT_SYSINFO_EHDR), {51, "AT_MINSIGSTKSZ"},
#undef N
  };
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) if (names[i].type == type) return names[i].name;
  return "?";
}

static void showVector(char **argv) {
  char **e = environ;
  while (*e != NULL) e++;
  ElfW(auxv_t) *from = (ElfW(auxv_t) *)(e + 1), *a;
  printf("argv below environ: %d, argc before argv: %ld\n", argv + 4 == environ, ((long *)argv)[-1]);
  for (a = from;; a++) {
    unsigned long v = a->a_un.a_val;
    // Restartable sequences: the kernel's, there are none in tuxlate.
    if (a->a_type == 27 || a->a_type == 28) continue;
    printf("%s ", nameOf(a->a_type));
    switch (a->a_type) {
      case AT_PHENT: case AT_PHNUM: case AT_PAGESZ: case AT_FLAGS: case AT_UID: case AT_EUID: case AT_GID: case AT_EGID: case AT_CLKTCK: case AT_SECURE: printf("%lu\n", v); break;
      case AT_PLATFORM: case AT_EXECFN: printf("%s, on the stack: %d\n", a->a_type == AT_PLATFORM ? (char *)v : strrchr((char *)v, '/') + 1, v > (unsigned long)from); break;
      case AT_RANDOM: printf("on the stack: %d\n", v > (unsigned long)from); break;
      case AT_BASE: printf("%s, page offset %lx\n", v ? "there" : "null", v & 4095); break;
      case AT_ENTRY: case AT_PHDR: case AT_SYSINFO: printf("page offset of what is near: %d\n", v != 0); break;
      case AT_SYSINFO_EHDR: printf("%.3s, page offset %lx\n", (char *)v + 1, v & 4095); break;
      // Features are this processor's; what the kernel saves on a signal stack goes with them.
      case AT_HWCAP: case AT_HWCAP2: case 51: printf("%d\n", v != 0 || a->a_type == AT_HWCAP2); break;
      case AT_NULL: printf("end\n"); goto end;
      default: printf("(%lu)\n", (unsigned long)a->a_type);
    }
  }
end:
  {
    // The same by getauxval and by /proc.
    int fd = open("/proc/self/auxv", O_RDONLY);
    static char text[4096];
    ssize_t n = read(fd, text, sizeof text);
    printf("/proc/self/auxv: same %d\n", n > 0 && memcmp(text, from, (char *)(a + 1) - (char *)from) == 0);
    for (ssize_t i = (char *)(a + 1) - (char *)from; i < n; i++) if (text[i]) { printf("something behind the end\n"); break; }
    close(fd);
  }
  const unsigned char *random = (void *)getauxval(AT_RANDOM);
  int differ = 0;
  for (int i = 1; i < 16; i++) differ |= random[i] != random[0];
  printf("random bytes %d; getauxval of nothing %lu %d\n", differ, (errno = 0, getauxval(999)), errno == ENOENT);
  // Behind the strings: the name again and eight zeros.
  const char *name = (char *)getauxval(AT_EXECFN);
  const char *top = name + strlen(name) + 1;
  printf("file name is at the top: %d, %d zero\n", (((unsigned long)top + sizeof(long)) & 4095) == 0, *(long *)top == 0);
  printf("strings in order: argv %d, environment %d, name %d\n", argv[0] + strlen(argv[0]) + 1 == argv[1], environ[0] == argv[2] + strlen(argv[2]) + 1, name > environ[0]);
}

struct vdso { char *base; const ElfW(Sym) *symbols; const char *strings; unsigned count; const uint16_t *versions; const ElfW(Verdef) *verdef; unsigned verdefs; };

static void parse(struct vdso *v, char *base) {
  ElfW(Ehdr) *h = (void *)base;
  printf("vdso: class %d type %d machine %d abi %d flags %x\n", h->e_ident[EI_CLASS], h->e_type, h->e_machine, h->e_ident[EI_OSABI], h->e_flags);
  ElfW(Phdr) *p = (void *)(base + h->e_phoff);
  ElfW(Dyn) *dynamic = NULL;
  unsigned long bias = 0;
  memset(v, 0, sizeof *v);
  v->base = base;
  for (int i = 0; i < h->e_phnum; i++) {
    if (p[i].p_type == PT_LOAD) { bias = (unsigned long)base + p[i].p_offset - p[i].p_vaddr; printf("load flags %x\n", p[i].p_flags); }
    if (p[i].p_type == PT_DYNAMIC) dynamic = (void *)(base + p[i].p_offset);
    if (p[i].p_type == PT_NOTE) printf("note\n");
    if (p[i].p_type == PT_GNU_EH_FRAME) printf("eh frame\n");
  }
  for (; dynamic != NULL && dynamic->d_tag != DT_NULL; dynamic++) {
    char *at = (char *)dynamic->d_un.d_ptr + bias;
    if (dynamic->d_tag == DT_SYMTAB) v->symbols = (void *)at;
    if (dynamic->d_tag == DT_STRTAB) v->strings = at;
    if (dynamic->d_tag == DT_VERSYM) v->versions = (void *)at;
    if (dynamic->d_tag == DT_VERDEF) v->verdef = (void *)at;
    if (dynamic->d_tag == DT_VERDEFNUM) v->verdefs = dynamic->d_un.d_val;
    if (dynamic->d_tag == DT_HASH) v->count = ((uint32_t *)at)[1];
    if (dynamic->d_tag == DT_GNU_HASH && v->count == 0) {
      uint32_t *t = (void *)at, *buckets = t + 4 + t[2] * sizeof(long) / 4, *chain = buckets + t[0], last = 0;
      for (uint32_t i = 0; i < t[0]; i++) if (buckets[i] > last) last = buckets[i];
      if (last) { while (!(chain[last - t[1]] & 1)) last++; v->count = last + 1; }
    }
    if (dynamic->d_tag == DT_SONAME) printf("a soname\n");
  }
}

static const char *versionOf(struct vdso *v, unsigned symbol) {
  if (v->versions == NULL) return "none";
  const ElfW(Verdef) *d = v->verdef;
  for (unsigned i = 0; i < v->verdefs; i++, d = (void *)((char *)d + d->vd_next))
    if (d->vd_ndx == (v->versions[symbol] & 0x7fff)) return v->strings + ((ElfW(Verdaux) *)((char *)d + d->vd_aux))->vda_name;
  return "unknown";
}

static void *find(struct vdso *v, const char *name) {
  for (unsigned i = 0; i < v->count; i++)
    if (strcmp(v->strings + v->symbols[i].st_name, name) == 0 && v->symbols[i].st_shndx != 0) {
      printf("%s@%s type %d bind %s: ", name, versionOf(v, i), ELF32_ST_TYPE(v->symbols[i].st_info), ELF32_ST_BIND(v->symbols[i].st_info) == STB_LOCAL ? "local" : "global");
      ElfW(Ehdr) *h = (void *)v->base;
      ElfW(Phdr) *p = (void *)(v->base + h->e_phoff);
      for (int k = 0; k < h->e_phnum; k++) if (p[k].p_type == PT_LOAD) return v->base + v->symbols[i].st_value + p[k].p_offset - p[k].p_vaddr;
    }
  printf("%s is not there\n", name);
  return NULL;
}

static int near(double a, double b) { return a <= b && b - a < 5; }
static double now(clockid_t c) { struct timespec t; syscall(SYS_clock_gettime, c, &t); return t.tv_sec + t.tv_nsec / 1e9; }

#ifdef __i386__
struct wide { int64_t sec, nsec; };
static long vsyscall(long nr, long a, long b, long c, long d, long e, long f) {
  long args[] = {nr, a, b, c, d, e, f}, r;
  // All six arguments, ebp too.
  asm volatile("push %%ebp; push %%ebx; mov %1, %%eax; mov 4(%%eax), %%ebx; mov 8(%%eax), %%ecx; mov 12(%%eax), %%edx; mov 16(%%eax), %%esi; mov 20(%%eax), %%edi; mov 24(%%eax), %%ebp;"
    "mov (%%eax), %%eax; call *%%gs:0x10; pop %%ebx; pop %%ebp" : "=a"(r) : "c"(args) : "edx", "esi", "edi", "memory");
  return r;
}
#endif

static volatile sig_atomic_t caught;
static void handler(int s) { caught = s; }

#ifdef __x86_64__
// Unwinding finds main from every instruction of the vDSO. (The i386 one of the host's kernel does not let it everywhere.)
static int sawMain, inside, lost;
int main(int argc, char **argv);
static _Unwind_Reason_Code frame(struct _Unwind_Context *c, void *unused) {
  unsigned long ip = _Unwind_GetIP(c);
  sawMain |= ip > (unsigned long)main && ip < (unsigned long)main + 0x4000;
  return _URC_NO_REASON;
}
static void step(int s, siginfo_t *i, void *context) {
  unsigned long ip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP], vdso = getauxval(AT_SYSINFO_EHDR);
  if (ip < vdso || ip >= vdso + 0x2000) return;
  inside++;
  sawMain = 0;
  _Unwind_Backtrace(frame, NULL);
  lost += !sawMain;
}
static void unwinds(time_t (*time_)(time_t *)) {
  sigaction(SIGTRAP, &(struct sigaction){.sa_sigaction = step, .sa_flags = SA_SIGINFO}, NULL);
  asm volatile("lea -128(%%rsp), %%rsp; pushf; orl $0x100, (%%rsp); popf; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
  time_(NULL);
  asm volatile("lea -128(%%rsp), %%rsp; pushf; andl $~0x100, (%%rsp); popf; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
  printf("steps in the vDSO %d, not unwound %d\n", inside > 0, lost);
}
#endif

int main(int argc, char **argv) {
  showVector(argv);
  struct vdso v;
  parse(&v, (char *)getauxval(AT_SYSINFO_EHDR));
  struct timespec t;
  struct timeval tv;
  struct timezone tz = {7, 7};
  int (*clock_gettime_)(clockid_t, struct timespec *) = find(&v, "__vdso_clock_gettime");
  static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
  for (unsigned i = 0; clock_gettime_ && i < sizeof clocks / sizeof *clocks; i++) {
    double from = now(clocks[i]);
    int r = clock_gettime_(clocks[i], &t);
    double mid = t.tv_sec + t.tv_nsec / 1e9;
    printf("%d ", r == 0 && near(from - 1e-4, mid) && near(mid, now(clocks[i]) + 1e-4));
  }
  if (clock_gettime_) printf("\nbad clock %d, null %d\n", clock_gettime_(77, &t), 0);
  int (*gettimeofday_)(struct timeval *, struct timezone *) = find(&v, "__vdso_gettimeofday");
  if (gettimeofday_) { double from = now(CLOCK_REALTIME); int r = gettimeofday_(&tv, &tz); printf("%d %d zone %d %d\n", r, near(from - 1e-4, tv.tv_sec + tv.tv_usec / 1e6 + 1e-6), tz.tz_minuteswest, tz.tz_dsttime); printf("nothing %d\n", gettimeofday_(NULL, NULL)); }
  time_t (*time_)(time_t *) = find(&v, "__vdso_time");
  if (time_) { time_t x = 0, y = time_(&x); printf("%d %d %d\n", x == y, near(y, now(CLOCK_REALTIME)), time_(NULL) - y <= 1); }
#ifdef __x86_64__
  if (time_) unwinds(time_);
#endif
  long (*getcpu_)(unsigned *, unsigned *, void *) = find(&v, "__vdso_getcpu");
  if (getcpu_) { unsigned cpu = 999, node = 999; long r = getcpu_(&cpu, &node, NULL); printf("%ld %d %d, null %ld\n", r, cpu < 1024, node < 64, getcpu_(NULL, NULL, NULL)); }
  int (*clock_getres_)(clockid_t, struct timespec *) = find(&v, "__vdso_clock_getres");
  for (unsigned i = 0; clock_getres_ && i < sizeof clocks / sizeof *clocks; i++) {
    int r = clock_getres_(clocks[i], &t);
    printf("%d %ld %ld; ", r, (long)t.tv_sec, (long)t.tv_nsec);
  }
  if (clock_getres_) printf("null %d bad %d\n", clock_getres_(0, NULL), clock_getres_(77, &t));
#ifdef __x86_64__
  clock_gettime_ = find(&v, "clock_gettime");
  if (clock_gettime_) printf("%d\n", clock_gettime_(0, &t));
  if (find(&v, "time")) printf("\n");
  if (find(&v, "getcpu")) printf("\n");
  if (find(&v, "gettimeofday")) printf("\n");
  if (find(&v, "clock_getres")) printf("\n");
#else
  int (*clock_gettime64_)(clockid_t, struct wide *) = find(&v, "__vdso_clock_gettime64");
  for (unsigned i = 0; clock_gettime64_ && i < sizeof clocks / sizeof *clocks; i++) {
    struct wide w;
    double from = now(clocks[i]);
    int r = clock_gettime64_(clocks[i], &w);
    double mid = w.sec + w.nsec / 1e9;
    printf("%d ", r == 0 && near(from - 1e-4, mid) && near(mid, now(clocks[i]) + 1e-4));
  }
  if (clock_gettime64_) { struct wide w; printf("\nbad %d\n", clock_gettime64_(77, &w)); }
  void *entry = find(&v, "__kernel_vsyscall");
  printf("is AT_SYSINFO %d and gs:0x10 too %d\n", (unsigned long)entry == getauxval(AT_SYSINFO), ({ void *p; asm("mov %%gs:0x10, %0" : "=r"(p)); p; }) == entry);
  if (find(&v, "__kernel_sigreturn")) printf("code %02x\n", 0);
  if (find(&v, "__kernel_rt_sigreturn")) printf("code %02x\n", 0);
  printf("getpid through it %d\n", vsyscall(SYS_getpid, 0, 0, 0, 0, 0, 0) == getpid());
  printf("unknown call %ld\n", vsyscall(5000, 1, 2, 3, 4, 5, 6));
  int fd = open("/proc/self/exe", O_RDONLY);
  char *m = (char *)vsyscall(SYS_mmap2, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 1);
  char page[4096];
  printf("six arguments %d\n", pread(fd, page, 4096, 4096) == 4096 && memcmp(page, m, 4096) == 0);
  printf("bad pointer %ld\n", vsyscall(SYS_write, 1, 16, 5, 0, 0, 0));
  // A signal while a call waits there, without and with restart; and clone and vfork that come back twice.
  for (int restart = 0; restart < 2; restart++) {
    struct sigaction act = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
    sigaction(SIGALRM, &act, NULL);
    int ends[2];
    pipe(ends);
    caught = 0;
    pid_t child = fork();
    if (child == 0) { usleep(150000); write(ends[1], "x", 1); _exit(0); }
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 30000}}, NULL);
    char c = 0;
    long r = vsyscall(SYS_read, ends[0], (long)&c, 1, 0, 0, 0);
    printf("restart %d: %ld caught %d\n", restart, r, caught == SIGALRM);
    waitpid(child, NULL, 0);
  }
  fflush(stdout);
  long pid = vsyscall(SYS_fork, 0, 0, 0, 0, 0, 0);
  if (pid == 0) _exit(3);
  int status;
  printf("fork through it %d", waitpid(pid, &status, 0) == pid);
  printf(" %x\n", status);
  fflush(stdout);
  // sysenter by hand: the kernel comes back to the vDSO, with what that has pushed. AMD's processors have none under a 64-bit kernel.
  unsigned vendor, unused;
  asm volatile("cpuid" : "=b"(vendor), "=a"(unused) : "a"(0) : "ecx", "edx");
  if (vendor == 0x68747541 || vendor == 0x6f677948) printf("sysenter by hand 1\n");
  else {
  long r;
  asm volatile("push %%ebp; push $1f; push %%ecx; push %%edx; push %%ebp; mov %%esp, %%ebp; sysenter; hlt; 1: pop %%ebp" : "=a"(r) : "a"(SYS_getppid) : "ecx", "edx", "memory");
  printf("sysenter by hand %d\n", r == getppid());
  }
#endif
  // The names in /proc.
  FILE *f = fopen("/proc/self/maps", "r");
  char line[512];
  while (fgets(line, sizeof line, f)) {
    char *name = strchr(line, '[');
    if (name != NULL && (strstr(name, "vdso"))) printf("%.4s %s", strchr(line, ' ') + 1, name);
    if (name != NULL && strstr(name, "vdso")) printf("starts where it says: %d\n", strtoul(line, NULL, 16) == getauxval(AT_SYSINFO_EHDR));
  }
  fclose(f);
  errno = 0;
  printf("write into it %d\n", mprotect((void *)getauxval(AT_SYSINFO_EHDR), 4096, PROT_READ | PROT_EXEC));
  return 0;
}
