/* Which of several errors a call tells, structures that have grown, values longer than what they are for: found by strace's own tests. */
#include "test.h"
#include <arpa/inet.h>
#include <grp.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/user.h>

static char *end;                       /* end of the last readable byte */
static void *at(const void *data, int n) { return memcpy(end - n, data, n); }

static void sockets(void) {
  int s = socket(AF_INET, SOCK_DGRAM, 0), u = socket(AF_UNIX, SOCK_STREAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0), one = 1;
  struct linger l = { 1, 5 };
  R(setsockopt(s, SOL_SOCKET, SO_LINGER, at(&l, sizeof l), sizeof l + 1));
  R(setsockopt(s, SOL_SOCKET, SO_LINGER, at(&l, 7), sizeof l));
  R(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, at(&one, 4), 5));
  R(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, at(&one, 3), 4));
  R(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, at(&one, 3), 3));
  R(setsockopt(u, SOL_SOCKET, SO_REUSEPORT, at(&one, 4), 5));
  R(setsockopt(s, SOL_IP, IP_TTL, at("\5\0\0\0", 4), 9));
  R(setsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, &one, -2));
  R(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &one, -2));
  R(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &one, sizeof one));
  for (int name = 63; name < 66; name++) {
    int v = -1;
    socklen_t n = sizeof v;
    R(setsockopt(s, SOL_SOCKET, name, &one, sizeof one));
    R(getsockopt(s, SOL_SOCKET, name, &v, &n));
    say("%d: %d\n", name, v);
    n = sizeof v;
    if (name != 65) R(getsockopt(s, SOL_SOCKET, name == 63 ? 29 : 35, &v, &n)), say("old: %d\n", v);
  }
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t n = sizeof a;
  bind(s, (void *)&a, sizeof a);
  getsockname(s, (void *)&a, &n);
  for (int name = 63; name < 65; name++) {
    setsockopt(s, SOL_SOCKET, name, &one, sizeof one);
    sendto(s, "x", 1, 0, (void *)&a, sizeof a);
    char b[4], c[200];
    struct iovec v = { b, 4 };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof c };
    R(recvmsg(s, &m, 0));
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
      long long *t = (void *)CMSG_DATA(h);
      say("cmsg %d %d length %d near %d\n", h->cmsg_level, h->cmsg_type, (int)(h->cmsg_len - CMSG_LEN(0)), llabs(t[0] - time(NULL)) < 60);
    }
  }
  struct ipv6_mreq m6 = { .ipv6mr_interface = 1 };
  inet_pton(AF_INET6, "ff01::c", &m6.ipv6mr_multiaddr);
  R(setsockopt(s, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &m6, sizeof m6));
  R(setsockopt(six, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &m6, 19));
  struct ip_mreqn m4 = { .imr_address.s_addr = htonl(INADDR_LOOPBACK), .imr_multiaddr.s_addr = htonl(0xe0000103) };
  R(setsockopt(s, SOL_IP, IP_ADD_MEMBERSHIP, at(&m4, sizeof m4), sizeof m4 + 5));
}

static void grown(void) {
  unsigned long long clone[13] = { 0 };
  clone[4] = 0xdeadc0de;
  R(syscall(SYS_clone3, end - 64, 4097));
  memset(end - 96, 0, 96);
  end[-8] = 1;
  R(syscall(SYS_clone3, end - 96, 4096));
  end[-8] = 0;
  R(syscall(SYS_clone3, end - 96, 4096));
  R(syscall(SYS_clone3, end - 80, 88));
  R(syscall(SYS_clone3, end - 80, 63));
  memset(clone, 0, sizeof clone);
  clone[0] = 0x200000000ull;
  clone[10] = 0;
  R(syscall(SYS_clone3, clone, 88));
  R(syscall(SYS_clone3, clone, 80));
  clone[10] = 0x100000000ull;
  R(syscall(SYS_clone3, clone, 88));
  unsigned long long how[4] = { 0 };
  how[3] = 1;
  R(syscall(437, AT_FDCWD, "/", how, sizeof how));
  R(syscall(437, AT_FDCWD, "/", at(how, 24), 32));
  memcpy(end - 32, how, 32);
  R(syscall(437, AT_FDCWD, "/", end - 32, 100));
  R(syscall(437, AT_FDCWD, "/", how, 23));
  unsigned attr[64] = { 48 };
  R(syscall(SYS_sched_setattr, 0, attr, 0));
  attr[0] = 200;
  attr[30] = 1;
  R(syscall(SYS_sched_setattr, 0, attr, 0));
  say("size %u\n", attr[0]);
}

