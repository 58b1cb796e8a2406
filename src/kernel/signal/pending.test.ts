import { describe, expect, test } from 'vitest';
import { PendingSignals } from './pending.ts';
import { siginfo } from './siginfo.ts';
import { SigSet } from './sigset.ts';

describe('SigSet', () => {
  test('both halves', () => {
    const set = SigSet.of(1, 31, 32, 33, 64);
    for (let sig = 1; sig <= 64; sig++) expect(set.has(sig)).toBe([1, 31, 32, 33, 64].includes(sig));
    expect(set.firstNotIn(SigSet.of(1, 31, 32))).toBe(33);
    expect(set.firstNotIn(set)).toBe(0);
    set.deleteAll(SigSet.of(1, 33));
    expect([set.firstNotIn(new SigSet()), set.has(33)]).toEqual([31, false]);
    expect(set.meets(SigSet.of(64))).toBe(true);
  });
});

describe('PendingSignals', () => {
  test('standard signals are kept once, real-time ones queue in order', () => {
    const pending = new PendingSignals();
    expect(pending.add(siginfo(10, 0, { pid: 1 }))).toBe(true);
    expect(pending.add(siginfo(10, 0, { pid: 2 }))).toBe(false);
    for (let i = 0; i < 3; i++) expect(pending.add(siginfo(40, -1, { valueLo: i }))).toBe(true);
    expect(pending.take(10).pid).toBe(1);
    expect(pending.set.has(10)).toBe(false);
    for (let i = 0; i < 3; i++) {
      expect(pending.set.has(40)).toBe(true);
      expect(pending.take(40).valueLo).toBe(i);
    }
    expect(pending.set.empty).toBe(true);
  });

  test('discard forgets the named signals only', () => {
    const pending = new PendingSignals();
    for (const sig of [18, 19, 20, 40]) pending.add(siginfo(sig, 0));
    pending.discard(SigSet.of(19, 20));
    expect([18, 19, 20, 40].filter((sig) => pending.set.has(sig))).toEqual([18, 40]);
    expect(pending.length).toBe(2);
  });
});
