import { Rlimit } from '../kernel/fd/rlimits.ts';
import type { Task } from '../kernel/task/task.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';

/** Gives a new description (and its reference) the lowest free descriptor; closes it when there is none. */
export function installFile(t: Task, file: FileDescription, cloexec: boolean): number {
  const fd = t.fds.install(file, cloexec, t.rlimits.cur[Rlimit.NOFILE]!);
  if (fd < 0) file.release();
  return fd;
}
