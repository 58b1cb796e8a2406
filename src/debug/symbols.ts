/** Names for numbers, made from the constants of abi/: what the trace shows instead of them. */
import * as errno from '../abi/linux/errno.ts';
import * as epoll from '../abi/linux/epoll.ts';
import * as fcntl from '../abi/linux/fcntl.ts';
import * as fileMode from '../abi/linux/fileMode.ts';
import * as futex from '../abi/linux/futex.ts';
import * as ioctl from '../abi/linux/ioctl.ts';
import * as mman from '../abi/linux/mman.ts';
import * as poll from '../abi/linux/poll.ts';
import * as resource from '../abi/linux/resource.ts';
import * as sched from '../abi/linux/sched.ts';
import * as signal from '../abi/linux/signal.ts';
import * as socket from '../abi/linux/socket.ts';
import * as time from '../abi/linux/time.ts';
import * as tty from '../abi/linux/tty.ts';
import * as wait from '../abi/linux/wait.ts';

type Constants = Readonly<Record<string, unknown>>;
export type Names = ReadonlyMap<number, string>;

/** Names that stand for a mask, a count or an old spelling of another. */
const unwanted = /_MASK$|_TYPE$|_SHIFT$|_NR$|_BASE$|^O_ACCMODE|^O_NDELAY|^SIGIOT|^SIGPOLL|^SIGUNUSED|^SIGRTM|^SIGEV|^SIG_|SIGSTKSZ|^SA_NOMASK|^SA_ONESHOT|^F_EXLCK|^F_SHLCK|^CLONE_ARGS|^EWOULDBLOCK|^EDEADLOCK|^ENOTSUP$|_FILE$|_MAX$|^FIONREAD$/;

function names(constants: Constants, prefix: RegExp): Names {
  const map = new Map<number, string>();
  for (const [name, value] of Object.entries(constants)) {
    if (typeof value === 'number' && prefix.test(name) && !unwanted.test(name) && !map.has(value)) map.set(value, name);
  }
  return map;
}

/** One of several values. */
export function oneOf(map: Names, value: number, otherwise = `${value}`): string {
  return map.get(value) ?? otherwise;
}

/** `A|B|0x400`. */
export function flagsOf(map: Names, value: number, zero = '0'): string {
  if (value === 0) return map.get(0) ?? zero;
  const words: string[] = [];
  let rest = value;
  // Flags of several bits come before the single bits they contain.
  for (const [bits, name] of [...map].sort(([a], [b]) => b - a)) {
    if (bits > 0 && bits < 2 ** 31 && (rest & bits) === bits) {
      words.unshift(name);
      rest -= bits;
    }
  }
  if (rest !== 0) words.push(`0x${(rest >>> 0).toString(16)}`);
  return words.join('|');
}

export const errnoNames = names(errno, /^E/);
export const signalNames = names(signal, /^SIG[A-Z]/);
export const sigHow = names(signal, /^SIG_(BLOCK|UNBLOCK|SETMASK)$/);
export const sigHowNames: Names = new Map([[0, 'SIG_BLOCK'], [1, 'SIG_UNBLOCK'], [2, 'SIG_SETMASK']]);
export const saFlags = names(signal, /^SA_/);
export const openBits = names(fcntl, /^O_(?!RDONLY|WRONLY|RDWR)/);
export const atBits = names(fcntl, /^AT_(?!FDCWD|STATX_SYNC_AS)/);
export const fcntlNames = names(fcntl, /^F_(?!RDLCK|WRLCK|UNLCK|OWNER|SEAL_|LINUX)/);
export const whenceNames: Names = new Map([[0, 'SEEK_SET'], [1, 'SEEK_CUR'], [2, 'SEEK_END'], [3, 'SEEK_DATA'], [4, 'SEEK_HOLE']]);
export const protBits = names(mman, /^PROT_/);
export const mapBits = names(mman, /^MAP_(?!SHARED_VALIDATE|FILE|UNINIT|HUGE_)/);
export const cloneBits = names(sched, /^CLONE_/);
export const waitBits = names(wait, /^(W[A-Z]|__WALL|__WCLONE|__WNOTHREAD)/);
export const clockNames = names(time, /^CLOCK_/);
export const futexNames = names(futex, /^FUTEX_(WAIT|WAKE|FD|REQUEUE|CMP_REQUEUE|WAKE_OP|LOCK_PI|UNLOCK_PI|TRYLOCK_PI|WAIT_BITSET|WAKE_BITSET|WAIT_REQUEUE_PI|CMP_REQUEUE_PI|LOCK_PI2)$/);
export const rlimitNames = names(resource, /^RLIMIT_/);
export const pollBits = names(poll, /^POLL/);
export const epollBits = names(epoll, /^EPOLL/);
export const domainNames = names(socket, /^AF_(?!FILE|LOCAL|ROUTE|MAX)/);
export const socketTypeNames = names(socket, /^SOCK_(STREAM|DGRAM|RAW|RDM|SEQPACKET)$/);
export const socketTypeBits = names(socket, /^SOCK_(NONBLOCK|CLOEXEC)$/);
export const socketLevelNames = names(socket, /^SOL_/);
export const msgBits = names(socket, /^MSG_(?!PROXY|FIN|SYN|RST)/);
export const shutdownNames = names(socket, /^SHUT_/);
export const ioctlNames: Names = new Map([...names(ioctl, /^[A-Z]/), ...names(tty, /^T(C|IOC)/)]);
export const modeTypes = names(fileMode, /^S_IF(?!MT)/);
