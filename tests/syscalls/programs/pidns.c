/* PID namespaces: numbers inside and outside, init's rules, its end, /proc, credentials and locks across (pid_namespaces(7)). */
#include "test.h"
#include <dirent.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PART(name) do { say("-- %s\n", #name); fflush(stdout); pid_t p_ = fork(); if (p_ == 0) { name(); _exit(0); } \
  int s_; waitpid(p_, &s_, 0); if (s_) say("%s ended %x\n", #name, s_); } while (0)

/* Runs in a child that is number 1 of a new space. */
static void status_of(const char *what, pid_t pid) {
  int s;
  if (waitpid(pid, &s, 0) != pid) { say("%s: %s\n", what, ename(errno)); return; }
  if (WIFEXITED(s)) say("%s exit %d\n", what, WEXITSTATUS(s));
  else say("%s signal %d\n", what, WTERMSIG(s));
}
static pid_t clone_new(int flags) { return syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0); }
static void show_rows(const char *path) {
  char line[256];
  FILE *f = fopen(path, "r");
  if (f == NULL) { say("%s: %s\n", path, ename(errno)); return; }
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, "Tgid", 4) || !strncmp(line, "Pid:", 4) || !strncmp(line, "PPid", 4) || !strncmp(line, "NS", 2) || !strncmp(line, "TracerPid", 9)) say("%s", line);
  fclose(f);
}
static void list_proc(void) {
  DIR *d = opendir("/proc");
  struct dirent *e;
  say("proc:");
  while ((e = readdir(d))) if (e->d_name[0] >= '0' && e->d_name[0] <= '9') say(" %s", e->d_name);
  say("\n");
  closedir(d);
}
static void mount_proc(void) {
  R(unshare(CLONE_NEWNS));
  R(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  R(mount("proc", "/proc", "proc", 0, NULL));
}

static void numbers(void) {
  pid_t first = clone_new(CLONE_NEWPID);
  if (first == 0) {
    say("%d %d %d\n", getpid(), getppid(), (int)syscall(SYS_gettid));
    say("group %d session %d\n", getpgrp(), getsid(0));
    R(getpgid(1));
    R(setsid());
    R(getsid(1));
    pid_t child = fork();
    if (child == 0) {
      say("%d of %d, group %d\n", getpid(), getppid(), getpgrp());
      R(setpgid(0, 0));
      say("group %d\n", getpgrp());
      R(kill(1, 0));
      R(kill(2, 0));
      R(kill(77777, 0));
      _exit(5);
    }
    say("child %d\n", child);
    status_of("child", child);
    for (int i = 0; i < 3; i++) {
      pid_t p = fork();
      if (p == 0) _exit(i);
      siginfo_t si;
      memset(&si, 0, sizeof si);
      R(waitid(P_PID, p, &si, WEXITED | WNOWAIT));
      say("si_pid %d status %d\n", si.si_pid, si.si_status);
      R(wait4(-1, NULL, 0, NULL));
    }
    pid_t v = vfork();
    if (v == 0) _exit(0);
    say("vfork %d\n", v);
    R(waitpid(v, NULL, 0));
    int ptid = 0, ctid = 0;
    pid_t c = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &ptid,
#ifdef __i386__
      0, &ctid);
#else
      &ctid, 0);
#endif
    if (c == 0) { say("child tid %d\n", ctid); _exit(0); }
    R(waitpid(c, NULL, 0));
    say("clone %d parent tid %d\n", c, ptid);
    R(getpriority(PRIO_PROCESS, 1));
    R(getpriority(PRIO_PROCESS, 77));
    R(getpriority(PRIO_PGRP, 1));
    R(sched_getscheduler(1));
    R(sched_getscheduler(55));
    int fd = syscall(SYS_pidfd_open, 1, 0);
    say("pidfd %d\n", fd >= 0);
    R(syscall(SYS_pidfd_open, 99, 0));
    clockid_t clock;
    R(clock_getcpuclockid(1, &clock));
    R(clock_getcpuclockid(99, &clock));
    _exit(3);
  }
  status_of("init", first);
  say("seen from outside %d\n", first > 1);
}

