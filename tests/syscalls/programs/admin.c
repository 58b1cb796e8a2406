#include "test.h"
#include <linux/acct.h>
#include <sys/file.h>
#include <sys/quota.h>
/* acct, swapon, swapoff, vhangup, sysfs, ustat, quotactl, pkey_alloc: errors in order, and what accounting writes. */
int acct(const char *);
int main(int argc, char **argv) {
  enter_tmp(); mkdir("d", 0755); put_file("f", "text"); symlink("loop", "loop"); char longname[300]; memset(longname, 'x', 299); longname[299] = 0;
  R(acct("none")); R(acct("d")); R(acct("f/x")); R(acct(longname)); R(acct("loop")); R(acct("/dev/null")); R(acct((char *)8)); R(acct(""));
  /* Accounting is the whole system's: one of these programs at a time. */
  int lock = open("/tmp/tuxtest-acct.lock", O_RDWR | O_CREAT, 0666); flock(lock, LOCK_EX);
  put_file("log", ""); if (R(acct("log")) == 0) { pid_t c = fork(); if (!c) { char *a[] = { "true", 0 }; execv("/bin/true", a); _exit(1); } waitpid(c, 0, 0); pid_t d = fork(); if (!d) { setgid(1001); setuid(1000); _exit(7); } waitpid(d, 0, 0); pid_t e = fork(); if (!e) { raise(SIGKILL); } waitpid(e, 0, 0); R(acct(NULL)); pid_t after = fork(); if (!after) _exit(0); wait(0); struct acct_v3 r; int f = open("log", O_RDONLY), n = 0; while (read(f, &r, 64) == 64) { if (r.ac_ppid != getpid()) continue; n++; say("%x v%d exit %x uid %d gid %d comm %s pid %d times %d %d etime %d\n", r.ac_flag & ~6, r.ac_version, r.ac_exitcode, r.ac_uid, r.ac_gid, r.ac_pid == c ? r.ac_comm : "-", r.ac_pid == c ? 1 : r.ac_pid == d ? 2 : r.ac_pid == e ? 3 : 0, r.ac_utime < 100, r.ac_stime < 100, r.ac_etime >= 0 && r.ac_etime < 500); } say("%d records\n", n); }
  close(lock);
  R(syscall(SYS_swapon, "none", 0)); R(syscall(SYS_swapon, "f", 0x80000)); R(syscall(SYS_swapon, "d", 0)); R(syscall(SYS_swapon, "f", 0)); R(syscall(SYS_swapon, 8, 0)); R(syscall(SYS_swapoff, "none")); R(syscall(SYS_swapoff, "f")); R(syscall(SYS_swapoff, 8)); R(syscall(SYS_swapoff, longname));
  char name[200]; R(syscall(SYS_sysfs, 3) > 3); R(syscall(SYS_sysfs, 1, "proc") >= 0); R(syscall(SYS_sysfs, 1, "nosuch")); R(syscall(SYS_sysfs, 1, 8)); int i = syscall(SYS_sysfs, 1, "tmpfs"); R(syscall(SYS_sysfs, 2, i, name)); say("%s\n", name); R(syscall(SYS_sysfs, 2, 1000, name)); R(syscall(SYS_sysfs, 2, i, 8)); R(syscall(SYS_sysfs, 0)); R(syscall(SYS_sysfs, 4));
  struct stat st; struct { char b[64]; } u; stat("/proc", &st); R(syscall(SYS_ustat, (unsigned)st.st_dev, &u)); R(syscall(SYS_ustat, (unsigned)st.st_dev, 8)); R(syscall(SYS_ustat, 0xfffff, &u)); R(syscall(SYS_ustat, -1, &u));
  R(syscall(SYS_quotactl, QCMD(Q_SYNC, USRQUOTA), 0, 0, 0)); R(syscall(SYS_quotactl, QCMD(Q_GETFMT, 9), "f", 0, 0)); R(syscall(SYS_quotactl, QCMD(Q_GETFMT, USRQUOTA), "f", 0, name)); R(syscall(SYS_quotactl, QCMD(Q_GETFMT, USRQUOTA), "none", 0, name)); R(syscall(SYS_quotactl, QCMD(Q_GETFMT, USRQUOTA), 8, 0, name)); R(syscall(SYS_quotactl, QCMD(Q_GETFMT, USRQUOTA), 0, 0, name)); R(syscall(SYS_quotactl, QCMD(Q_GETFMT, USRQUOTA), "/dev/null", 0, name)); R(syscall(443, -1, QCMD(Q_GETFMT, USRQUOTA), 0, name)); R(syscall(443, 1, QCMD(Q_GETFMT, 9), 0, name));
  R(syscall(SYS_pkey_alloc, 1, 0)); R(syscall(SYS_pkey_alloc, 0, 4)); R(syscall(SYS_pkey_free, 99)); R(syscall(SYS_pkey_free, -1));
  CHILD("vhangup", { setsid(); R(syscall(SYS_vhangup)); setuid(1000); R(syscall(SYS_vhangup)); R(acct(NULL)); R(syscall(SYS_swapon, "f", 0x80000)); R(syscall(SYS_swapon, "f", 0)); R(syscall(SYS_swapoff, "f")); });
  leave_tmp(); return 0;
}
