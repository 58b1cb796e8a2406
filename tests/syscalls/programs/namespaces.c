/* User, UTS, IPC, mount and network namespaces: making, entering and what they keep apart (namespaces(7), user_namespaces(7)). */
#include "test.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/utsname.h>

/* Runs a part in a process of its own and says how it ended. */
#define PART(name) do { say("-- %s\n", #name); fflush(stdout); pid_t p_ = fork(); if (p_ == 0) { name(); _exit(0); } \
  int s_; waitpid(p_, &s_, 0); if (s_) say("%s ended %x\n", #name, s_); } while (0)

static int put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  if (fd < 0) return -1;
  int n = write(fd, text, strlen(text)), e = errno;
  close(fd);
  errno = e;
  return n;
}
static void cat(const char *path) {
  char b[4096];
  int fd = open(path, O_RDONLY), n;
  if (fd < 0) { say("%s: %s\n", path, ename(errno)); return; }
  say("%s:\n", path);
  while ((n = read(fd, b, sizeof b - 1)) > 0) b[n] = 0, say("%s", b);
  close(fd);
}
static void become(int id) {
  setgroups(0, NULL);
  setresgid(id, id, id);
  setresuid(id, id, id);
  prctl(PR_SET_DUMPABLE, 1);
}
static void ids(void) {
  uid_t r, e, s;
  gid_t a, b, c;
  getresuid(&r, &e, &s);
  getresgid(&a, &b, &c);
  say("uids %d %d %d gids %d %d %d groups %d fs %d %d\n", r, e, s, a, b, c, getgroups(0, NULL), setfsuid(-1), setfsgid(-1));
}
static void caps(void) {
  FILE *f = fopen("/proc/self/status", "r");
  char line[512];
  while (fgets(line, sizeof line, f)) if (!strncmp(line, "Cap", 3) || !strncmp(line, "Uid", 3) || !strncmp(line, "Gid", 3) || !strncmp(line, "Groups", 6)) say("%s", line);
  fclose(f);
}
static void owner(const char *path) {
  struct stat st;
  if (stat(path, &st)) say("%s: %s\n", path, ename(errno));
  else say("%s %o %d %d\n", path, st.st_mode, st.st_uid, st.st_gid);
}
static long nsid(const char *kind) {
  char p[64];
  struct stat st;
  snprintf(p, sizeof p, "/proc/self/ns/%s", kind);
  return stat(p, &st) ? -1 : (long)st.st_ino;
}

static void user_alone(void) {
  become(1234);
  long before = nsid("user");
  R(unshare(CLONE_NEWUSER));
  say("other %d\n", nsid("user") != before);
  ids();
  caps();
  owner("/");
  owner(".");
  cat("/proc/self/uid_map");
  cat("/proc/self/gid_map");
  cat("/proc/self/setgroups");
  R(setuid(0));
  R(setuid(1234));
  R(setgroups(0, NULL));
  R(put("/proc/self/uid_map", ""));
  R(put("/proc/self/uid_map", "x"));
  R(put("/proc/self/uid_map", "0 1234"));
  R(put("/proc/self/uid_map", "0 1234 0"));
  R(put("/proc/self/uid_map", "0 1234 2"));
  R(put("/proc/self/uid_map", "0 0 1"));
  R(put("/proc/self/uid_map", "0 1234 1 1\n"));
  R(put("/proc/self/uid_map", "0 1234 1\n5 1234 1\n"));
  R(put("/proc/self/gid_map", "0 1234 1"));
  R(put("/proc/self/setgroups", "denY"));
  R(put("/proc/self/setgroups", "deny\n"));
  R(put("/proc/self/setgroups", "allow"));
  R(put("/proc/self/gid_map", "7 1234 1"));
  R(put("/proc/self/uid_map", "0 1234 1\n"));
  R(put("/proc/self/uid_map", "0 1234 1\n"));
  cat("/proc/self/uid_map");
  cat("/proc/self/gid_map");
  cat("/proc/self/setgroups");
  ids();
  owner("/");
  owner(".");
  R(setgroups(0, NULL));
  R(setresuid(0, 0, 0));
  R(setresuid(1, 1, 1));
  R(seteuid(1234));
  R(setgid(0));
  R(setgid(7));
  R(close(open("mine", O_CREAT | O_RDWR, 0644)));
  owner("mine");
  R(chown("mine", 0, 7));
  R(chown("mine", 0, 0));
  R(chown("mine", 1, -1));
  R(chown("/tmp", 0, -1));
  R(chmod("/tmp", 01777));
  R(chown("roots", 0, 7));
  R(open("roots", O_RDONLY));
  R(mknod("dev", S_IFCHR | 0644, 0x103));
  R(chroot("."));
  R(unshare(CLONE_NEWUSER));
  R(setpriority(PRIO_PROCESS, 0, -5));
  R(sethostname("x", 1));
  R(mount("none", "/mnt", "tmpfs", 0, NULL));
  R(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME));
}