static volatile int got;
static void on_signal(int sig, siginfo_t *si, void *u) { (void)u; got = sig; say("signal %d code %d from %d\n", sig, si->si_code, si->si_pid); }
static void catch(int sig) {
  struct sigaction a = { .sa_flags = SA_SIGINFO };
  a.sa_sigaction = on_signal;
  sigaction(sig, &a, NULL);
}
static void wait_for_signal(void) { while (!got) usleep(1000); got = 0; }

static void init_rules(void) {
  int p[2], q[2];
  char c;
  R(pipe(p));
  R(pipe(q));
  catch(SIGUSR2);
  pid_t init = clone_new(CLONE_NEWPID);
  if (init == 0) {
    /* Nothing without a handler reaches init from inside. */
    R(kill(1, SIGKILL));
    R(kill(1, SIGTERM));
    R(kill(1, SIGSTOP));
    R(raise(SIGABRT));
    catch(SIGUSR1);
    pid_t child = fork();
    if (child == 0) { kill(1, SIGTERM); kill(1, SIGKILL); sigqueue(1, SIGUSR1, (union sigval){ .sival_int = 1 }); _exit(0); }
    wait_for_signal();
    status_of("child", child);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    child = fork();
    if (child == 0) { kill(1, SIGUSR1); kill(1, SIGTERM); _exit(0); }
    status_of("child", child);
    sigpending(&set);
    say("pending %d %d\n", sigismember(&set, SIGUSR1), sigismember(&set, SIGTERM));
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    got = 0;
    write(p[1], "x", 1);
    wait_for_signal();
    write(p[1], "x", 1);
    read(q[0], &c, 1);
    say("still here\n");
    write(p[1], "x", 1);
    for (;;) pause();
  }
  read(p[0], &c, 1);
  kill(init, SIGUSR1);
  read(p[0], &c, 1);
  R(kill(init, SIGTERM));
  R(kill(init, SIGINT));
  write(q[1], "y", 1);
  read(p[0], &c, 1);
  R(kill(init, SIGSTOP));
  int s;
  R(waitpid(init, &s, WUNTRACED) == init && WIFSTOPPED(s));
  R(kill(init, SIGCONT));
  R(kill(init, SIGKILL));
  status_of("init", init);
  /* Its own fault kills even init. */
  init = clone_new(CLONE_NEWPID);
  if (init == 0) { *(volatile int *)0 = 1; _exit(0); }
  status_of("init", init);
  init = clone_new(CLONE_NEWPID);
  if (init == 0) { abort(); }
  status_of("init", init);
}

static void orphans(void) {
  pid_t init = clone_new(CLONE_NEWPID);
  if (init == 0) {
    int p[2];
    char c;
    R(pipe(p));
    pid_t child = fork();
    if (child == 0) {
      if (fork() == 0) {
        close(p[0]);
        while (getppid() == 2) usleep(1000);
        c = getppid();
        write(p[1], &c, 1);
        _exit(9);
      }
      _exit(0);
    }
    status_of("child", child);
    read(p[0], &c, 1);
    say("adopted by %d\n", c);
    int s;
    pid_t who = wait(&s);
    say("reaped %d exit %d\n", who, WEXITSTATUS(s));
    _exit(0);
  }
  status_of("init", init);
}

/* Init's end takes all with it, those in nested spaces and of other sessions too; only then it is a zombie. */
static void death(void) {
  int p[2];
  char c;
  R(pipe(p));
  pid_t init = clone_new(CLONE_NEWPID);
  if (init == 0) {
    close(p[0]);
    signal(SIGCHLD, SIG_DFL);
    for (int i = 0; i < 3; i++) if (fork() == 0) {
      if (i == 1) setsid();
      if (i == 2 && clone_new(CLONE_NEWPID) == 0) { write(p[1], "n", 1); for (;;) pause(); }
      sigset_t all;
      sigfillset(&all);
      sigprocmask(SIG_SETMASK, &all, NULL);
      write(p[1], "c", 1);
      for (;;) pause();
    }
    write(p[1], "i", 1);
    for (;;) pause();
  }
  close(p[1]);
  for (int i = 0; i < 5; i++) read(p[0], &c, 1);
  R(kill(init, SIGKILL));
  R(read(p[0], &c, 1));
  status_of("init", init);
  /* A space whose init is gone takes nobody. */
  R(unshare(CLONE_NEWPID));
  R(unshare(CLONE_NEWPID));
  pid_t one = fork();
  if (one == 0) { say("%d\n", getpid()); _exit(0); }
  status_of("first", one);
  pid_t two = fork();
  if (two == 0) _exit(0);
  say("second %s\n", two < 0 ? ename(errno) : "born");
}

