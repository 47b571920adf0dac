import { expect, test } from 'vitest';
import { semaphore } from '../../src/storage/semaphore.ts';

test('runs a limited number of tasks at once, the others in order, and continues after a failure', async () => {
  const pass = semaphore(2);
  const started: number[] = [];
  const finish: ((fails: boolean) => void)[] = [];
  const runs = [0, 1, 2, 3].map((number) =>
    pass(
      () =>
        new Promise<number>((resolve, reject) => {
          started.push(number);
          finish[number] = (fails) => (fails ? reject(new Error(`${number} failed`)) : resolve(number));
        }),
    ),
  );
  const failure = runs[1]?.catch((error: Error) => error.message);
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  finish[1]?.(true);
  expect(await failure).toBe('1 failed');
  await expect.poll(() => started).toEqual([0, 1, 2]);
  finish[0]?.(false);
  await expect.poll(() => started).toEqual([0, 1, 2, 3]);
  finish[2]?.(false);
  finish[3]?.(false);
  expect(await Promise.all([runs[0], runs[2], runs[3]])).toEqual([0, 2, 3]);
  expect(await pass(async () => 'free again')).toBe('free again');
});
