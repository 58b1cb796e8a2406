import { describe, expect, test } from 'vitest';
import { Prot, Vma, VmaList } from './vma.ts';

const PAGE = 4096;
const area = (from: number, to: number, prot: number = Prot.R): Vma => new Vma(from * PAGE, to * PAGE, prot, false, null, 0, null);
const listed = (list: VmaList): string => list.items.map((v) => `${v.start / PAGE}-${v.end / PAGE}:${v.prot}`).join(' ');

describe('VmaList', () => {
  test('finds areas and the gaps between them', () => {
    const list = new VmaList();
    list.insert(area(20, 30));
    list.insert(area(10, 12));
    expect(listed(list)).toBe('10-12:1 20-30:1');
    expect(list.find(12 * PAGE)).toBeNull();
    expect(list.above(12 * PAGE)?.start).toBe(20 * PAGE);
    expect(list.find(29 * PAGE + 1)?.end).toBe(30 * PAGE);
    expect(list.overlaps(12 * PAGE, 20 * PAGE)).toBe(false);
    expect(list.overlaps(11 * PAGE, 12 * PAGE)).toBe(true);
    expect(list.covered(20 * PAGE, 30 * PAGE)).toBe(true);
    expect(list.covered(11 * PAGE, 21 * PAGE)).toBe(false);
  });

  test('carves a range out and joins what is alike again', () => {
    const list = new VmaList();
    list.insert(area(0, 10));
    const [middle] = list.carve(3 * PAGE, 5 * PAGE);
    middle!.prot = Prot.R | Prot.W;
    list.mergeAround(3 * PAGE, 5 * PAGE);
    expect(listed(list)).toBe('0-3:1 3-5:3 5-10:1');
    middle!.prot = Prot.R;
    list.mergeAround(3 * PAGE, 5 * PAGE);
    expect(listed(list)).toBe('0-10:1');
  });

  test('the lowest free range, clear of reserved ones', () => {
    const list = new VmaList();
    list.insert(area(4, 6));
    expect(list.findFree(2 * PAGE, 0, 100 * PAGE)).toBe(0);
    expect(list.findFree(5 * PAGE, 0, 100 * PAGE)).toBe(6 * PAGE);
    expect(list.findFree(5 * PAGE, 0, 100 * PAGE, [[8 * PAGE, 20 * PAGE]])).toBe(20 * PAGE);
    expect(list.findFree(5 * PAGE, 0, 10 * PAGE)).toBe(-1);
  });

  test('random carving keeps the list sorted, and agrees with a bitmap', () => {
    const list = new VmaList();
    const map = new Uint8Array(200);
    let seed = 1;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % n;
    };
    for (let round = 0; round < 2000; round++) {
      const from = random(190);
      const to = from + 1 + random(10);
      const prot = 1 + random(3);
      list.remove(list.carve(from * PAGE, to * PAGE));
      map.fill(0, from, to);
      if (random(3) > 0) {
        list.insert(area(from, to, prot));
        map.fill(prot, from, to);
        list.mergeAround(from * PAGE, to * PAGE);
      }
      const wrong = Array.from(map.keys()).filter((page) => (list.find(page * PAGE)?.prot ?? 0) !== map[page]);
      const unsorted = list.items.filter((vma, i) => i > 0 && vma.start < list.items[i - 1]!.end);
      expect([wrong, unsorted]).toEqual([[], []]);
    }
  });
});
