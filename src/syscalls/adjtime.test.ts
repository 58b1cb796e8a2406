import { expect, test } from 'vitest';
import * as T from '../abi/linux/time.ts';
import { Discipline } from './adjtime.ts';

const values = { offset: 0, freq: 0, maxerror: 0, esterror: 0, status: 0, constant: 0, tick: 0 };

test('what ntp_adjtime sets is clamped and kept', () => {
  const d = new Discipline();
  d.take(T.ADJ_FREQUENCY | T.ADJ_MAXERROR | T.ADJ_ESTERROR | T.ADJ_TICK, { ...values, freq: 40_000_000, maxerror: -5, esterror: 1000, tick: 10001 });
  expect([d.freq, d.maxerror, d.esterror, d.tick]).toEqual([500 * 65536, 0, 1000, 10001]);
  d.take(T.ADJ_TIMECONST, { ...values, constant: 3 });
  expect(d.constant).toBe(7);
  d.take(T.ADJ_NANO | T.ADJ_TIMECONST, { ...values, constant: 3 });
  expect([d.constant, d.nano]).toEqual([3, true]);
  d.take(T.ADJ_TAI, { ...values, constant: 37 });
  expect(d.tai).toBe(37);
});

test('an offset counts while the loop is on', () => {
  const d = new Discipline();
  d.take(T.ADJ_OFFSET, { ...values, offset: 100 });
  expect(d.offsetNs).toBe(0);
  d.take(T.ADJ_STATUS, { ...values, status: T.STA_PLL | T.STA_CLOCKERR });
  expect(d.status).toBe(T.STA_PLL);
  d.take(T.ADJ_OFFSET, { ...values, offset: 100 });
  expect(d.offsetNs).toBe(100_000);
  d.take(T.ADJ_STATUS, { ...values, status: 0 });
  expect(d.status).toBe(0);
  d.clear();
  expect([d.status, d.maxerror]).toEqual([T.STA_UNSYNC, 16_000_000]);
});
