import { afterEach, describe, expect, it } from 'vitest';
import { createFal } from '../../src/fal/client.ts';
import {
  type Adapter,
  endpoint,
  key,
  openAdapter,
  rejection,
  requestId,
  resultRoute,
  statusRoute,
  streamRoute,
  submitRoute,
} from '../support/adapter.ts';
import { json, reset, text } from '../support/scripted-fal.ts';

let adapter: Adapter;
afterEach(async () => adapter.close());

describe('the key', () => {
  it('is in no error and no log line, whatever fal answers and however a call fails', async () => {
    adapter = await openAdapter();
    const { fal, server, logged } = adapter;
    const parrot = { detail: `no such key: Key ${key}, secret ${key.split(':')[1]}`, error_type: key };
    server.script(submitRoute, json(401, parrot), json(500, parrot), reset);
    server.script(resultRoute, json(422, { detail: [{ loc: ['body', key], msg: key, type: key }] }), json(403, parrot));
    server.script(statusRoute, json(202, { status: 'IN_QUEUE' }), json(401, parrot));
    server.script(streamRoute, text(401, key));
    server.script('POST /storage/upload/initiate', json(403, parrot));

    const errors = [
      await rejection(fal.submit(endpoint, { prompt: 'x' })),
      await rejection(fal.submit(endpoint, { prompt: 'x' })),
      await rejection(fal.submit(endpoint, { prompt: 'x' })),
      await rejection(fal.result(endpoint, requestId)),
      await rejection(fal.result(endpoint, requestId)),
      await rejection(fal.upload(new Blob(['x']), { fileName: 'x' })),
      await rejection(
        (async () => {
          for await (const _ of fal.follow(endpoint, requestId, new AbortController().signal));
        })(),
      ),
    ];
    expect(logged).toHaveLength(1);
    const output = errors.map(everythingOf).join() + logged.join();
    for (const secret of [key, ...key.split(':')]) expect(output).not.toContain(secret);
    expect(output).toContain('[key]');
  });

  it.each([
    '',
    '  ',
    'two\nlines',
    'a b',
    'schlüssel',
  ])('%j is rejected with a message that does not repeat it', async (bad) => {
    adapter = await openAdapter();
    expect(() => createFal({ key: bad })).toThrow(
      "fal's key is empty or contains a character that is not allowed in a key.",
    );
  });

  it('may have spaces around it', async () => {
    adapter = await openAdapter({ key: ` ${key}\n` });
    adapter.server.script(submitRoute, json(200, { request_id: requestId }));
    await adapter.fal.submit(endpoint, {});
    expect(adapter.server.seen[0]?.headers.authorization).toBe(`Key ${key}`);
  });

  it('that is too short is not redacted from fal’s messages', async () => {
    adapter = await openAdapter({ key: 'sim' });
    adapter.server.script(submitRoute, json(400, { detail: 'a simple sentence' }));
    expect(await rejection(adapter.fal.submit(endpoint, {}))).toMatchObject({ message: 'a simple sentence' });
  });
});

describe('closing', () => {
  it('closes every socket, and later calls fail', async () => {
    adapter = await openAdapter();
    adapter.server.always(statusRoute, json(202, { status: 'IN_QUEUE' }));
    await Promise.all([1, 2, 3].map(async () => adapter.fal.status(endpoint, requestId)));
    await adapter.fal.close();
    await Promise.all(adapter.server.seen.map(async ({ closed }) => closed));
    expect(adapter.server.openSockets()).toBe(0);
    expect(await rejection(adapter.fal.status(endpoint, requestId))).toMatchObject({
      code: 'FAL_UNAVAILABLE',
      transient: true,
    });
  });

  it('twice does no harm', async () => {
    adapter = await openAdapter();
    await adapter.fal.close();
    await adapter.fal.close();
    expect(adapter.server.seen).toEqual([]);
  });
});

it('keeps the sockets of reads for the next one', async () => {
  adapter = await openAdapter();
  adapter.server.always(statusRoute, json(202, { status: 'IN_QUEUE' }));
  for (let read = 0; read < 20; read += 1) await adapter.fal.status(endpoint, requestId);
  // The next read may begin before the last one's socket is free.
  expect(adapter.server.openSockets()).toBeLessThanOrEqual(2);
});

function everythingOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const fields = Object.getOwnPropertyNames(error).map((name) => String(Reflect.get(error, name)));
  return `${fields.join(' ')} ${everythingOf(error.cause)}`;
}
