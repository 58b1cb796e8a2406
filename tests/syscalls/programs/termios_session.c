/* flags: -lutil */
#include "test.h"
#include <pty.h>
#include <termios.h>
/* A shell with job control on a pty, as a terminal emulator runs it. */
static int m; static char out[60000]; static int len;
static void until(const char *what, int ms) { double end = now_ms() + ms; while (now_ms() < end) { struct pollfd p = { m, POLLIN, 0 }; if (poll(&p, 1, 50) == 1) { ssize_t n = read(m, out + len, sizeof out - len - 1); if (n <= 0) break; len += n; out[len] = 0; } if (strstr(out, what)) return; } say("(no '%s')\n", what); }
static void type(const char *t) { write(m, t, strlen(t)); }
static void show_out(void) { for (int i = 0; i < len; i++) { unsigned char c = out[i]; if (c == '\r') continue; if (c == '\n' || (c >= 32 && c < 127)) say("%c", c); else say("\\%03o", c); } len = 0; out[0] = 0; say("--\n"); }
int main(void) {
  struct winsize w = { 24, 80, 0, 0 }; pid_t c = forkpty(&m, NULL, NULL, &w); if (!c) { setenv("PS1", "$ ", 1); setenv("ENV", "", 1); setenv("TERM", "dumb", 1); execl("/bin/bash", "bash", "--norc", "--noprofile", "--noediting", "-i", NULL); _exit(1); }
  until("$ ", 8000); type("echo hello $((6*7))\n"); until("hello 42\r\n$ ", 8000); show_out(); type("stty size\n"); until("24 80\r\n$ ", 8000); show_out(); type("cat\n"); msleep(500); type("line\n"); until("line\r\nline", 8000); type("\004"); until("$ ", 8000); show_out(); type("sleep 100\n"); msleep(700); type("\003"); until("$ ", 8000); show_out(); type("sleep 100\n"); msleep(700); type("\032"); until("Stopped", 8000); until("$ ", 8000); show_out(); type("jobs\n"); until("sleep 100\r\n$ ", 8000); show_out(); type("bg\n"); until("$ ", 8000); type("kill %1; wait; echo done\n"); until("done\r\n$ ", 8000); len = 0; out[0] = 0; w.ws_row = 50; ioctl(m, TIOCSWINSZ, &w); type("stty size\n"); until("50 80\r\n$ ", 8000); show_out(); type("trap 'echo got int' INT; while :; do sleep 0.1; done\n"); msleep(600); type("\003"); until("got int", 8000); type("\034"); msleep(100); type("\003"); msleep(300); len = 0; out[0] = 0; type("\003\n"); kill(c, SIGHUP); int st; waitpid(c, &st, 0); show_status("shell", st); return 0;
}