static void *thread(void *arg) { *(int *)arg = syscall(SYS_gettid); return NULL; }
static void by_unshare(void) {
  pthread_t id;
  int tid = 0, before = getpid();
  R(unshare(CLONE_NEWPID));
  say("own pid kept %d\n", getpid() == before);
  say("thread %s\n", ename(pthread_create(&id, NULL, thread, &tid)));
  char link[64], other[64];
  link[readlink("/proc/self/ns/pid", link, 63)] = 0;
  R(readlink("/proc/self/ns/pid_for_children", other, 63));
  pid_t init = fork();
  if (init == 0) {
    say("%d %d\n", getpid(), getppid());
    pthread_create(&id, NULL, thread, &tid);
    pthread_join(id, NULL);
    say("thread %d\n", tid);
    pid_t child = fork();
    if (child == 0) { say("%d %d\n", getpid(), getppid()); _exit(0); }
    status_of("child", child);
    _exit(0);
  }
  status_of("init", init);
  other[readlink("/proc/self/ns/pid_for_children", other, 63)] = 0;
  say("another %d\n", strcmp(link, other) != 0);
  R(clone_new(CLONE_NEWPID | CLONE_PARENT) < 0);
}

static void in_proc(void) {
  pid_t init = clone_new(CLONE_NEWPID);
  if (init == 0) {
    char b[64];
    R(readlink("/proc/self", b, 63) > 0);
    mount_proc();
    list_proc();
    memset(b, 0, sizeof b);
    R(readlink("/proc/self", b, 63));
    say("self %s\n", b);
    memset(b, 0, sizeof b);
    R(readlink("/proc/thread-self", b, 63));
    say("thread-self %s\n", b);
    show_rows("/proc/self/status");
    pid_t nested = clone_new(CLONE_NEWPID);
    if (nested == 0) {
      show_rows("/proc/2/status");
      list_proc();
      R(readlink("/proc/self", b, 63));
      mount_proc();
      list_proc();
      show_rows("/proc/1/status");
      R(access("/proc/2", F_OK));
      _exit(0);
    }
    status_of("nested", nested);
    list_proc();
    FILE *f = fopen("/proc/1/stat", "r");
    int pid, ppid, pgrp, sid;
    char comm[32], st;
    R(fscanf(f, "%d (%31[^)]) %c %d %d %d", &pid, comm, &st, &ppid, &pgrp, &sid));
    say("stat %d %d %d %d\n", pid, ppid, pgrp, sid);
    fclose(f);
    int fd = syscall(SYS_pidfd_open, 1, 0);
    snprintf(b, sizeof b, "/proc/self/fdinfo/%d", fd);
    char line[128];
    f = fopen(b, "r");
    while (fgets(line, sizeof line, f)) if (strstr(line, "id:") && !strstr(line, "mnt")) say("%s", line);
    fclose(f);
    _exit(0);
  }
  status_of("init", init);
}

