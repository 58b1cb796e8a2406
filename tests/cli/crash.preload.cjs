// Loaded into every thread of a tuxlate (NODE_OPTIONS): the first worker that takes the lock of decoded code while CRASH_FILE is there dies with it.
const { isMainThread } = require('node:worker_threads');
const { existsSync, unlinkSync } = require('node:fs');

/** Globals.lock (src/machine/codeLayout.ts), as an index of words. */
const LOCK = 0x400 / 4;
const file = process.env.CRASH_FILE;
const { compareExchange } = Atomics;

if (!isMainThread && file !== undefined) {
  Atomics.compareExchange = (words, index, expected, wanted) => {
    const found = compareExchange(words, index, expected, wanted);
    // A mailbox is smaller than a guest's memory.
    if (index === LOCK && found === 0 && wanted !== 0 && words.byteLength > 1 << 20 && existsSync(file)) {
      unlinkSync(file);
      process.exit(1);
    }
    return found;
  };
}
