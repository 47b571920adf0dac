import { test } from 'vitest';
import { expectFairTurns, openLine } from './line.ts';

openLine();

test('a thousand jobs of fifty owners: one with 500 delays nobody by more than a round', async () => {
  await expectFairTurns(50);
});
