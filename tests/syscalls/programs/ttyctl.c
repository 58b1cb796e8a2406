#include "test.h"
#include <termios.h>
#include <pty.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <linux/serial.h>
/* flags: -lutil */
/* Every ioctl of ioctl_tty(2) and ioctl_console(2) on both ends of a pty, on a pipe, a file and /dev/null; controlling terminals given up and taken. */
static struct { const char *n; unsigned long c; } cmds[] = {
#define X(c) { #c, c },
X(TCGETS) X(TCGETA) X(TIOCGLCKTRMIOS) X(TIOCSLCKTRMIOS) X(TIOCGWINSZ) X(TCSBRK) X(TCSBRKP) X(TIOCSBRK) X(TIOCCBRK) X(TCXONC) X(TIOCINQ) X(TIOCOUTQ) X(TCFLSH) X(TIOCSTI) X(TIOCCONS) X(TIOCSCTTY) X(TIOCNOTTY) X(TIOCGPGRP) X(TIOCSPGRP) X(TIOCGSID) X(TIOCEXCL) X(TIOCGEXCL) X(TIOCNXCL) X(TIOCGETD) X(TIOCSETD) X(TIOCPKT) X(TIOCGPKT) X(TIOCSPTLCK) X(TIOCGPTLCK) X(TIOCGPTN) X(TIOCMGET) X(TIOCMSET) X(TIOCMBIC) X(TIOCMBIS) X(TIOCMIWAIT) X(TIOCGICOUNT) X(TIOCGSOFTCAR) X(TIOCSSOFTCAR) X(TIOCGSERIAL) X(TIOCSSERIAL) X(TIOCLINUX) X(TIOCGDEV) X(TIOCVHANGUP) X(TIOCSERGETLSR) X(TIOCGRS485) X(FIONREAD) X(FIONBIO) X(FIOASYNC) X(FIOCLEX) X(FIONCLEX) X(FIOQSIZE) X(KDGETLED) X(KDGKBTYPE) X(KDGETMODE) X(KDMKTONE) X(KIOCSOUND) X(KDGKBMODE) X(GIO_FONT) X(GIO_CMAP) X(VT_OPENQRY) X(VT_GETMODE) X(VT_GETSTATE) X(VT_ACTIVATE) X(VT_WAITACTIVE)
#undef X
};
static int m, s; static char b[4096];
static void one(const char *where, int fd) { for (int i = 0; i < sizeof cmds / sizeof *cmds; i++) { if (cmds[i].c == TIOCVHANGUP || cmds[i].c == TIOCMIWAIT || cmds[i].c == TIOCCONS || cmds[i].c == TIOCNOTTY || cmds[i].c == TIOCSCTTY || cmds[i].c == TIOCSPGRP) continue; memset(b, 0, sizeof b); errno = 0; int r = ioctl(fd, cmds[i].c, b); int e = errno; long r2 = ioctl(fd, cmds[i].c, 8); say("%s %s: %s, bad %s\n", where, cmds[i].n, r == -1 ? ename(e) : r ? "+" : "0", r2 == -1 ? ename(errno) : r2 ? "+" : "0"); if (cmds[i].c == TIOCSPTLCK) { int z = 0; ioctl(fd, TIOCSPTLCK, &z); } if (cmds[i].c == TIOCEXCL) ioctl(fd, TIOCNXCL); if (cmds[i].c == TIOCPKT) { int z = 0; ioctl(fd, TIOCPKT, &z); } if (cmds[i].c == FIONBIO) { int z = 0; ioctl(fd, FIONBIO, &z); } if (cmds[i].c == FIOASYNC) { int z = 0; ioctl(fd, FIOASYNC, &z); } if (cmds[i].c == TIOCSTI || cmds[i].c == TCXONC) tcflush(s, TCIOFLUSH); } }
int main(void) {
  signal(SIGIO, SIG_IGN); signal(SIGTTOU, SIG_IGN);
  CHILD("no terminal", { setsid(); openpty(&m, &s, 0, 0, 0); one("slave", s); });
  CHILD("master", { setsid(); openpty(&m, &s, 0, 0, 0); one("master", m); });
  int p[2]; pipe(p); one("pipe", p[0]); one("null", open("/dev/null", O_RDWR)); one("zero", open("/dev/zero", O_RDWR)); enter_tmp(); put_file("f", "abc"); one("file", open("f", O_RDWR)); one("dir", open(".", 0)); leave_tmp();
  CHILD("controlling", { setsid(); openpty(&m, &s, 0, 0, 0); R(ioctl(s, TIOCNOTTY)); R(open("/dev/tty", O_RDWR)); R(ioctl(s, TIOCSCTTY, 0)); int t = open("/dev/tty", O_RDWR); R(t > 0); one("tty", t); int g; R(ioctl(s, TIOCGPGRP, &g)); say("%d\n", g == getpid()); R(ioctl(s, TIOCGSID, &g)); say("%d\n", g == getpid()); g = 999999; R(ioctl(s, TIOCSPGRP, &g)); g = -1; R(ioctl(s, TIOCSPGRP, &g)); g = getppid(); R(ioctl(s, TIOCSPGRP, &g)); g = 0; R(ioctl(s, TIOCSPGRP, &g)); int m2; int s2; openpty(&m2, &s2, 0, 0, 0); R(ioctl(s2, TIOCSCTTY, 0)); g = getpid(); R(ioctl(s2, TIOCSPGRP, &g)); R(ioctl(s2, TIOCGPGRP, &g)); R(ioctl(s2, TIOCGSID, &g));
    CHILD("not leader", { R(ioctl(s2, TIOCSCTTY, 0)); R(ioctl(s, TIOCSCTTY, 0)); R(ioctl(s, TIOCNOTTY)); R(open("/dev/tty", O_RDWR)); R(ioctl(t, TIOCGWINSZ, b)); }); R(open("/dev/tty", O_RDWR) > 0);
    CHILD("another session", { setsid(); R(ioctl(s, TIOCSCTTY, 0)); R(open("/dev/tty", O_RDWR)); R(ioctl(s, TIOCGPGRP, &g)); R(ioctl(s, TIOCGSID, &g)); R(write(s, "x", 1)); struct termios tt; R(tcgetattr(s, &tt)); R(tcsetattr(s, TCSANOW, &tt)); R(ioctl(s, TIOCNOTTY)); }); CHILD("stealing", { setsid(); R(ioctl(s, TIOCSCTTY, 1)); R(open("/dev/tty", O_RDWR) > 0); }); });
  CHILD("excl", { openpty(&m, &s, 0, 0, 0); char n[60]; ptsname_r(m, n, 60); R(ioctl(s, TIOCEXCL)); R(open(n, O_RDWR | O_NOCTTY) > 0); setresuid(1000, 1000, 1000); R(open(n, O_RDWR | O_NOCTTY)); });
  CHILD("lock", { openpty(&m, &s, 0, 0, 0); char n[60]; ptsname_r(m, n, 60); int v = 1; R(ioctl(m, TIOCSPTLCK, &v)); R(open(n, O_RDWR | O_NOCTTY)); v = 0; R(ioctl(m, TIOCSPTLCK, &v)); R(open(n, O_RDWR | O_NOCTTY) > 0); struct termios l; memset(&l, 0, sizeof l); l.c_lflag = ECHO; struct termios t; tcgetattr(s, &t); R(ioctl(s, TIOCSLCKTRMIOS, &l)); t.c_lflag &= ~(ECHO | ICANON); tcsetattr(s, TCSANOW, &t); tcgetattr(s, &t); say("%d %d\n", !!(t.c_lflag & ECHO), !!(t.c_lflag & ICANON)); R(ioctl(s, TIOCGLCKTRMIOS, &l)); say("%x\n", l.c_lflag); setresuid(1000, 1000, 1000); R(ioctl(s, TIOCSLCKTRMIOS, &l)); });
  CHILD("vhangup", { setsid(); openpty(&m, &s, 0, 0, 0); ioctl(s, TIOCSCTTY, 0); signal(SIGHUP, SIG_IGN); R(ioctl(s, TIOCVHANGUP)); R(read(s, b, 1)); R(write(s, b, 1)); R(ioctl(s, TIOCGWINSZ, b)); });
  return 0;
}