static void nested(void) {
  become(1234);
  R(unshare(CLONE_NEWUSER));
  R(put("/proc/self/setgroups", "deny"));
  R(put("/proc/self/uid_map", "10 1234 1"));
  R(put("/proc/self/gid_map", "20 1234 1"));
  ids();
  caps();
  R(unshare(CLONE_NEWUSER));
  ids();
  cat("/proc/self/uid_map");
  R(put("/proc/self/uid_map", "0 10 1"));
  cat("/proc/self/uid_map");
  R(put("/proc/self/gid_map", "0 20 1"));
  ids();
  R(unshare(CLONE_NEWUSER | CLONE_NEWUTS));
  ids();
  R(sethostname("deep", 4));
}

/* A map that the parent writes, with several lines. */
static void mapped_by_parent(void) {
  int a[2], b[2];
  char c;
  pipe(a);
  pipe(b);
  pid_t p = fork();
  if (p == 0) {
    become(2000);
    R(unshare(CLONE_NEWUSER));
    write(a[1], "x", 1);
    read(b[0], &c, 1);
    cat("/proc/self/uid_map");
    ids();
    caps();
    R(setgroups(2, (gid_t[]){ 5, 300 }));
    gid_t g[4];
    int n = R(getgroups(4, g));
    for (int i = 0; i < n; i++) say("group %d\n", g[i]);
    R(setresgid(1, 2, 3));
    R(setresuid(0, 0, 0));
    ids();
    R(setresuid(3, 4, 5));
    ids();
    caps();
    R(setuid(1005));
    R(setuid(3));
    R(open("roots", O_RDONLY));
    _exit(0);
  }
  char path[64];
  read(a[0], &c, 1);
  snprintf(path, sizeof path, "/proc/%d/uid_map", p);
  R(put(path, "0 2000 1\n1 100000 1000\n2000 300000 5"));
  R(put(path, "0 2000 1"));
  { char t[512] = ""; int fd = open(path, O_RDONLY); read(fd, t, sizeof t - 1); close(fd); say("seen from outside:\n%s", t); }
  snprintf(path, sizeof path, "/proc/%d/gid_map", p);
  R(put(path, "0 2000 1\n1 100000 1000"));
  snprintf(path, sizeof path, "/proc/%d/setgroups", p);
  R(put(path, "deny"));
  write(b[1], "x", 1);
  waitpid(p, NULL, 0);
}

/* What a process in a namespace may do to those outside, and the other way round. */
static void across(void) {
  int a[2], b[2];
  char c;
  pipe(a);
  pipe(b);
  become(1234);
  pid_t p = fork();
  if (p == 0) {
    unshare(CLONE_NEWUSER);
    write(a[1], "x", 1);
    read(b[0], &c, 1);
    _exit(0);
  }
  read(a[0], &c, 1);
  R(kill(p, 0));
  OK(ptrace(PTRACE_ATTACH, p, 0, 0));
  waitpid(p, NULL, 0);
  R(ptrace(PTRACE_DETACH, p, 0, 0));
  pid_t q = fork();
  if (q == 0) {
    R(unshare(CLONE_NEWUSER));
    R(kill(getppid(), 0));
    R(ptrace(PTRACE_ATTACH, getppid(), 0, 0));
    R(kill(1, 0));
    R(ptrace(PTRACE_ATTACH, p, 0, 0));
    _exit(0);
  }
  waitpid(q, NULL, 0);
  write(b[1], "x", 1);
  waitpid(p, NULL, 0);
}