static void over_sockets(void) {
  int s[2], on = 1;
  R(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  R(setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  R(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  pid_t init = clone_new(CLONE_NEWPID);
  for (int round = 0; round < 2; round++) {
    if ((init == 0) == (round == 0)) {
      if (write(s[init == 0], "x", 1) != 1) say("write %s\n", ename(errno));
    } else {
      char b[4], control[64];
      struct iovec v = { b, 4 };
      struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
      if (recvmsg(s[init == 0], &m, 0) != 1) say("recvmsg %s\n", ename(errno));
      struct ucred *u = (struct ucred *)CMSG_DATA(CMSG_FIRSTHDR(&m));
      if (init == 0) say("inside sees %d\n", u->pid);
      else say("outside sees the child %d\n", u->pid == init);
    }
  }
  struct ucred peer;
  socklen_t l = sizeof peer;
  if (init == 0) {
    struct sockaddr_nl n = { .nl_family = AF_NETLINK };
    socklen_t size = sizeof n;
    R(unshare(CLONE_NEWNET));
    int link = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    R(bind(link, (void *)&n, sizeof n));
    R(getsockname(link, (void *)&n, &size));
    say("netlink port %d\n", n.nl_pid);
  }
  if (init == 0) { R(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &peer, &l)); say("peer %d\n", peer.pid); _exit(0); }
  status_of("init", init);
  R(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &peer, &l));
  say("peer is self %d\n", peer.pid == getpid());
}

static void ids_in_calls(void) {
  int fd = open("pidns-lock", O_RDWR | O_CREAT, 0644);
  struct flock k = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
  R(fcntl(fd, F_SETLK, &k));
  pid_t init = clone_new(CLONE_NEWPID);
  if (init == 0) {
    k.l_type = F_WRLCK;
    R(fcntl(fd, F_GETLK, &k));
    say("holder %d\n", k.l_pid);
    k.l_type = F_WRLCK;
    k.l_start = 5;
    R(fcntl(fd, F_SETLK, &k));
    pid_t child = fork();
    if (child == 0) { R(fcntl(fd, F_GETLK, &k)); say("holder %d\n", k.l_pid); _exit(0); }
    status_of("child", child);
    R(fcntl(fd, F_SETOWN, 1));
    R(fcntl(fd, F_GETOWN));
    R(fcntl(fd, F_SETOWN, 99));
    int q = msgget(IPC_PRIVATE, 0600);
    struct { long type; char b[4]; } m = { 1, "abc" };
    R(msgsnd(q, &m, 4, 0));
    struct msqid_ds ds;
    R(msgctl(q, IPC_STAT, &ds));
    say("sender %d receiver %d\n", ds.msg_lspid, ds.msg_lrpid);
    R(msgctl(q, IPC_RMID, NULL));
    int sem = semget(IPC_PRIVATE, 1, 0600);
    R(semctl(sem, 0, SETVAL, 1));
    R(semctl(sem, 0, GETPID));
    R(semctl(sem, 0, IPC_RMID));
    pthread_mutex_t *mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, 1);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(mutex, &a);
    child = fork();
    if (child == 0) { say("lock %d word %d\n", pthread_mutex_lock(mutex), *(int *)mutex & 0x3fffffff); _exit(0); }
    status_of("child", child);
    say("lock %s\n", ename(pthread_mutex_lock(mutex)));
    say("consistent %d unlock %d\n", pthread_mutex_consistent(mutex), pthread_mutex_unlock(mutex));
    _exit(0);
  }
  status_of("init", init);
}

/* A tracer outside sees its own numbers; one inside those of its space. */
static void traced(void) {
  pid_t init = clone_new(CLONE_NEWPID);
  if (init == 0) {
    pid_t child = fork();
    if (child == 0) {
      R(ptrace(PTRACE_TRACEME, 0, 0, 0));
      raise(SIGSTOP);
      pid_t p = fork();
      if (p == 0) _exit(0);
      waitpid(p, NULL, 0);
      _exit(0);
    }
    int s;
    R(waitpid(child, &s, 0) == child);
    R(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEFORK));
    R(ptrace(PTRACE_CONT, child, 0, 0));
    R(waitpid(child, &s, 0) == child);
    unsigned long message = 0;
    R(ptrace(PTRACE_GETEVENTMSG, child, 0, &message));
    say("status %x message %lu\n", s, message);
    R(waitpid(message, &s, __WALL) == (int)message);
    R(ptrace(PTRACE_CONT, message, 0, 0));
    R(waitpid(message, &s, __WALL) == (int)message);
    R(ptrace(PTRACE_CONT, child, 0, 0));
    R(waitpid(child, &s, 0) == child);
    _exit(0);
  }
  status_of("init", init);
}