static void order(void) {
  struct timespec bad = { 0, -1 };
  char nothing[] = "";
  R(syscall(SYS_clock_settime, CLOCK_MONOTONIC, 0));
  R(syscall(SYS_clock_settime, 77, 0));
  R(faccessat(-1, "", F_OK, 0));
  R(syscall(439, -1, "", F_OK, 0));
  R(syscall(439, -1, "", F_OK, AT_EMPTY_PATH));
  R(syscall(SYS_mknodat, -1, "x", 0170644, 0));
  R(syscall(SYS_mknodat, -1, "x", S_IFDIR | 0644, 0));
  R(syscall(SYS_mknodat, -1, "x", S_IFLNK | 0644, 0));
  R(syscall(SYS_mknodat, -1, "x", S_IFREG | 0644, 0));
  R(syscall(SYS_mknodat, AT_FDCWD, -1L, S_IFDIR | 0644, 0));
  R(kill(999999, 99));
  R(kill(getpid(), 99));
  R(kill(-999999, 99));
  R(kill(0x80000000, 99));
  R(kill(0, 99));
  R(syscall(SYS_tgkill, 999999, 999999, 99));
  R(syscall(SYS_tgkill, getpid(), getpid(), 99));
  R(syscall(SYS_tkill, 999999, 99));
  R(syscall(SYS_tgkill, 0, 1, 99));
  R(syscall(SYS_mq_timedsend, -1, 0, 0, 99999, -1L));
  R(syscall(SYS_mq_timedsend, -1, 0, 0, 99999, 0));
  R(syscall(SYS_mq_timedsend, -1, 0, 0, 0, 0));
  R(semop(-1, NULL, 600));
  R(semop(-1, NULL, 0));
  R(semop(-1, NULL, 1));
  struct sembuf op = { 0, 1, 0 };
  R(semop(-1, &op, 1));
  R(openat(-1, "x", O_ACCMODE | O_TMPFILE, 0600));
  R(openat(-1, "x", O_RDONLY | O_TMPFILE, 0600));
  char *args[2] = { "x", (char *)1 };
  close(open("plain", O_CREAT | O_WRONLY, 0644));
  R(execve("plain", (char **)1, NULL));
  R(execve("plain", args, NULL));
  R(execve("missing", (char **)1, NULL));
  R(execve(".", (char **)1, NULL));
  R(execve("/bin/true", (char **)1, NULL));
}

static void various(void) {
  char name[20] = "";
  R(prctl(PR_SET_NAME, at("123456789abcdef", 15)));
  prctl(PR_GET_NAME, name);
  say("%s\n", name);
  R(prctl(PR_SET_NAME, at("123456789abcdef", 14)));
  R(prctl(PR_SET_NAME, at("short", 6)));
  R(prctl(PR_TASK_PERF_EVENTS_DISABLE));
  R(prctl(PR_TASK_PERF_EVENTS_ENABLE));
  struct f_owner_ex o = { F_OWNER_TID, 999999 };
  int p[2];
  pipe(p);
  R(fcntl(p[0], F_SETOWN_EX, &o));
  o.pid = getpid();
  R(fcntl(p[0], F_SETOWN_EX, &o));
  o.type = F_OWNER_PGRP;
  R(fcntl(p[0], F_SETOWN_EX, &o));
  int word = 5;
  R(syscall(SYS_futex, &word, FUTEX_REQUEUE, 1, 0x7a7b100d, &word + 1, 0));
  R(syscall(SYS_futex, &word, FUTEX_REQUEUE, 1, -5, &word + 1, 0));
  R(syscall(SYS_futex, &word, FUTEX_REQUEUE, -1, 1, &word + 1, 0));
#ifdef __x86_64__
  R(syscall(SYS_futex, &word, FUTEX_REQUEUE, 1, 0xbadda7a07a7b100dul, &word + 1, 0));
  R(syscall(SYS_arch_prctl, 0x2002, 0));
  R(syscall(SYS_arch_prctl, 0x2003, 0));
  R(syscall(SYS_arch_prctl, 0x1021, 0));
  void *m = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0xdeadbeefface000);
  say("%d\n", m != MAP_FAILED);
  m = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0x7fffffffffff0000);
  say("%d\n", m != MAP_FAILED);
  pid_t c = fork();
  if (c == 0) {
    ptrace(PTRACE_TRACEME);
    raise(SIGSTOP);
    _exit(0);
  }
  int st;
  waitpid(c, &st, 0);
  char fp[512];
  struct iovec v = { fp, 512 };
  R(ptrace(PTRACE_GETREGSET, c, 2, &v));
  say("%d\n", (int)v.iov_len);
  v.iov_len = 0;
  R(ptrace(PTRACE_SETREGSET, c, 2, &v));
  v.iov_len = 504;
  R(ptrace(PTRACE_SETREGSET, c, 2, &v));
  v.iov_len = 600;
  R(ptrace(PTRACE_SETREGSET, c, 2, &v));
  ptrace(PTRACE_KILL, c, 0, 0);
  waitpid(c, &st, 0);
#endif
  struct iovec l = { &word, 4 }, r = { &word, (size_t)-5 };
  R(syscall(SYS_process_vm_readv, getpid(), &l, 1, &r, 1, 0));
  R(syscall(SYS_process_vm_readv, getpid(), &r, 1, &l, 1, 0));
  setgroups(0, NULL);
  setresuid(1234, 1234, 1234);
  int own = shmget(IPC_PRIVATE, 4096, 0600), run = shmget(IPC_PRIVATE, 4096, 0700);
  R((long)shmat(own, NULL, SHM_RDONLY | SHM_EXEC));
  R((long)shmat(run, NULL, SHM_RDONLY | SHM_EXEC) != -1);
  int one = 1, s = socket(AF_INET, SOCK_DGRAM, 0);
  R(setsockopt(s, SOL_SOCKET, SO_DEBUG, &one, sizeof one));
  shmctl(own, IPC_RMID, NULL);
  shmctl(run, IPC_RMID, NULL);
}

int main(void) {
  enter_tmp();
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(page + 4096, 4096, PROT_NONE);
  end = page + 4096;
  sockets();
  grown();
  order();
  pid_t p = fork();
  if (p == 0) { various(); _exit(0); }
  waitpid(p, NULL, 0);
  return 0;
}
