/** Faults of webhooks, as their receiver sees them. The tests verify signatures with code of their own. */
import { describe, expect, it, vi } from 'vitest';
import { manualClock } from '../../../src/fal-simulator/clock.ts';
import type { SimulatorOptions } from '../../../src/fal-simulator/server.ts';
import { type Delivery, gathering, isGenuine, receiver, settled } from '../../support/receiver.ts';
import { faulty, refusal } from '../../support/simulator.ts';

const endpoint = 'fal-ai/flux-lora';
const input = { prompt: 'x', image_size: { width: 256, height: 256 } };

/** Submits a request with a webhook to a receiver that answers with these statuses, under a plan with these faults. */
async function start(faults: object[], statuses: number[] = [], options: Partial<SimulatorOptions> = {}) {
  const { url: webhookUrl, deliveries } = await receiver(...statuses);
  const parts = await faulty(
    faults.map((fault) => ({ on: 'webhook', ...fault })),
    options,
  );
  const submitted = await parts.fal.queue.submit(endpoint, { input, webhookUrl });
  return { ...parts, deliveries, requestId: submitted.request_id, webhookUrl };
}

async function delivered(faults: object[], statuses: number[] = []) {
  const parts = await start(faults, statuses);
  await settled(parts.simulator);
  const genuine = await Promise.all(parts.deliveries.map((delivery) => isGenuine(parts.simulator.url, delivery)));
  return { ...parts, genuine };
}

const said = (deliveries: Delivery[]) => deliveries.map(({ body }) => body);

describe('a webhook', () => {
  it('is never sent', async () => {
    const { deliveries, fal, requestId } = await delivered([{ do: 'never' }]);
    expect(deliveries).toEqual([]);
    expect((await fal.queue.result(endpoint, { requestId })).data.images).toHaveLength(1);
  });

  it('is lost once and arrives with the second attempt', async () => {
    const { deliveries, genuine, simulator } = await delivered([{ nth: 1, do: 'lose' }]);
    expect([deliveries.length, genuine]).toEqual([1, [true]]);
    expect(simulator.record.webhooks()).toMatchObject([{ attempt: 2, status: 200 }]);
  });

  it('arrives late', async () => {
    const clock = manualClock();
    const { deliveries, simulator } = await start([{ do: 'late', delayMs: 60_000 }], [], { clock });
    const began = clock.now();
    await vi.waitFor(() => {
      clock.advance(5000);
      expect(deliveries).toHaveLength(1);
    });
    expect((simulator.record.webhooks()[0]?.at ?? 0) - began).toBeGreaterThanOrEqual(60_000);
    // The timestamp is from the system clock, which the receiver checks, not from the simulator's clock.
    expect(await isGenuine(simulator.url, deliveries[0] as Delivery)).toBe(true);
  });

  it('arrives ten times in sequence', async () => {
    const { deliveries, genuine, simulator } = await delivered([{ do: 'duplicate', copies: 10 }]);
    expect(new Set(deliveries.map(({ raw }) => raw)).size).toBe(1);
    expect(genuine).toEqual(Array.from({ length: 10 }, () => true));
    expect(simulator.record.webhooks()).toHaveLength(10);
  });

  it('arrives ten times before the first is answered', async () => {
    const { url: webhookUrl, deliveries } = await gathering(10);
    const { fal, simulator } = await faulty([{ on: 'webhook', do: 'duplicate', copies: 10, parallel: true }]);
    await fal.queue.submit(endpoint, { input, webhookUrl });
    await settled(simulator);
    expect(deliveries).toHaveLength(10);
  });

  it('is sent again if the receiver rejected one of its copies', async () => {
    const { deliveries } = await delivered([{ nth: 1, do: 'duplicate' }], [200, 500]);
    expect(deliveries).toHaveLength(3);
  });

  it('reports ERROR for a success', async () => {
    const { deliveries, genuine } = await delivered([{ do: 'error' }]);
    expect(said(deliveries)).toMatchObject([
      { status: 'ERROR', error: 'Invalid status code: 500', payload: { detail: 'Internal Server Error' } },
    ]);
    expect(genuine).toEqual([true]);
  });

  it('reports ERROR after it has reported OK', async () => {
    const { deliveries, genuine } = await delivered([{ do: 'error-after' }]);
    expect(said(deliveries)).toMatchObject([{ status: 'OK', payload: { prompt: 'x' } }, { status: 'ERROR' }]);
    expect(genuine).toEqual([true, true]);
  });

  it('has a payload_error instead of a payload, for a success and for an error', async () => {
    const { deliveries, genuine } = await delivered([{ do: 'payload-null' }, { nth: 2, do: 'error' }], [500]);
    const payload = { payload: null, payload_error: expect.stringMatching(/^Response payload is not JSON/) };
    expect(said(deliveries)).toMatchObject([
      { status: 'OK', error: null, ...payload },
      { status: 'ERROR', error: 'Invalid status code: 500', ...payload },
    ]);
    expect(genuine).toEqual([true, true]);
  });

  it('has another gateway_request_id', async () => {
    const { deliveries, genuine, requestId } = await delivered(
      [
        { nth: 1, do: 'gateway-id' },
        { nth: 2, do: 'gateway-id', inHeader: true },
      ],
      [500],
    );
    expect(said(deliveries)).toMatchObject([{ request_id: requestId }, { request_id: requestId }]);
    const gateway = said(deliveries).map((body) => body['gateway_request_id']);
    expect(gateway).not.toContain(requestId);
    expect(deliveries.map(({ headers }) => headers['x-fal-webhook-request-id'])).toEqual([requestId, gateway[1]]);
    expect(genuine).toEqual([true, true]);
  });

  it('has a valid signature and an unknown request id', async () => {
    const { deliveries, genuine, requestId } = await delivered([{ do: 'unknown-request' }]);
    expect(said(deliveries)[0]?.['request_id']).not.toBe(requestId);
    expect(genuine).toEqual([true]);
  });

  it('has a valid signature and arrives at another URL', async () => {
    const { deliveries, genuine } = await delivered([{ do: 'unknown-token' }]);
    expect(deliveries[0]?.path).toMatch(/^\/[0-9a-f-]{36}\?token=a%20b$/);
    expect(genuine).toEqual([true]);
  });

  it('has a valid signature for another fal user', async () => {
    const { deliveries, genuine } = await delivered([{ nth: 2, do: 'other-user' }], [500]);
    const users = deliveries.map(({ headers }) => headers['x-fal-webhook-user-id']);
    expect(users).toEqual(['simulated|user', 'another|user']);
    expect(genuine).toEqual([true, true]);
  });

  it.each([
    [{ do: 'bad-signature' }],
    [{ do: 'foreign-key' }],
    [{ do: 'unsigned' }],
    [{ do: 'old' }],
    [{ do: 'old', ageSeconds: -600 }],
  ])('has an invalid signature at first and a valid one when sent again: %j', async (fault) => {
    const { deliveries, genuine } = await delivered([{ nth: 1, ...fault }], [401]);
    expect(deliveries).toHaveLength(2);
    expect(genuine).toEqual([false, true]);
  });

  it('is old but still within the permitted age', async () => {
    expect((await delivered([{ do: 'old', ageSeconds: 250 }])).genuine).toEqual([true]);
  });

  it('is signed with a new key, which only the current key set contains', async () => {
    const { simulator, deliveries } = await start([{ nth: 2, do: 'rotate' }], [500]);
    const keysAt = async () => await (await fetch(`${simulator.url}/.well-known/jwks.json`)).json();
    const before = await keysAt();
    await settled(simulator);
    const after = await keysAt();
    expect(after.keys).toHaveLength(1);
    expect(after.keys[0].kid).not.toBe(before.keys[0].kid);
    const genuine = deliveries.map((delivery) => isGenuine(simulator.url, delivery));
    expect(await Promise.all(genuine)).toEqual([false, true]);
  });

  it('is ten MiB long', async () => {
    const { deliveries, genuine } = await delivered([{ do: 'oversized' }]);
    expect(deliveries[0]?.raw.length).toBeGreaterThan(10 * 2 ** 20);
    expect(genuine).toEqual([true]);
  });

  it('gets the faults of its own request only', async () => {
    const { fal, simulator, deliveries, webhookUrl } = await start([{ request: 2, do: 'never' }]);
    await fal.queue.submit(endpoint, { input, webhookUrl });
    await fal.queue.submit(endpoint, { input, webhookUrl });
    await settled(simulator);
    const ids = simulator.record.requests().map(({ id }) => id);
    expect(said(deliveries).map((body) => body['request_id'])).toEqual([ids[0], ids[2]]);
  });
});

