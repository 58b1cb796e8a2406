import { expect, it } from 'vitest';
import { EAGAIN, EBUSY, ENXIO, EPIPE } from '../../abi/linux/errno.ts';
import { O_DIRECT, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from '../../abi/linux/openFlags.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM } from '../../abi/linux/poll.ts';
import { makeNode } from '../../vfs/namespace.ts';
import { openPath } from '../../vfs/open.ts';
import { pathName } from '../../vfs/path.ts';
import { callerOf, TestEnv, type TestCaller } from '../../vfs/testing.ts';
import type { LocalChannel } from '../../kernel/ipc/localChannels.ts';
import { Lent } from '../../machine/channels.ts';
import { TmpFs } from '../tmpfs/tmpFs.ts';
import { type FifoFile, openFifo } from './pipeFile.ts';
import { makePipe } from './pipeFs.ts';

function world(): TestCaller {
  return callerOf(new TmpFs(new TestEnv(openFifo)));
}
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

it('moves bytes in order through the ring, many times around', () => {
  const t = world();
  const { reader, writer } = makePipe(t, 0);
  let sent = 0;
  let got = 0;
  for (let round = 0; round < 500; round++) {
    const n = writer.write(Uint8Array.from({ length: 3000 + (round % 1700) }, () => sent++ & 0xff), t);
    if (n === -EAGAIN) sent -= 3000 + (round % 1700);
    else expect(n).toBe(3000 + (round % 1700));
    const buf = new Uint8Array(2800 + ((round * 7) % 2100));
    const m = reader.read(buf, t);
    for (let i = 0; i < m; i++) if (buf[i] !== (got++ & 0xff)) throw new Error(`byte ${got}`);
  }
  expect(reader.pipe.length).toBe(sent - got);
});

it('is atomic up to PIPE_BUF and partial beyond', () => {
  const t = world();
  const { reader, writer } = makePipe(t, O_NONBLOCK);
  expect(writer.write(new Uint8Array(100_000), t)).toBe(65536);
  expect(writer.write(new Uint8Array(1), t)).toBe(-EAGAIN);
  reader.read(new Uint8Array(4000), t);
  expect(writer.poll() & EPOLLOUT).toBe(0);
  expect(writer.write(new Uint8Array(4001), t)).toBe(-EAGAIN);
  expect(writer.writev([new Uint8Array(2000), new Uint8Array(2096)], t)).toBe(-EAGAIN);
  expect(writer.write(new Uint8Array(4000), t)).toBe(-EAGAIN); // the first page is still in use
  reader.read(new Uint8Array(96), t);
  expect(writer.poll() & EPOLLOUT).toBe(EPOLLOUT);
  expect(writer.write(new Uint8Array(4000), t)).toBe(4000);
  expect(writer.write(new Uint8Array(97), t)).toBe(-EAGAIN);
  expect(writer.write(new Uint8Array(96), t)).toBe(96); // fits in the last page
  expect(writer.resize(4096)).toBe(-EBUSY);
  expect(writer.resize(100_000)).toBe(131072);
  expect(writer.poll() & EPOLLOUT).toBe(EPOLLOUT);
});

it('ends with the ends', () => {
  const t = world();
  const { reader, writer } = makePipe(t, 0);
  expect(pathName(reader.path, t.fs.root)).toMatch(/^pipe:\[\d+\]$/);
  const events: number[] = [];
  reader.waitQueue.add({ onWake: (e) => events.push(e) });
  expect(reader.read(new Uint8Array(5), t)).toBe(-EAGAIN);
  writer.acquire();
  writer.release();
  writer.write(text('ab'), t);
  writer.release();
  expect(events.length).toBe(2);
  expect(reader.poll() & (EPOLLIN | EPOLLHUP)).toBe(EPOLLIN | EPOLLHUP);
  expect(reader.read(new Uint8Array(5), t)).toBe(2);
  expect(reader.read(new Uint8Array(5), t)).toBe(0);
  const other = makePipe(t, 0);
  other.reader.release();
  expect(other.writer.write(text('x'), t)).toBe(-EPIPE);
  expect(other.writer.poll() & EPOLLERR).toBe(EPOLLERR);
});

it('keeps packets apart with O_DIRECT', () => {
  const t = world();
  const { reader, writer } = makePipe(t, O_DIRECT);
  writer.write(text('hello'), t);
  writer.write(text('world'), t);
  const buf = new Uint8Array(3);
  expect(reader.read(buf, t)).toBe(3);
  expect(reader.read(new Uint8Array(10), t)).toBe(5);
});

it('fifos: who waits, who gets ENXIO, who sees a hang-up', () => {
  const t = world();
  makeNode(t, null, '/fifo', 0o010644, 0);
  const open = (flags: number): FifoFile | number => openPath(t, null, '/fifo', { flags, mode: 0, resolve: 0 }) as FifoFile | number;
  expect(open(O_WRONLY | O_NONBLOCK)).toBe(-ENXIO);
  const early = open(O_RDONLY | O_NONBLOCK) as FifoFile;
  expect(early.openPending).toBe(false);
  expect(early.poll() & EPOLLHUP).toBe(0);
  early.release();
  const reader = open(O_RDONLY) as FifoFile;
  expect(reader.openPending).toBe(true);
  const writer = open(O_WRONLY) as FifoFile;
  expect(writer.openPending).toBe(false);
  expect(reader.openPending).toBe(false);
  writer.write(text('x'), t);
  writer.release();
  expect(reader.poll() & (EPOLLIN | EPOLLHUP)).toBe(EPOLLIN | EPOLLHUP);
  reader.release();
  const both = open(O_RDWR) as FifoFile;
  expect(both.openPending).toBe(false);
  expect(both.read(new Uint8Array(1), t)).toBe(-EAGAIN);
});

/** A channel whose workers are the test. */
function channel() {
  const fake = {
    /** What is in the page and where it begins; what workers may do (Lent), 0: nothing. */
    page: [] as number[], offset: 0, lent: 0, readers: [] as (() => void)[],
    give(lent: number, bytes: Uint8Array, offset: number): void {
      Object.assign(fake, { lent, offset, page: [...bytes] });
    },
    takeBack() {
      fake.lent = 0;
      return { offset: fake.offset, bytes: Uint8Array.from(fake.page.splice(0)) };
    },
    takeReaders: () => fake.readers.splice(0).forEach((read) => read()),
    close: () => {},
  };
  return fake as unknown as LocalChannel & typeof fake;
}

const ALL = Lent.read | Lent.write;

it('is lent to workers while its bytes are in one page, and claimed with what they left in it', () => {
  const t = world(), lane = channel();
  const { reader, writer } = makePipe(t, 0, lane);
  expect(lane.lent).toBe(ALL);
  lane.page.push(1, 2);
  expect(writer.write(Uint8Array.of(3), t)).toBe(1);
  expect(lane.lent).toBe(0);
  const buf = new Uint8Array(2);
  expect(reader.read(buf, t)).toBe(2);
  expect(buf).toEqual(Uint8Array.of(1, 2));
  expect([lane.lent, lane.page, lane.offset]).toEqual([ALL, [3], 2]);
  expect(writer.write(new Uint8Array(4096), t)).toBe(4096);
  reader.waited();
  expect(lane.lent).toBe(0);
  writer.release();
  reader.waited();
  expect(lane.lent).toBe(0);
});

it('is lent for reading alone while somebody waits for something to read', () => {
  const t = world(), lane = channel();
  const { reader, writer } = makePipe(t, 0, lane);
  const waiter = { onWake: () => {}, wants: EPOLLIN };
  reader.waitQueue.add(waiter);
  expect(lane.lent).toBe(0);
  expect(writer.write(Uint8Array.of(9), t)).toBe(1);
  reader.waited();
  expect([lane.lent, lane.page]).toEqual([Lent.read, [9]]);
  reader.waitQueue.remove(waiter);
  expect(reader.poll()).toBe(EPOLLIN | EPOLLRDNORM);
  reader.waited();
  expect(lane.lent).toBe(ALL);
});

it('says to workers whether its reader waits; a writer does not in any case', () => {
  const t = world(), lane = channel();
  const { reader, writer } = makePipe(t, 0, lane);
  writer.setFlags(writer.flags | O_NONBLOCK);
  expect(lane.lent).toBe(ALL);
  reader.setFlags(reader.flags | O_NONBLOCK);
  expect(lane.lent).toBe(ALL | Lent.noWait);
  expect(reader.read(new Uint8Array(1), t)).toBe(-EAGAIN);
  expect(lane.lent).toBe(ALL | Lent.noWait);
  reader.setFlags(reader.flags & ~O_NONBLOCK);
  expect(lane.lent).toBe(ALL);
  writer.setFlags(writer.flags | O_DIRECT);
  expect(lane.lent).toBe(0);
});

it('of a single page is not lent while somebody waits for room', () => {
  const t = world(), lane = channel();
  const { reader, writer } = makePipe(t, 0, lane);
  expect(reader.resize(4096)).toBe(4096);
  const waiter = { onWake: () => {}, wants: EPOLLOUT };
  writer.waitQueue.add(waiter);
  reader.waited();
  expect(lane.lent).toBe(0);
  expect(reader.resize(8192)).toBe(8192);
  reader.waited();
  expect(lane.lent).toBe(ALL);
});

it('stays with who has claimed it, though a reader that is taken over then empties it', () => {
  const t = world(), lane = channel();
  const { reader, writer } = makePipe(t, 0, lane);
  lane.page.push(1);
  lane.readers.push(() => expect(reader.read(new Uint8Array(5), t)).toBe(1));
  expect(writer.write(Uint8Array.of(2), t)).toBe(1);
  expect(lane.lent).toBe(0);
  expect(reader.pipe.length).toBe(1);
});
