// The project `unit` needs Node only, `browser` needs Chromium, and `pure` is the part of `unit`
// that needs no database. Files share a worker's modules, because no module of src/ keeps state.
import { defineConfig } from 'vitest/config';
import { pureTests } from './test/support/checks/pure_tests.ts';

// A test that asserts nothing fails.
const expected = { requireAssertions: true };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          expect: expected,
          include: ['test/**/*.test.ts'],
          pool: 'threads',
          isolate: false,
          maxWorkers: 2,
          globalSetup: 'test/support/fixtures/global_setup.ts',
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: { name: 'pure', expect: expected, include: pureTests(), pool: 'threads', isolate: false, maxWorkers: 2 },
      },
      {
        test: {
          name: 'browser',
          expect: expected,
          include: ['test/**/*.browser.ts'],
          pool: 'threads',
          isolate: false,
          maxWorkers: 1,
          globalSetup: 'test/support/fixtures/global_setup.ts',
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
    reporters: ['default', './test/support/checks/counting_reporter.ts'],
  },
});
