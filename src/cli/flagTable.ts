import type { FlagRow } from './flags.ts';

/** The flags of `tuxlate [FLAGS] PROGRAM [ARGS...]`. */
export const runFlags: readonly FlagRow[] = [
  { name: 'root', short: 'L', aliases: ['rootfs'], kind: 'value', metavar: 'DIR', help: "directory that becomes the program's / (on Linux: the host's own /)" },
  { name: 'persist', kind: 'switch', help: 'let the program change the root itself; otherwise\nits writes go to memory and are gone afterwards' },
  { name: 'volume', short: 'v', kind: 'list', metavar: 'HOST:GUEST[:ro]', help: 'show a host directory (or file) at GUEST, writable unless :ro' },
  { name: 'mount', kind: 'list', metavar: 'SPEC', help: 'type=bind,src=HOST,dst=GUEST[,readonly] or type=tmpfs,dst=GUEST' },
  { name: 'workdir', short: 'w', aliases: ['cwd', 'pwd'], kind: 'value', metavar: 'DIR', help: 'start in DIR (made if missing)' },
  { name: 'env', short: 'e', kind: 'list', metavar: 'NAME[=VALUE]', help: 'set a variable; NAME alone copies the host\'s' },
  { name: 'env-file', kind: 'list', metavar: 'FILE', help: 'set the variables of FILE, NAME=VALUE a line' },
  { name: 'unset', short: 'U', kind: 'list', metavar: 'NAME', help: 'leave a variable of the host out' },
  { name: 'user', short: 'u', kind: 'value', metavar: 'UID[:GID]', help: 'run as this user (name or number)' },
  { name: 'argv0', short: '0', kind: 'value', metavar: 'NAME', help: "what the program sees as its own name" },
  { name: 'network', aliases: ['net'], kind: 'value', metavar: 'host|none', help: "the host's network (the default), or the loopback only" },
  { name: 'publish', short: 'p', kind: 'list', metavar: '[IP:]HOSTPORT:PORT', help: "show the program's TCP port PORT as HOSTPORT of the host" },
  { name: 'hostname', kind: 'value', metavar: 'NAME', help: 'host name the program sees' },
  { name: 'uname', short: 'r', kind: 'value', metavar: 'RELEASE', help: 'kernel release the program sees' },
  { name: 'stack', short: 's', kind: 'value', metavar: 'BYTES', help: 'stack limit (K, M suffixes; 8M)' },
  { name: 'trace', kind: 'value', metavar: 'ITEM,...', bare: 'help', help: 'write what happens to stderr; --trace=help lists the items' },
  { name: 'strace', kind: 'switch', help: 'the same as --trace=syscall,signal' },
  { name: 'trace-file', short: 'o', kind: 'value', metavar: 'FILE', help: 'write the trace (and the profile) to FILE' },
  { name: 'profile', kind: 'switch', help: 'at the end, write to stderr where the time went: functions, system calls;\ntranslations that earlier runs have kept are not used' },
  { name: 'no-cache', kind: 'switch', help: 'neither use nor keep what runs keep for later ones\n(compiled and decoded code, in ~/.cache/tuxlate)' },
  { name: 'version', kind: 'switch', help: 'print the version' },
  { name: 'help', short: 'h', kind: 'switch', help: 'print this help' },
  { name: 'set-env', short: 'E', kind: 'list', metavar: 'NAME=VALUE,...', help: "qemu's spelling of --env", hidden: true },
];

export const usage = 'Usage: tuxlate [FLAGS] PROGRAM [ARGS...]';

export const examples = `Runs a Linux program (x86-64 or i386) without a Linux kernel: its machine code becomes WebAssembly, its
system calls are answered here. Flags end at PROGRAM; everything after it is the program's. Without PROGRAM, a shell is started.

Examples:
  tuxlate ./hello world                 run a program of this directory
  tuxlate                               a shell of this machine's userland (Linux hosts)
  tuxlate --root ./debian-i386 bash     a shell of another root file system
  tuxlate -v ./src:/src -w /src make    with a directory of the host that can be written
  tuxlate --trace=syscall ls            every system call, in strace's format
  tuxlate --profile ./slow              where its time went

Exit status: the program's own; a program ended by a signal ends tuxlate by the same signal (128+n on Windows).
125 wrong flag or another failure of tuxlate, 126 PROGRAM cannot be executed, 127 PROGRAM not found.`;