static pid_t clone_with(int *tids, int n, int flags) {
  struct { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size; } a;
  memset(&a, 0, sizeof a);
  a.flags = flags;
  a.exit_signal = SIGCHLD;
  a.set_tid = (uintptr_t)tids;
  a.set_tid_size = n;
  return syscall(SYS_clone3, &a, sizeof a);
}
static void wanted(void) {
  int t1[] = { 1 }, t2[] = { 2 }, t42[] = { 42 }, two[] = { 7, 77 }, zero[] = { 0 };
  R(clone_with(t2, 1, CLONE_NEWPID));
  pid_t init = clone_with(t1, 1, CLONE_NEWPID);
  if (init == 0) {
    say("%d\n", getpid());
    pid_t c = clone_with(t42, 1, 0);
    if (c == 0) { pause(); _exit(0); }
    say("%d\n", c);
    R(clone_with(t1, 1, 0));
    R(clone_with(t42, 1, 0));
    R(clone_with(zero, 1, 0));
    R(clone_with(two, 33, 0));
    R(kill(42, SIGKILL));
    status_of("child", c);
    pid_t nested = clone_with(two, 2, CLONE_NEWPID);
    say("wrong first %s\n", nested < 0 ? ename(errno) : "?");
    two[0] = 1;
    nested = clone_with(two, 2, CLONE_NEWPID);
    if (nested == 0) _exit(getpid());
    say("nested %d\n", nested);
    status_of("nested", nested);
    c = fork();
    if (c == 0) _exit(0);
    say("next %d\n", c);
    wait(NULL);
    _exit(0);
  }
  status_of("init", init);
}

static void entered(void) {
  int p[2], q[2], r[2];
  char c;
  R(pipe(p));
  R(pipe(q));
  R(pipe(r));
  pid_t init = clone_new(CLONE_NEWPID);
  if (init == 0) {
    pid_t inner = clone_new(CLONE_NEWPID);
    if (inner == 0) { read(r[0], &c, 1); _exit(0); }
    write(p[1], "x", 1);
    read(q[0], &c, 1);
    int s;
    R(waitpid(-1, &s, 0) > 0);
    _exit(0);
  }
  read(p[0], &c, 1);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/pid", init);
  int there = open(path, O_RDONLY), here = open("/proc/self/ns/pid", O_RDONLY);
  R(ioctl(there, NS_GET_NSTYPE) == CLONE_NEWPID);
  int up = ioctl(there, NS_GET_PARENT);
  struct stat a, b;
  fstat(up, &a);
  fstat(here, &b);
  say("parent is here %d\n", a.st_ino == b.st_ino);
  R(setns(there, CLONE_NEWUTS));
  R(setns(there, CLONE_NEWPID));
  pid_t child = fork();
  if (child == 0) {
    say("%d of %d\n", getpid(), getppid());
    R(setns(here, CLONE_NEWPID));
    R(kill(1, 0));
    R(kill(2, 0));
    _exit(6);
  }
  status_of("child", child);
  R(setns(here, CLONE_NEWPID));
  child = fork();
  if (child == 0) { say("back %d\n", getpid() > 3); _exit(0); }
  status_of("child", child);
  write(r[1], "y", 1);
  write(q[1], "y", 1);
  status_of("init", init);
}

/* kill(-1) reaches its own space only. */
static void everybody(void) {
  pid_t outside = fork();
  if (outside == 0) for (;;) pause();
  pid_t init = clone_new(CLONE_NEWPID);
  if (init == 0) {
    R(kill(-1, SIGTERM));
    pid_t children[3];
    for (int i = 0; i < 3; i++) if ((children[i] = fork()) == 0) for (;;) pause();
    R(kill(-1, SIGTERM));
    for (int i = 0; i < 3; i++) status_of("child", children[i]);
    _exit(0);
  }
  status_of("init", init);
  R(kill(outside, 0));
  R(kill(outside, SIGKILL));
  status_of("outside", outside);
}

static void without_right(void) {
  if (setresgid(2345, 2345, 2345) || setresuid(2345, 2345, 2345)) say("set?\n");
  R(unshare(CLONE_NEWPID));
  R(clone_new(CLONE_NEWPID));
  R(clone_new(CLONE_NEWPID | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM));
  pid_t init = clone_new(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS);
  if (init == 0) {
    say("%d\n", getpid());
    R(mount("proc", "/proc", "proc", 0, NULL));
    _exit(0);
  }
  status_of("init", init);
}

int main(void) {
  enter_tmp();
  PART(numbers);
  PART(init_rules);
  PART(orphans);
  PART(death);
  PART(by_unshare);
  PART(in_proc);
  PART(over_sockets);
  PART(ids_in_calls);
  PART(traced);
  PART(wanted);
  PART(entered);
  PART(everybody);
  PART(without_right);
  leave_tmp();
  return 0;
}