describe('a webhook out of order', () => {
  it('arrives before the submit is answered', async () => {
    const { url: webhookUrl, deliveries } = await receiver();
    const { fal, simulator } = await faulty([{ on: 'submit', do: 'webhook-first' }]);
    const { request_id } = await fal.queue.submit(endpoint, { input, webhookUrl });
    expect(said(deliveries)).toMatchObject([{ request_id, status: 'OK', payload: { prompt: 'x' } }]);
    const [submit] = simulator.record.calls();
    const [webhook] = simulator.record.webhooks();
    expect([submit?.number, webhook?.number]).toEqual([1, 2]);
  });

  it('arrives although the submit is never answered', async () => {
    const { url: webhookUrl, deliveries } = await receiver();
    const faults = ['webhook-first', 'user-timeout'].map((act) => ({ on: 'submit', do: act }));
    const { fal, simulator } = await faulty([{ ...faults[1], when: 'after' }, faults[0] ?? {}]);
    expect(await refusal(fal.queue.submit(endpoint, { input, webhookUrl }))).toMatchObject({ status: 504 });
    expect(said(deliveries)).toMatchObject([{ request_id: simulator.record.requests()[0]?.id }]);
  });

  it('arrives before the request is complete', async () => {
    const { url: webhookUrl, deliveries } = await receiver();
    const clock = manualClock();
    const faults = [
      { on: 'submit', do: 'webhook-early' },
      { on: 'submit', do: 'webhook-first' },
    ];
    const { fal } = await faulty(faults, { clock, speed: 'quick' });
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input, webhookUrl });
    expect(said(deliveries)).toMatchObject([{ request_id: requestId, status: 'OK', payload: null }]);
    expect(await fal.queue.status(endpoint, { requestId })).toMatchObject({ status: 'IN_QUEUE' });
  });

  it('does not delay a submit without a webhook', async () => {
    const { fal } = await faulty([{ on: 'submit', do: 'webhook-first' }]);
    expect(await fal.queue.submit(endpoint, { input })).toMatchObject({ status: 'IN_QUEUE' });
  });
});

it('a pending webhook is sent under the current plan, and recorded with its faults', async () => {
  const { deliveries, simulator } = await delivered([{ nth: 1, do: 'bad-signature' }], [401]);
  expect(deliveries).toHaveLength(2);
  const { id: requestId } = simulator.record.requests()[0] ?? {};
  expect(simulator.record.webhooks()).toMatchObject([
    { requestId, attempt: 1, status: 401, faults: ['bad-signature'] },
    { requestId, attempt: 2, status: 200 },
  ]);
});
