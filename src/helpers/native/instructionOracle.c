// Runs single instructions on the real processor. Records on stdin, results on stdout, both struct record.
// The instruction addresses memory through rdi, xmm0 xmm1 rax rdx are loaded and stored around it.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct record {
  uint8_t code[16];     // [0] length, then the bytes
  uint8_t fpu[108];     // 16: fnsave image (32-bit layout)
  uint32_t mxcsr;       // 124
  uint64_t rax, rdx;    // 128, 136
  uint32_t eflags;      // 144
  uint32_t trap;        // 148: signal number, or 0
  uint64_t spare;       // 152
  uint8_t xmm[2][16];   // 160
  uint8_t mem[512];     // 192
} __attribute__((packed));

static struct record r __attribute__((aligned(64)));
static sigjmp_buf env;

static void onSignal(int n, siginfo_t *info, void *context) {
  (void)info;
  ucontext_t *uc = context;
  struct _libc_fpstate *fp = uc->uc_mcontext.fpregs;
  r.trap = n;
  r.mxcsr = fp->mxcsr;
  memcpy(r.xmm, fp->_xmm, 32);
  r.eflags = uc->uc_mcontext.gregs[REG_EFL];
  r.rax = uc->uc_mcontext.gregs[REG_RAX];
  siglongjmp(env, 1);
}

static const uint8_t before[] = {
    0x53,                                        // push rbx
    0x48, 0x89, 0xfb,                            // mov rbx, rdi
    0xdd, 0x63, 0x10,                            // frstor [rbx+16]
    0x0f, 0xae, 0x53, 0x7c,                      // ldmxcsr [rbx+124]
    0x0f, 0x10, 0x83, 0xa0, 0, 0, 0,             // movups xmm0, [rbx+160]
    0x0f, 0x10, 0x8b, 0xb0, 0, 0, 0,             // movups xmm1, [rbx+176]
    0x48, 0x8d, 0xbb, 0xc0, 0, 0, 0,             // lea rdi, [rbx+192]
    0xff, 0xb3, 0x90, 0, 0, 0, 0x9d,             // push qword [rbx+144]; popfq
    0x48, 0x8b, 0x83, 0x80, 0, 0, 0,             // mov rax, [rbx+128]
    0x48, 0x8b, 0x93, 0x88, 0, 0, 0,             // mov rdx, [rbx+136]
};
static const uint8_t after[] = {
    0x48, 0x89, 0x83, 0x80, 0, 0, 0,             // mov [rbx+128], rax
    0x48, 0x89, 0x93, 0x88, 0, 0, 0,             // mov [rbx+136], rdx
    0x9c, 0x59, 0x89, 0x8b, 0x90, 0, 0, 0,       // pushfq; pop rcx; mov [rbx+144], ecx
    0x0f, 0x11, 0x83, 0xa0, 0, 0, 0,             // movups [rbx+160], xmm0
    0x0f, 0x11, 0x8b, 0xb0, 0, 0, 0,             // movups [rbx+176], xmm1
    0x0f, 0xae, 0x5b, 0x7c,                      // stmxcsr [rbx+124]
    0xdd, 0x73, 0x10,                            // fnsave [rbx+16]
    0x5b, 0xc3,                                  // pop rbx; ret
};

int main(void) {
  uint8_t *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction sa = {.sa_sigaction = onSignal, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGFPE, &sa, 0);
  sigaction(SIGILL, &sa, 0);
  sigaction(SIGSEGV, &sa, 0);
  memcpy(code, before, sizeof before);
  uint32_t mxcsr = 0x1f80;
  while (fread(&r, sizeof r, 1, stdin) == 1) {
    memcpy(code + sizeof before, r.code + 1, r.code[0]);
    memcpy(code + sizeof before + r.code[0], after, sizeof after);
    r.trap = 0;
    if (sigsetjmp(env, 1) == 0) ((void (*)(struct record *))code)(&r);
    __asm__ volatile("fninit; ldmxcsr %0" ::"m"(mxcsr));
    fwrite(&r, sizeof r, 1, stdout);
  }
  return 0;
}
