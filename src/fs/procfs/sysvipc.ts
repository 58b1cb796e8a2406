import type { IpcObject } from '../../kernel/ipc/sysv/ids.ts';
import { sweep } from '../../kernel/ipc/sysv/segments.ts';
import type { Task } from '../../kernel/task/task.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { file, type MakeNode } from './nodes.ts';

const cell = (value: number, width: number): string => String(value).padStart(width);
const start = (o: IpcObject): string => `${cell(o.key | 0, 10)} ${cell(o.id, 10)}  ${o.mode.toString(8).padStart(4)}`;
function owners(t: Task, o: IpcObject): string {
  const { userNs } = t.cred;
  return [userNs.uidOut(o.uid), userNs.gidOut(o.gid), userNs.uidOut(o.cuid), userNs.gidOut(o.cgid)].map((id) => cell(id, 5)).join(' ');
}
const times = (...seconds: number[]): string => seconds.map((sec) => cell(sec, 10)).join(' ');

/** /proc/sysvipc, in the columns of ipc/msg.c, sem.c and shm.c. */
export function sysvipcTable(kernel: Kernel): Record<string, MakeNode> {
  return {
    msg: file((t) => '       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n' +
      t.ns.ipc.sysv.queues.list().map((q) => `${start(q)}  ${cell(q.bytes, 10)} ${cell(q.messages.length, 10)} ${cell(t.pidNs.out(q.sender), 5)} ${cell(t.pidNs.out(q.receiver), 5)} ${owners(t, q)} ` +
        `${times(q.sendTime, q.receiveTime, q.changeTime)}\n`).join('')),
    sem: file((t) => '       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n' +
      t.ns.ipc.sysv.semaphores.list().map((s) => `${start(s)} ${cell(s.values.length, 10)} ${owners(t, s)} ${times(s.opTime, s.changeTime)}\n`).join('')),
    shm: file((t) => {
      sweep(kernel, t.ns.ipc.sysv.segments);
      const pages = (bytes: number): number => Math.ceil(bytes / 4096) * 4096;
      return '       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n' +
        t.ns.ipc.sysv.segments.list().map((s) => `${start(s)} ${cell(s.size, 21)} ${cell(t.pidNs.out(s.creator), 5)} ${cell(t.pidNs.out(s.lastUser), 5)}  ${cell(s.attached(kernel), 5)} ${owners(t, s)} ` +
          `${times(s.attachTime, s.detachTime, s.changeTime)} ${cell(pages(s.size), 21)} ${cell(0, 21)}\n`).join('');
    }),
  };
}
