#include "test.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
/* flags: -pthread */
/* seccomp's user notification: a supervisor that answers calls of another process; and what ptrace tells of filters. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_I386
#endif
static int listen_on(int number, unsigned flags) {
  struct sock_filter f[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
  struct sock_fprog p = { 4, f };
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}
static void nnp(void) { prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
static void send_fd(int to, int fd) {
  char c = 'f', control[CMSG_SPACE(4)] = ""; struct iovec v = { &c, 1 };
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
  struct cmsghdr *h = CMSG_FIRSTHDR(&m); h->cmsg_level = SOL_SOCKET; h->cmsg_type = SCM_RIGHTS; h->cmsg_len = CMSG_LEN(4); memcpy(CMSG_DATA(h), &fd, 4);
  sendmsg(to, &m, 0);
}
static int take_fd(int from) {
  char c, control[CMSG_SPACE(4)] = ""; struct iovec v = { &c, 1 }; int fd = -1;
  struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
  if (recvmsg(from, &m, 0) > 0 && CMSG_FIRSTHDR(&m)) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), 4);
  return fd;
}
static int listener, told; static pid_t target;
static struct seccomp_notif req; static struct seccomp_notif_resp resp;
/* A child that installs a listener for `number`, hands it over, and goes on with the rest; what it prints is shown when it has ended. */
#define TARGET(number, flags, ...) do { \
  int sv[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, sv); told = memfd_create("told", 0); \
  target = fork(); \
  if (target == 0) { dup2(told, 1); close(told); nnp(); int l = listen_on(number, SECCOMP_FILTER_FLAG_NEW_LISTENER | (flags)); send_fd(sv[0], l); close(l); __VA_ARGS__; _exit(0); } \
  listener = take_fd(sv[1]); close(sv[0]); close(sv[1]); \
} while (0)
static void ended(const char *name) {
  int s; char text[4096]; waitpid(target, &s, 0);
  if (told >= 0) { int n = pread(told, text, 4095, 0); text[n] = 0; say("%s", text); close(told); told = -1; }
  show_status(name, s);
}
static int receive(void) { memset(&req, 0, sizeof req); int r = ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req); if (r < 0) say("recv: %s\n", ename(errno)); return r; }
static int answer(long long val, int error, unsigned flags) { resp = (struct seccomp_notif_resp){ req.id, val, error, flags }; return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp); }
static int ready(void) { struct pollfd p = { listener, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, 0 }; poll(&p, 1, 0); return p.revents; }
static int ready_in(int ms) { struct pollfd p = { listener, POLLIN, 0 }; poll(&p, 1, ms); return p.revents; }
static void on(int s) { say("signal\n"); }
static int addfd(int src, unsigned flags, int newfd, unsigned newflags) { struct seccomp_notif_addfd a = { req.id, flags, src, newfd, newflags }; return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a); }
static void *recv_thread(void *a) { struct seccomp_notif q; memset(&q, 0, sizeof q); int r = ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &q); return (void *)(long)(r < 0 ? -errno : 1); }

