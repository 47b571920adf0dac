import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** Sweeps: `npm run test:stress`. Everything else is `npm test`, for every change. */
const stress = 'test/**/*.stress.test.ts';
/** These replace modules with vi.mock, so they need module instances of their own. Other files share one instance per worker. */
const replacesModules = ['test/remote-file/open.test.ts', 'test/*/models/made-up-*.test.ts'];

export default defineConfig({
  root: new URL('.', import.meta.url).pathname,
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // Most tests are bound by CPU: more files at once than cores would only slow each other down.
    maxWorkers: availableParallelism(),
    projects: [
      project('quick', { include: ['test/**/*.test.ts'], exclude: [stress, ...replacesModules], isolate: false }),
      project('quick-isolated', { include: replacesModules }),
      project('stress', { include: [stress], isolate: false }),
    ],
  },
});

type Files = { include: string[]; exclude?: string[]; isolate?: boolean };

function project(name: string, files: Files): TestProjectInlineConfiguration {
  return {
    resolve: {
      // graphql 16 has a CommonJS and an ESM build; a test that loads both ends in "another module or realm".
      alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }],
    },
    test: {
      name,
      ...files,
      setupFiles: ['test/support/patience.ts'],
      expect: { poll: { timeout: 60_000 } },
      restoreMocks: true,
      // Only so that nothing hangs. Tests wait for conditions: on a busy machine they take ten times as long.
      testTimeout: 120_000,
      hookTimeout: 240_000,
    },
  };
}
