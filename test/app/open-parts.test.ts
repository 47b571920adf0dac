/** The order and the limits in which the parts of a server close. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { OpenParts } from '../../src/app/open-parts.ts';

test('closes the last part first, each part once, and leaves behind a part that fails or never closes', async () => {
  const logged: string[] = [];
  const parts = new OpenParts(pino({}, { write: (line: string) => void logged.push(line) }));
  const closed: string[] = [];
  parts.add({ close: () => void closed.push('first') });
  parts.add({ close: () => Promise.reject(new Error('rejected by the test')) });
  parts.add({ close: () => new Promise(() => undefined) }, 1);
  parts.add({
    close() {
      throw new Error('thrown by the test');
    },
  });
  parts.add({ close: async () => void closed.push('last') });
  await parts.close();
  await parts.close();
  expect(closed).toEqual(['last', 'first']);
  const messages = logged.map((line) => (JSON.parse(line) as { err: { message: string } }).err.message);
  expect(messages).toEqual(['thrown by the test', 'No answer within 1 ms.', 'rejected by the test']);
});
