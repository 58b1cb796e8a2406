/** All system calls. */
import { adjtimeRows } from './adjtime.ts';
import { adminRows } from './admin.ts';
import { aioRows } from './aio.ts';
import { credRows } from './cred.ts';
import { dirRows } from './dir.ts';
import { epollRows } from './epoll.ts';
import { eventfdRows } from './eventfd.ts';
import { fileHandleRows } from './fileHandle.ts';
import { futexRows } from './futex.ts';
import { futex2Rows } from './futex2.ts';
import { inotifyRows } from './inotify.ts';
import { ioctlRows } from './ioctl.ts';
import { lockRows } from './lock.ts';
import { keyRows } from './keys.ts';
import { memoryPolicyRows } from './memoryPolicy.ts';
import { mmRows } from './mm.ts';
import { mountRows } from './mount.ts';
import { mountApiRows } from './mountApi.ts';
import { mqueueRows } from './mqueue.ts';
import { openRows } from './open.ts';
import { pathRows } from './path.ts';
import { pollRows } from './poll.ts';
import { prctlRows } from './prctl.ts';
import { namespaceRows } from './namespaces.ts';
import { processMemoryRows } from './processMemory.ts';
import { processRows } from './process.ts';
import { ptraceRows } from './ptrace.ts';
import { readWriteRows } from './readWrite.ts';
import { resourceRows } from './resource.ts';
import type { SyscallRow } from './row.ts';
import { schedRows } from './sched.ts';
import { seccompRows } from './seccomp.ts';
import { signalRows } from './signal.ts';
import { signalfdRows } from './signalfd.ts';
import { socketRows } from './socket.ts';
import { socketCallRows } from './socketCall.ts';
import { spliceRows } from './splice.ts';
import { statRows } from './stat.ts';
import { syncRows } from './sync.ts';
import { systemRows } from './system.ts';
import { sysvIpcRows } from './sysvIpc.ts';
import { timerfdRows } from './timerfd.ts';
import { timeRows } from './time.ts';
import { xattrRows } from './xattr.ts';

export const allRows: readonly SyscallRow[] = [
  ...readWriteRows, ...openRows, ...statRows, ...pathRows, ...dirRows, ...lockRows, ...syncRows, ...xattrRows, ...socketRows, ...socketCallRows, ...mountRows, ...mountApiRows, ...spliceRows, ...mmRows,
  ...processRows, ...resourceRows, ...futexRows, ...futex2Rows, ...pollRows, ...epollRows, ...eventfdRows, ...timerfdRows, ...signalRows, ...signalfdRows, ...inotifyRows, ...ioctlRows, ...timeRows, ...credRows, ...schedRows, ...systemRows, ...prctlRows, ...sysvIpcRows, ...mqueueRows, ...namespaceRows, ...processMemoryRows, ...ptraceRows, ...seccompRows, ...aioRows, ...memoryPolicyRows, ...keyRows, ...adjtimeRows, ...adminRows, ...fileHandleRows,
];
