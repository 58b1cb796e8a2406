import { expect, test, vi } from 'vitest';
import { Cpu } from '../machine/cpuState.ts';
import { MAILBOX_BYTES, MailboxKernel } from '../machine/mailbox.ts';
import { Kernel } from './kernel.ts';
import type { AddressSpace } from './mm/addressSpace.ts';
import type { KernelParts } from './ports.ts';
import type { Task } from './task/task.ts';

/** A thread in slot 0 whose guest runs and never looks at its interrupt word. */
function stuckThread(kernel: Kernel): { t: Task; terminate: () => void } {
  const terminate = vi.fn();
  const words = new Int32Array(Cpu.size / 4);
  const t = { state: 'running', slot: 0, tid: 12, tgid: 11, comm: 'spinner', regs: { words }, mm: {}, worker: { terminate }, kernel };
  return { t: t as unknown as Task, terminate };
}

function kernel(warn: (message: string) => void): Kernel {
  let now = 0;
  const parts = {
    mailbox: new MailboxKernel(new SharedArrayBuffer(MAILBOX_BYTES)),
    clock: { monotonicNs: () => (now += 60e9), realtime: () => ({ sec: 0, nsec: 0 }) },
    warn, hostname: 'test', spinNs: 1000, blockMs: 0, cpus: 2,
  };
  return new Kernel(parts as unknown as KernelParts);
}

test('a thread that does not come out of its code is given up, after a while of looking that gaps do not shorten', () => {
  const warn = vi.fn();
  const k = kernel(warn);
  const { t, terminate } = stuckThread(k);
  const looks = vi.spyOn(k.parts.mailbox, 'isRunning');
  k.quiesce({ tasks: new Set([t]) } as unknown as AddressSpace);
  expect(looks.mock.calls.length).toBeGreaterThan(900);
  expect(Atomics.load(t.regs.words, Cpu.interrupt >>> 2) & 1).toBe(1);
  expect(terminate).toHaveBeenCalledOnce();
  expect(t.worker).toBeNull();
  expect(warn).toHaveBeenCalledWith('process 11 (spinner) is killed, the worker of its thread 12 has failed: stuck');
});

test('one that comes is waited for', () => {
  const warn = vi.fn();
  const k = kernel(warn);
  const { t, terminate } = stuckThread(k);
  let looks = 0;
  vi.spyOn(k.parts.mailbox, 'isRunning').mockImplementation(() => ++looks < 50);
  k.quiesce({ tasks: new Set([t]) } as unknown as AddressSpace);
  expect(terminate).not.toHaveBeenCalled();
  expect(warn).not.toHaveBeenCalled();
});
