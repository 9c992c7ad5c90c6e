// Two projects: `unit` needs nothing but Node, `browser` needs Chromium. Files share one worker's modules: nothing in src/ keeps state in a module.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          pool: 'threads',
          isolate: false,
          maxWorkers: 2,
          globalSetup: 'test/support/global_setup.ts',
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/**/*.browser.ts'],
          pool: 'threads',
          isolate: false,
          maxWorkers: 1,
          globalSetup: 'test/support/global_setup.ts',
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
    reporters: ['default', './test/support/counting_reporter.ts'],
  },
});
