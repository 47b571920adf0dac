import { expect, test } from 'vitest';
import { longestWait, openLine } from './line.ts';

openLine();

test('a thousand jobs of fifty owners: one with 500 delays nobody by more than a round', async () => {
  // One round: each other owner at most once.
  expect(await longestWait(50)).toBeLessThanOrEqual(50);
});
