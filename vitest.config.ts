import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    // Two cores are the reference machine, and several suites start programs of their own.
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