static siginfo_t got;
static void on(int sig, siginfo_t *i, void *u) { got = *i; }
/* Ids in messages and signals are the receiver's. */
static void messages(void) {
  int sv[2], one = 1, b[2];
  char c;
  R(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
  setsockopt(sv[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
  setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
  pipe(b);
  become(1234);
  struct sigaction sa = { .sa_sigaction = on, .sa_flags = SA_SIGINFO };
  sigaction(SIGUSR1, &sa, NULL);
  pid_t p = fork();
  for (int side = 0; side < 2; side++) {
    if (p == 0) {
      if (side == 0) {
        unshare(CLONE_NEWUSER);
        put("/proc/self/setgroups", "deny");
        put("/proc/self/uid_map", "0 1234 1");
        put("/proc/self/gid_map", "50 1234 1");
        write(sv[0], "a", 1);
        read(b[0], &c, 1);
      } else {
        char cb[256], d;
        struct iovec v = { &d, 1 };
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = cb, .msg_controllen = sizeof cb };
        R(recvmsg(sv[0], &m, 0));
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        struct ucred *u = (struct ucred *)CMSG_DATA(h);
        say("inside: %d %d\n", u->uid, u->gid);
        struct ucred peer;
        socklen_t l = sizeof peer;
        getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &peer, &l);
        say("peer %d %d\n", peer.uid, peer.gid);
        kill(getpid(), SIGUSR1);
        say("signal from %d\n", got.si_uid);
        _exit(0);
      }
    } else if (side == 0) {
      char cb[256], d;
      struct iovec v = { &d, 1 };
      struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = cb, .msg_controllen = sizeof cb };
      R(recvmsg(sv[1], &m, 0));
      struct cmsghdr *h = CMSG_FIRSTHDR(&m);
      struct ucred *u = (struct ucred *)CMSG_DATA(h);
      say("outside: %d %d\n", u->uid, u->gid);
      struct ucred mine = { getpid(), 1234, 1234 };
      memset(cb, 0, sizeof cb);
      h = (struct cmsghdr *)cb;
      h->cmsg_len = CMSG_LEN(sizeof mine);
      h->cmsg_level = SOL_SOCKET;
      h->cmsg_type = SCM_CREDENTIALS;
      memcpy(CMSG_DATA(h), &mine, sizeof mine);
      m.msg_controllen = CMSG_SPACE(sizeof mine);
      R(sendmsg(sv[1], &m, 0));
      write(b[1], "x", 1);
      siginfo_t i;
      waitid(P_PID, p, &i, WEXITED);
      say("ended, of %d\n", i.si_uid);
    }
  }
}

static void names(void) {
  struct utsname u;
  R(sethostname("outside", 7));
  pid_t p = fork();
  if (p == 0) {
    R(unshare(CLONE_NEWUTS));
    uname(&u);
    say("%s\n", u.nodename);
    R(sethostname("inside", 6));
    R(setdomainname("dom", 3));
    uname(&u);
    say("%s %s\n", u.nodename, u.domainname);
    cat("/proc/sys/kernel/hostname");
    _exit(0);
  }
  waitpid(p, NULL, 0);
  uname(&u);
  say("%s\n", u.nodename);
}

static void uts_rights(void) {
  become(1234);
  R(unshare(CLONE_NEWUTS));
  R(unshare(CLONE_NEWIPC));
  R(unshare(CLONE_NEWNS));
  R(unshare(CLONE_NEWNET));
  R(unshare(CLONE_NEWCGROUP));
  R(unshare(CLONE_NEWUSER));
  R(sethostname("x", 1));
  R(unshare(CLONE_NEWUTS));
  R(sethostname("x", 1));
  R(unshare(CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWCGROUP));
}

