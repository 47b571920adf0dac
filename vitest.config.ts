import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes minutes begins first, so that nobody waits for it alone at the end. */
const longest = /test\/(failpoint|chaos|cluster|simulation|ledger\/property|job\/crash|main\.test)/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [
      ...sorted.filter(({ moduleId }) => longest.test(moduleId)),
      ...sorted.filter(({ moduleId }) => !longest.test(moduleId)),
    ];
  }
}

export default defineConfig({
  root: new URL('.', import.meta.url).pathname,
  resolve: {
    // graphql 16 has a CommonJS and an ESM build; a test that loads both ends in "another module or realm".
    alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // Each file opens a database and ports of its own. PGlite and sharp are heavy: as many files at once as cores, no more.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // Only so that nothing hangs: a machine that is busy with other work takes several times as long.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
