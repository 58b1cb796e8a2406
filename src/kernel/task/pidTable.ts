import { EEXIST, EAGAIN } from '../../abi/linux/errno.ts';
import type { PidNamespace } from './pidNamespace.ts';
import type { Process } from './process.ts';
import { ProcessGroup, Session } from './session.ts';
import type { Task } from './task.ts';

export const PID_MAX = 4194304;

/** All names of tasks: thread ids, process ids, group and session ids come from one space (pid_namespaces(7)). */
export class PidTable {
  readonly tasks = new Map<number, Task>();
  /** Thread groups by id, zombies too. */
  readonly processes = new Map<number, Process>();
  readonly groups = new Map<number, ProcessGroup>();
  readonly sessions = new Map<number, Session>();
  private last = 0;
  /** kernel.pid_max */
  max = 32768;

  /** Spaces of numbers, but the first, in which ids have others. */
  private readonly spaces = new Map<number, PidNamespace>();

  /** A free id for what is born in `space`. `wanted`: its numbers in that space, in the one around it... as far as they are given. Or -errno. */
  allocate(space: PidNamespace, wanted: readonly number[] = []): number {
    let id = 0;
    for (let at: PidNamespace = space, i = 0; i < wanted.length; at = at.parent!, i++) {
      if (at.parent === null) id = wanted[i]!;
      if (at.parent === null ? this.isUsed(id) : !at.isFree(wanted[i]!)) return -EEXIST;
    }
    if (id === 0) id = this.nextFree();
    if (id < 0) return -EAGAIN;
    if (space.level > 0) this.spaces.set(id, space);
    for (let at = space, i = 0; at.parent !== null; at = at.parent, i++) at.enter(id, wanted[i] ?? 0, this.max);
    return id;
  }

  /** An id has lost a use: without any it is free. */
  released(id: number): void {
    if (this.spaces.size === 0 || this.isUsed(id)) return;
    for (let at = this.spaces.get(id) ?? null; at !== null; at = at.parent) at.leave(id);
    this.spaces.delete(id);
  }

  private isUsed(id: number): boolean {
    return this.tasks.has(id) || this.processes.has(id) || this.groups.has(id) || this.sessions.has(id);
  }

  private nextFree(): number {
    for (let tries = 0; tries < PID_MAX; tries++) {
      this.last = this.last >= this.max ? 300 : this.last + 1;
      const id = this.last;
      if (!this.isUsed(id)) return id;
    }
    return -1;
  }

  get lastAllocated(): number {
    return this.last;
  }

  newSession(id: number): Session {
    const session = new Session(id);
    this.sessions.set(id, session);
    return session;
  }

  newGroup(id: number, session: Session): ProcessGroup {
    const group = new ProcessGroup(id, session);
    this.groups.set(id, group);
    return group;
  }

  /** Moves a process into a group, leaving its old one. */
  join(process: Process, group: ProcessGroup): void {
    this.leave(process);
    process.group = group;
    process.session = group.session;
    group.members.add(process);
  }

  /** Takes a process out of its group; empty groups and sessions go. */
  leave(process: Process): void {
    const group = process.group;
    group.members.delete(process);
    if (group.members.size > 0) return;
    if (this.groups.get(group.id) === group) this.groups.delete(group.id);
    this.released(group.id);
    const session = group.session;
    session.groups.delete(group);
    if (session.groups.size === 0 && this.sessions.get(session.id) === session) this.sessions.delete(session.id);
    this.released(session.id);
  }
}
