import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { simulate } from '../support/simulator.ts';

const endpoint = 'fal-ai/flux-lora';
type Delivery = { headers: IncomingHttpHeaders; raw: string; body: Record<string, unknown> };

/** Answers each delivery with the next of the statuses, and with 200 after the last. */
async function receiver(...statuses: number[]): Promise<{ url: string; deliveries: Delivery[] }> {
  const deliveries: Delivery[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const raw = await text(request);
    deliveries.push({ headers: request.headers, raw, body: JSON.parse(raw) });
    response.writeHead(statuses.shift() ?? 200, { location: '/elsewhere' }).end();
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=a%20b`, deliveries };
}

const settled = (simulator: Awaited<ReturnType<typeof simulate>>['simulator']) =>
  vi.waitFor(
    () => expect(simulator.record.requests().every(({ webhookSettledAt }) => webhookSettledAt)).toBe(true),
    5000,
  );

/** As fal documents it, from the key set and the raw body alone. */
async function isGenuine(url: string, { headers, raw }: Delivery): Promise<boolean> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: JsonWebKey[] };
  const header = (name: string) => String(headers[`x-fal-webhook-${name}`]);
  const digest = createHash('sha256').update(raw).digest('hex');
  const message = Buffer.from([header('request-id'), header('user-id'), header('timestamp'), digest].join('\n'));
  const isFresh = Math.abs(Date.now() / 1000 - Number(header('timestamp'))) <= 300;
  const signature = Buffer.from(header('signature'), 'hex');
  return isFresh && keys.some((key) => verify(null, message, createPublicKey({ key, format: 'jwk' }), signature));
}

describe('a webhook', () => {
  it('brings the result, signed', async () => {
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

  it('tells of a failure as fal does', async () => {
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

  it('comes again until it is taken, and not after', async () => {
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

  it('that is owed is sent after a restart, under the same key', async () => {
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
