import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Delivery, isGenuine, receiver, settled } from '../support/receiver.ts';
import { simulate } from '../support/simulator.ts';

const endpoint = 'fal-ai/flux-lora';

describe('a webhook', () => {
  it('carries the result and a valid signature', async () => {
    const { fal, simulator } = await simulate();
    const { url: webhookUrl, deliveries } = await receiver();
    const { request_id } = await fal.queue.submit(endpoint, { input: { prompt: 'x', seed: 3 }, webhookUrl });
    await settled(simulator);
    expect(deliveries).toHaveLength(1);
    const [delivery] = deliveries as [Delivery];
    const { data } = await fal.queue.result(endpoint, { requestId: request_id });
    const ids = { request_id, gateway_request_id: request_id };
    expect(delivery.body).toEqual({ ...ids, status: 'OK', error: null, payload: data });
    expect(await isGenuine(simulator.url, delivery)).toBe(true);
    expect(await isGenuine(simulator.url, { ...delivery, raw: `${delivery.raw} ` })).toBe(false);
  });

  it('reports a failure as fal does', async () => {
    const { fal, simulator } = await simulate();
    const { url: webhookUrl, deliveries } = await receiver();
    await fal.queue.submit(endpoint, { input: { prompt: '' }, webhookUrl });
    await settled(simulator);
    expect(deliveries[0]?.body).toMatchObject({
      status: 'ERROR',
      error: 'Invalid status code: 422',
      payload: { detail: [{ loc: ['body', 'prompt'] }] },
    });
  });

  it('is sent again until the receiver accepts it', async () => {
    const { fal, simulator } = await simulate();
    const { url: webhookUrl, deliveries } = await receiver(500, 404);
    await fal.queue.submit(endpoint, { input: { prompt: 'x' }, webhookUrl });
    await settled(simulator);
    expect(deliveries).toHaveLength(3);
    expect(new Set(deliveries.map(({ raw }) => raw)).size).toBe(1);
  });

  it('does not follow a redirect', async () => {
    const { fal, simulator } = await simulate();
    const { url: webhookUrl, deliveries } = await receiver(302);
    await fal.queue.submit(endpoint, { input: { prompt: 'x' }, webhookUrl });
    await settled(simulator);
    expect(deliveries).toHaveLength(1);
  });

  it('is not sent for a request that was cancelled in the queue', async () => {
    const { fal, simulator } = await simulate();
    const { url: webhookUrl, deliveries } = await receiver();
    const { request_id: requestId } = await fal.queue.submit(endpoint, { input: { prompt: '[[queued]]' }, webhookUrl });
    await fal.queue.cancel(endpoint, { requestId });
    await settled(simulator);
    expect(deliveries).toEqual([]);
  });

  it('that was not delivered is sent after a restart, signed with the same key', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'webhook-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const { url: webhookUrl, deliveries } = await receiver();
    const before = await simulate({ dataDir, speed: 'quick' });
    const jwks = await (await fetch(`${before.simulator.url}/.well-known/jwks.json`)).text();
    await before.fal.queue.submit(endpoint, { input: { prompt: 'x' }, webhookUrl });
    await before.simulator.close();
    expect(deliveries).toEqual([]);
    const { simulator } = await simulate({ dataDir });
    await settled(simulator);
    expect(await (await fetch(`${simulator.url}/.well-known/jwks.json`)).text()).toBe(jwks);
    expect(await isGenuine(simulator.url, deliveries[0] as Delivery)).toBe(true);
  });
});