static void *sleeper(void *x) { for (;;) pause(); }
static void unshare_flags(void) {
  R(unshare(0));
  R(unshare(1));
  R(unshare(CLONE_VFORK));
  R(unshare(CLONE_THREAD));
  R(unshare(CLONE_VM));
  R(unshare(CLONE_SIGHAND));
  R(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
  R(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
  R(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
  R(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0));
  R(syscall(SYS_clone, CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0, 0, 0));
  pthread_t th;
  pthread_create(&th, NULL, sleeper, NULL);
  R(unshare(CLONE_THREAD));
  R(unshare(CLONE_NEWUSER));
  R(unshare(CLONE_VM));
  R(unshare(CLONE_NEWUTS));
  R(unshare(CLONE_NEWNS));
  R(unshare(CLONE_NEWIPC));
  R(setns(open("/proc/self/ns/user", O_RDONLY), 0));
}

static void cloned(void) {
  become(1234);
  int p[2];
  pipe(p);
  pid_t c = syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
  if (c == 0) {
    char x;
    ids();
    R(sethostname("c", 1));
    R(mount("none", "/tmp", "tmpfs", 0, NULL));
    _exit(0);
  }
  if (c < 0) show("clone", c);
  waitpid(c, NULL, 0);
  R(syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0));
}

static void ipc(void) {
  /* Of this run alone: another variant may be running beside it. */
  key_t queues = 0x7e000000 + getpid(), semaphores = queues;
  int q = msgget(queues, IPC_CREAT | 0666);
  okay("msgget", q);
  int s = semget(semaphores, 1, IPC_CREAT | 0666);
  struct sembuf up = { 0, 1, SEM_UNDO };
  R(semop(s, &up, 1));
  R(semctl(s, 0, GETVAL));
  pid_t p = fork();
  if (p == 0) {
    R(semop(s, &up, 1));
    R(unshare(CLONE_NEWIPC));
    R(msgget(queues, 0));
    R(semget(semaphores, 1, 0));
    R(semctl(s, 0, GETVAL));
    okay("msgget", msgget(queues, IPC_CREAT | 0600));
    cat("/proc/self/setgroups");
    _exit(0);
  }
  waitpid(p, NULL, 0);
  R(semctl(s, 0, GETVAL));
  R(semctl(s, 0, IPC_RMID));
  R(msgctl(q, IPC_RMID, NULL));
  p = fork();
  if (p == 0) {
    become(1234);
    R(unshare(CLONE_NEWUSER | CLONE_NEWIPC));
    q = msgget(5, IPC_CREAT | 0600);
    struct msqid_ds ds;
    R(msgctl(q, IPC_STAT, &ds));
    say("%d %d %d %d\n", ds.msg_perm.uid, ds.msg_perm.gid, ds.msg_perm.cuid, ds.msg_perm.cgid);
    R(msgctl(q, IPC_SET, &ds));
    put("/proc/self/uid_map", "3 1234 1");
    put("/proc/self/setgroups", "deny");
    put("/proc/self/gid_map", "4 1234 1");
    R(msgctl(q, IPC_STAT, &ds));
    say("%d %d %d %d\n", ds.msg_perm.uid, ds.msg_perm.gid, ds.msg_perm.cuid, ds.msg_perm.cgid);
    R(msgctl(q, IPC_SET, &ds));
    _exit(0);
  }
  waitpid(p, NULL, 0);
}

static void listed(const char *what) {
  FILE *f = fopen("/proc/self/mounts", "r");
  char line[1024];
  while (fgets(line, sizeof line, f)) {
    char *at = strstr(line, tmp_dir), *end = at ? strchr(at, ' ') : NULL;
    if (end) {
      *end = 0;
      char type[32] = "";
      sscanf(end + 1, "%31s", type);
      say("%s: %s %s\n", what, at + strlen(tmp_dir), type);
    }
  }
  fclose(f);
}
static void touch(const char *p) { close(open(p, O_CREAT | O_WRONLY, 0644)); }

static void mounts(void) {
  mkdir("m", 0777);
  mkdir("n", 0777);
  mkdir("m/under", 0777);
  int back = open("/proc/self/ns/mnt", O_RDONLY);
  pid_t p = fork();
  if (p == 0) {
    R(unshare(CLONE_NEWNS));
    R(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    R(mount("some", "m", "tmpfs", MS_NOSUID, "size=1m,mode=750"));
    touch("m/inside");
    owner("m");
    listed("own");
    R(mount("m", "n", NULL, MS_BIND, NULL));
    R(access("n/inside", F_OK));
    R(mount(NULL, "n", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
    R(open("n/new", O_CREAT | O_WRONLY, 0644));
    R(umount("n"));
    R(rmdir("n"));
    R(mkdir("n", 0777));
    listed("own");
    pid_t q = fork();
    if (q == 0) {
      R(setns(back, CLONE_NEWUTS));
      R(setns(back, CLONE_NEWNS));
      R(chdir(tmp_dir));
      R(access("m/inside", F_OK));
      listed("back");
      _exit(0);
    }
    waitpid(q, NULL, 0);
    R(access("m/inside", F_OK));
    _exit(0);
  }
  waitpid(p, NULL, 0);
  listed("first");
  R(access("m/inside", F_OK));
  R(rmdir("m/under"));
  R(rmdir("m"));
  mkdir("m", 0777);
}

/* In a user namespace: mounts that came from outside stay as they are. */
static void lesser_mounts(void) {
  mkdir("lm", 0777);
  mkdir("lb", 0777);
  R(unshare(CLONE_NEWNS));
  R(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  R(mount("lm", "lm", "tmpfs", MS_NODEV | MS_NOSUID | MS_RDONLY, NULL));
  become(1234);
  R(unshare(CLONE_NEWUSER | CLONE_NEWNS));
  R(umount("lm"));
  R(umount2("lm", MNT_DETACH));
  R(mount(NULL, "lm", NULL, MS_REMOUNT | MS_BIND, NULL));
  R(mount(NULL, "lm", NULL, MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOSUID | MS_RDONLY | MS_NOEXEC, NULL));
  R(mount(".", "lb", NULL, MS_BIND, NULL));
  R(mount(".", "lb", NULL, MS_BIND | MS_REC, NULL));
  R(umount2("lb", MNT_DETACH));
  R(mount("lm", "lb", NULL, MS_BIND, NULL));
  R(umount("lb"));
  R(mount("x", "lb", "tmpfs", 0, NULL));
  R(mknod("lb/node", S_IFCHR | 0644, 0x103));
  R(umount("lb"));
  R(mount("x", "lb", "ext4", 0, NULL));
  R(mount("proc", "lb", "proc", 0, NULL));
  R(mount("sys", "lb", "sysfs", 0, NULL));
  R(mount("lm", "lb", NULL, MS_MOVE, NULL));
}

/* What is mounted in one user namespace, seen from the next. */
static void nested_mounts(void) {
  mkdir("nm", 0777);
  become(1234);
  R(unshare(CLONE_NEWUSER | CLONE_NEWNS));
  put("/proc/self/setgroups", "deny");
  put("/proc/self/uid_map", "0 1234 1");
  put("/proc/self/gid_map", "0 1234 1");
  R(mount("x", "nm", "ramfs", MS_NOEXEC, NULL));
  close(open("nm/file", O_CREAT | O_WRONLY, 0644));
  pid_t p = fork();
  if (p == 0) {
    R(unshare(CLONE_NEWUSER | CLONE_NEWNS));
    R(mount("x", "nm", "none", MS_REMOUNT | MS_BIND, NULL));
    R(mount("x", "nm", "none", MS_REMOUNT | MS_BIND | MS_NOEXEC, NULL));
    R(mount("x", "nm", "none", MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_RDONLY, NULL));
    R(mount("x", "nm", "none", MS_REMOUNT | MS_BIND | MS_NOEXEC, NULL));
    R(mount("x", "nm", "none", MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_NOATIME, NULL));
    R(mount("x", "nm", "none", MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_RELATIME, NULL));
    R(mount("x", "nm", "none", MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_STRICTATIME, NULL));
    owner("nm/file");
    _exit(0);
  }
  waitpid(p, NULL, 0);
  R(mount("x", "nm", "none", MS_REMOUNT | MS_BIND, NULL));
  R(umount("nm"));
}

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
static void no_links(void) {
  struct statfs fs;
  char b[10];
  mkdir("nl", 0777);
  R(unshare(CLONE_NEWNS));
  R(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  R(mount("x", "nl", "tmpfs", MS_NOSYMFOLLOW, NULL));
  close(open("nl/file", O_CREAT | O_WRONLY, 0644));
  mkdir("nl/dir", 0777);
  symlink("file", "nl/link");
  symlink("dir", "nl/dirlink");
  symlink("nl/file", "outside");
  R(open("nl/file", O_RDONLY));
  R(open("nl/link", O_RDONLY));
  R(open("nl/link", O_PATH | O_NOFOLLOW));
  R(open("nl/dirlink/x", O_RDONLY | O_CREAT, 0600));
  R(open("outside", O_RDONLY));
  R(readlink("nl/link", b, 10));
  R(access("nl/link", F_OK));
  R(statfs("nl", &fs));
  say("%lx\n", (long)(fs.f_flags & 0x2000));
  R(mount(NULL, "nl", NULL, MS_REMOUNT | MS_BIND, NULL));
  R(open("nl/link", O_RDONLY));
}

static void next_ids(void) {
  R(unshare(CLONE_NEWIPC));
  cat("/proc/sys/kernel/msg_next_id");
  R(put("/proc/sys/kernel/msg_next_id", "98310"));
  cat("/proc/sys/kernel/msg_next_id");
  R(msgget(IPC_PRIVATE, 0600));
  cat("/proc/sys/kernel/msg_next_id");
  R(put("/proc/sys/kernel/msg_next_id", "98310"));
  R(msgget(IPC_PRIVATE, 0600));
  R(put("/proc/sys/kernel/sem_next_id", "5"));
  R(semget(IPC_PRIVATE, 1, 0600));
  R(semget(IPC_PRIVATE, 1, 0600));
  R(put("/proc/sys/kernel/shm_next_id", "-1"));
  R(put("/proc/sys/kernel/shm_next_id", "x"));
}

static void pivot(void) {
  char cwd[512];
  mkdir("root", 0777);
  R(unshare(CLONE_NEWNS));
  R(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  R(syscall(SYS_pivot_root, "root", "root"));
  R(mount("r", "root", "tmpfs", 0, NULL));
  mkdir("root/old", 0777);
  mkdir("root/dir", 0777);
  touch("root/here");
  R(syscall(SYS_pivot_root, "root", "nowhere"));
  R(syscall(SYS_pivot_root, "root/here", "root/old"));
  R(syscall(SYS_pivot_root, "root/dir", "root/old"));
  R(syscall(SYS_pivot_root, "root", "."));
  R(syscall(SYS_pivot_root, "root", "root/old"));
  R(access("/here", F_OK));
  R(access("/old/tmp", F_OK));
  R(chdir("/"));
  say("%s\n", getcwd(cwd, sizeof cwd));
  R(umount2("/old", MNT_DETACH));
  R(access("/old/tmp", F_OK));
  R(rmdir("/old"));
  R(chdir(".."));
  R(access("here", F_OK));
}
/* As containers do it: without a place for the old root. */
static void pivot_dot(void) {
  R(unshare(CLONE_NEWNS));
  R(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  R(mount("r", "root", "tmpfs", 0, NULL));
  touch("root/here");
  R(chdir("root"));
  R(syscall(SYS_pivot_root, ".", "."));
  R(umount2(".", MNT_DETACH));
  R(chdir("/"));
  R(access("/here", F_OK));
  R(access("/tmp", F_OK));
}

static void entering(void) {
  int uts = open("/proc/self/ns/uts", O_RDONLY), self = open("/proc/self/ns/user", O_RDONLY), file = open("/dev/null", O_RDONLY);
  struct utsname u;
  struct statfs fs;
  R(setns(99, 0));
  R(setns(file, 0));
  R(setns(uts, CLONE_NEWIPC));
  R(setns(self, 0));
  R(ioctl(uts, NS_GET_NSTYPE) == CLONE_NEWUTS);
  OK(ioctl(uts, NS_GET_USERNS));
  R(ioctl(uts, NS_GET_PARENT));
  R(ioctl(self, NS_GET_PARENT));
  uid_t o = 9;
  R(ioctl(self, NS_GET_OWNER_UID, &o));
  say("owner %d\n", o);
  R(ioctl(uts, NS_GET_OWNER_UID, &o));
  char b[4];
  R(read(uts, b, 4));
  R(fstatfs(uts, &fs));
  say("%lx\n", (long)fs.f_type);
  int ready[2], go[2];
  char c;
  pipe(ready);
  pipe(go);
  pid_t p = fork();
  if (p == 0) {
    become(1234);
    unshare(CLONE_NEWUSER | CLONE_NEWUTS);
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", "0 1234 1");
    put("/proc/self/gid_map", "0 1234 1");
    sethostname("entered", 7);
    write(ready[1], "x", 1);
    read(go[0], &c, 1);
    _exit(0);
  }
  read(ready[0], &c, 1);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", p);
  int user = open(path, O_RDONLY);
  snprintf(path, sizeof path, "/proc/%d/ns/uts", p);
  int there = open(path, O_RDONLY);
  R(ioctl(user, NS_GET_OWNER_UID, &o));
  say("owner %d\n", o);
  pid_t q = fork();
  if (q == 0) {
    R(setns(there, 0));
    uname(&u);
    say("%s\n", u.nodename);
    R(setns(user, 0));
    ids();
    caps();
    R(setns(user, 0));
    R(setns(uts, 0));
    R(setns(there, CLONE_NEWUTS));
    R(sethostname("changed", 7));
    R(ioctl(user, NS_GET_PARENT));
    _exit(0);
  }
  waitpid(q, NULL, 0);
  q = fork();
  if (q == 0) {
    become(4321);
    R(setns(there, 0));
    R(setns(user, 0));
    _exit(0);
  }
  waitpid(q, NULL, 0);
  q = fork();
  if (q == 0) {
    int pidfd = syscall(SYS_pidfd_open, p, 0);
    become(1234);
    R(setns(pidfd, 0));
    R(setns(pidfd, CLONE_NEWUTS));
    R(setns(pidfd, CLONE_NEWUSER | CLONE_NEWUTS));
    uname(&u);
    say("%s\n", u.nodename);
    ids();
    R(setns(pidfd, CLONE_NEWUSER));
    R(setns(pidfd, CLONE_NEWNS));
    _exit(0);
  }
  waitpid(q, NULL, 0);
  write(go[1], "x", 1);
  waitpid(p, NULL, 0);
}

static void network(void) {
  become(1234);
  R(unshare(CLONE_NEWUSER | CLONE_NEWNET));
  int s = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  struct ifreq r = { .ifr_name = "lo" };
  R(ioctl(s, SIOCGIFFLAGS, &r));
  say("up %d\n", !!(r.ifr_flags & IFF_UP));
  R(connect(s, (void *)&a, sizeof a));
  struct if_nameindex *n = if_nameindex();
  for (int i = 0; n && n[i].if_index; i++) say("interface %s\n", n[i].if_name);
  r.ifr_flags |= IFF_UP;
  R(ioctl(s, SIOCSIFFLAGS, &r));
  R(ioctl(s, SIOCGIFFLAGS, &r));
  say("up %d\n", !!(r.ifr_flags & IFF_UP));
  close(s);
  s = socket(AF_INET, SOCK_STREAM, 0);
  R(connect(s, (void *)&a, sizeof a));
  close(s);
  s = socket(AF_INET, SOCK_STREAM, 0);
  R(bind(s, (void *)&a, sizeof a));
  R(listen(s, 1));
  int c = socket(AF_INET, SOCK_STREAM, 0);
  R(connect(c, (void *)&a, sizeof a));
  a.sin_addr.s_addr = htonl(0x08080808);
  int d = socket(AF_INET, SOCK_STREAM, 0);
  R(connect(d, (void *)&a, sizeof a));
}

int main(void) {
  umask(0);
  enter_tmp();
  chmod(".", 0777);
  touch("roots");
  chmod("roots", 0600);
  PART(user_alone);
  PART(nested);
  PART(mapped_by_parent);
  PART(across);
  PART(messages);
  PART(uts_rights);
  PART(unshare_flags);
  PART(cloned);
  PART(ipc);
  PART(next_ids);
  PART(entering);
  PART(network);
  if (unshare(CLONE_NEWUTS | CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) return 1;
  PART(names);
  PART(mounts);
  PART(lesser_mounts);
  PART(nested_mounts);
  PART(no_links);
  PART(pivot);
  PART(pivot_dot);
  leave_tmp();
  return 0;
}