int main(void) {
  struct sigaction restarts = { .sa_handler = on, .sa_flags = SA_RESTART }, breaks = { .sa_handler = on };
  unsigned action = SECCOMP_RET_USER_NOTIF; R(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
  struct seccomp_notif_sizes sizes; R(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes)); say("%d %d %d\n", sizes.seccomp_notif, sizes.seccomp_notif_resp, sizes.seccomp_data);

  CHILD("flags", {
    nnp(); R(listen_on(SYS_getppid, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC)); R(listen_on(SYS_getppid, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)); R(listen_on(SYS_getppid, 64));
    int l = R(listen_on(SYS_getppid, SECCOMP_FILTER_FLAG_NEW_LISTENER)); R(listen_on(SYS_getpid, SECCOMP_FILTER_FLAG_NEW_LISTENER)); R(listen_on(SYS_sched_yield, 0));
    say("cloexec %d flags %x\n", fcntl(l, F_GETFD), fcntl(l, F_GETFL) & ~0100000); char b[8] = "", link[64] = "", path[32]; R(read(l, b, 8)); R(write(l, b, 8)); R(lseek(l, 0, SEEK_SET)); sprintf(path, "/proc/self/fd/%d", l); readlink(path, link, 60); say("%s\n", link);
    /* the newer filter has no listener */
    R(syscall(SYS_sched_yield)); close(l); R(syscall(SYS_getppid)); R(listen_on(SYS_getpid, SECCOMP_FILTER_FLAG_NEW_LISTENER) >= 0); });
  CHILD("tsync", { nnp(); R(listen_on(SYS_getppid, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH)); });

  TARGET(SYS_getppid, 0, R(syscall(SYS_getppid, 11, 22, 33, 44, 55, 66)); R(syscall(SYS_getppid)); R(syscall(SYS_getppid) > 1); R(syscall(SYS_getppid)); R(syscall(SYS_getppid)); R(syscall(SYS_getppid)));
  say("waits %x\n", ready_in(3000)); say("ready %x\n", ready()); R(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, NULL)); req.pid = 1; R(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req));
  R(receive()); say("pid %d nr %d arch %d flags %d ip %d", req.pid == target, req.data.nr == SYS_getppid, req.data.arch == ARCH, req.flags, req.data.instruction_pointer != 0); for (int i = 0; i < 6; i++) say(" %lld", (long long)req.data.args[i]); say("\nready %x\n", ready());
  __u64 id = req.id; R(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id)); R(ioctl(listener, SECCOMP_IOR(2, __u64), &id)); id++; R(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id)); R(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, NULL));
  R(answer(0, 0, 2)); R(answer(1, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE)); R(answer(0, -1, SECCOMP_USER_NOTIF_FLAG_CONTINUE)); R(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, NULL)); req.id++; R(answer(1, 0, 0)); req.id--;
  R(ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 1)); R(ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 2)); R(ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 0)); R(ioctl(listener, TCGETS, &resp)); R(ioctl(listener, 0x1234, 0));
  R(answer(4711, 0, 0)); id = req.id;
  R(receive()); say("next %d\n", req.id == id + 1); R(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id)); R(answer(0, -EXDEV, 0));
  R(receive()); R(answer(0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE)); R(receive()); R(answer(-5, 0, 0)); R(receive()); R(answer(7, 9, 0)); R(receive()); R(answer(-4095, 0, 0)); ended("answered");
  say("gone %x\n", ready()); R(receive()); R(answer(0, 0, 0)); close(listener);

  /* The supervisor goes away. */
  TARGET(SYS_getppid, 0, R(syscall(SYS_getppid)); R(syscall(SYS_getppid))); say("%x\n", ready_in(3000)); close(listener); ended("left alone");
  TARGET(SYS_getppid, 0, R(syscall(SYS_getppid))); R(receive()); close(listener); ended("left alone while it waits");

  /* The target goes away, or is interrupted. */
  TARGET(SYS_getppid, 0, syscall(SYS_getppid)); R(receive()); kill(target, SIGKILL); ended("killed"); id = req.id; R(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id)); R(answer(0, 0, 0)); say("%x\n", ready()); close(listener);
  TARGET(SYS_getppid, 0, syscall(SYS_getppid)); say("%x\n", ready_in(3000)); kill(target, SIGKILL); ended("killed before"); R(receive()); close(listener);
  TARGET(SYS_getppid, 0, sigaction(SIGUSR1, &breaks, NULL); R(syscall(SYS_getppid)); R(syscall(SYS_getppid))); R(receive()); id = req.id; kill(target, SIGUSR1); R(receive()); say("another %d\n", req.id != id); R(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id)); R(answer(3, 0, 0)); ended("interrupted"); close(listener);
  TARGET(SYS_getppid, 0, sigaction(SIGUSR1, &restarts, NULL); R(syscall(SYS_getppid))); R(receive()); id = req.id; kill(target, SIGUSR1); R(receive()); say("another %d\n", req.id != id); R(answer(3, 0, 0)); ended("restarted"); close(listener);
  TARGET(SYS_getppid, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, sigaction(SIGUSR1, &breaks, NULL); R(syscall(SYS_getppid))); R(receive()); kill(target, SIGUSR1); msleep(50); id = req.id; R(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id)); R(answer(3, 0, 0)); ended("killable only"); close(listener);
  TARGET(SYS_getppid, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, syscall(SYS_getppid)); R(receive()); kill(target, SIGKILL); ended("killable"); close(listener);

  /* Waiting for a notification. */
  TARGET(SYS_getppid, 0, msleep(100); R(syscall(SYS_getppid))); R(receive()); R(answer(1, 0, 0)); ended("waited for"); close(listener);
  TARGET(SYS_getppid, 0, msleep(100)); { void *r; pthread_t th; pthread_create(&th, NULL, recv_thread, NULL); ended("never calls"); pthread_join(th, &r); say("recv %ld\n", (long)r); } close(listener);
  sigaction(SIGALRM, &breaks, NULL); TARGET(SYS_getppid, 0, pause()); { struct itimerval it = { { 0, 0 }, { 0, 50000 } }; setitimer(ITIMER_REAL, &it, NULL); R(receive()); } kill(target, SIGTERM); ended("quiet"); close(listener);
  /* Children have the filter, too. */
  TARGET(SYS_getppid, 0, CHILD("grandchild", { R(syscall(SYS_getppid)); })); R(receive()); say("other %d\n", req.pid != target); R(answer(77, 0, 0)); ended("with a child"); say("%x\n", ready()); close(listener);

  /* Descriptors for the target. */
  int p[2]; pipe(p);
  TARGET(SYS_getppid, 0, int a = syscall(SYS_getppid); char c = 0; say("got %d cloexec %d\n", a, fcntl(a, F_GETFD)); R(write(a, "w", 1)); a = syscall(SYS_getppid); say("got %d cloexec %d\n", a, fcntl(a, F_GETFD)); a = syscall(SYS_getppid); say("got %d: %d\n", a, write(50, "x", 1)); say("last %d\n", syscall(SYS_getppid)));
  say("%x\n", ready_in(3000)); R(addfd(p[1], 0, 0, 0)); R(receive());
  R(addfd(-1, 0, 0, 0)); R(addfd(p[1], 4, 0, 0)); R(addfd(p[1], 0, 0, O_NONBLOCK)); R(addfd(p[1], 0, 5, 0)); { struct seccomp_notif_addfd a = { req.id, 0, p[1] }; char big[64] = ""; memcpy(big, &a, sizeof a); R(ioctl(listener, SECCOMP_IOW(3, char[16]), &a)); big[40] = 1; R(ioctl(listener, SECCOMP_IOW(3, char[64]), big)); R(ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, NULL)); req.id++; R(addfd(p[1], 0, 0, 0)); req.id--; }
  { int fd = addfd(p[1], 0, 0, 0); say("gave %d\n", fd); R(answer(fd, 0, 0)); } char c = 0; R(read(p[0], &c, 1)); say("%c\n", c);
  R(receive()); { int fd = addfd(p[1], 0, 0, O_CLOEXEC); say("gave %d\n", fd); R(answer(fd, 0, 0)); }
  R(receive()); R(addfd(p[1], SECCOMP_ADDFD_FLAG_SETFD, 50, 0)); R(addfd(p[1], SECCOMP_ADDFD_FLAG_SETFD, 50, 0)); R(addfd(p[1], SECCOMP_ADDFD_FLAG_SETFD, 1 << 30, 0)); R(answer(50, 0, 0));
  R(receive()); R(addfd(p[1], SECCOMP_ADDFD_FLAG_SEND | SECCOMP_ADDFD_FLAG_SETFD, 1 << 30, 0)); R(addfd(p[1], SECCOMP_ADDFD_FLAG_SEND | SECCOMP_ADDFD_FLAG_SETFD, 60, 0)); ended("given"); close(listener);

  /* Under ptrace the call that goes on is a call, and filters can be looked at. */
  if (geteuid() == 0) {
    told = -1;
    target = fork();
    if (target == 0) { struct sock_filter f[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) }; struct sock_fprog pr = { 1, f }; R(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &pr)); listen_on(SYS_getppid, 0); ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); _exit(0); }
    int s; waitpid(target, &s, 0); struct sock_filter got[16]; memset(got, 0, sizeof got);
    R(ptrace(PTRACE_SECCOMP_GET_FILTER, target, 0, NULL)); R(ptrace(PTRACE_SECCOMP_GET_FILTER, target, 1, got)); say("%x %x %d %x\n", got[0].code, got[1].code, got[1].jf, got[2].k); R(ptrace(PTRACE_SECCOMP_GET_FILTER, target, 0, got)); say("%x %x\n", got[0].code, got[0].k); R(ptrace(PTRACE_SECCOMP_GET_FILTER, target, 2, got)); R(ptrace(PTRACE_SECCOMP_GET_FILTER, target, -1, got)); R(ptrace(PTRACE_SECCOMP_GET_FILTER, target, 0, 8));
    struct { __u64 off, flags, more; } meta = { 0, 99, 99 }; R(ptrace(PTRACE_SECCOMP_GET_METADATA, target, 24, &meta)); say("%d %d %d\n", (int)meta.off, (int)meta.flags, (int)meta.more); meta.off = 1; meta.flags = 99; R(ptrace(PTRACE_SECCOMP_GET_METADATA, target, 16, &meta)); say("%d %d\n", (int)meta.off, (int)meta.flags); meta.flags = 99; R(ptrace(PTRACE_SECCOMP_GET_METADATA, target, 8, &meta)); say("%d\n", (int)meta.flags); R(ptrace(PTRACE_SECCOMP_GET_METADATA, target, 7, &meta)); meta.off = 2; R(ptrace(PTRACE_SECCOMP_GET_METADATA, target, 16, &meta)); R(ptrace(PTRACE_SECCOMP_GET_METADATA, target, 16, 8));
    CHILD("with a filter of one's own", { listen_on(SYS_getppid, 0); target = fork(); if (target == 0) { ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); _exit(0); } waitpid(target, &s, 0); R(ptrace(PTRACE_SECCOMP_GET_FILTER, target, 0, NULL)); R(ptrace(PTRACE_SECCOMP_GET_METADATA, target, 16, &meta)); kill(target, SIGKILL); });
    ptrace(PTRACE_CONT, target, 0, 0); ended("looked at");
    target = fork(); if (target == 0) { ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); _exit(0); } waitpid(target, &s, 0); R(ptrace(PTRACE_SECCOMP_GET_FILTER, target, 0, NULL)); meta.off = 0; R(ptrace(PTRACE_SECCOMP_GET_METADATA, target, 16, &meta)); ptrace(PTRACE_CONT, target, 0, 0); ended("none");
  }
  return 0;
}
