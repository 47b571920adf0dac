import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  resolve: {
    // graphql 16 has a CommonJS and an ESM build; a test that loads both ends in "another module or realm".
    alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // Each file opens a database and ports of its own. PGlite and sharp are heavy: as many files at once as cores, no more.
    maxWorkers: 4,
    // Only so that nothing hangs: a machine that is busy with other work takes several times as long.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
