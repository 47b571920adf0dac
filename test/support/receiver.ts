/** Whom webhooks are sent to: keeps what came, and verifies it by its own code. */
import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, vi } from 'vitest';
import type { Simulator } from '../../src/fal-simulator/server.ts';

export type Delivery = { path: string; headers: IncomingHttpHeaders; raw: string; body: Record<string, unknown> };

/** Answers each delivery with the next of the statuses, and with 200 after the last. */
export async function receiver(...statuses: number[]): Promise<Receiver> {
  return await listen((response) => answer(response, statuses.shift()));
}

/** Answers none before so many have come. */
export async function gathering(count: number): Promise<Receiver> {
  const waiting: ServerResponse[] = [];
  return await listen((response) => {
    if (waiting.push(response) === count) for (const one of waiting) answer(one);
  });
}

export type Receiver = { url: string; deliveries: Delivery[] };

async function listen(onDelivery: (response: ServerResponse) => void): Promise<Receiver> {
  const deliveries: Delivery[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const raw = await text(request);
    deliveries.push({ path: request.url ?? '', headers: request.headers, raw, body: JSON.parse(raw) });
    onDelivery(response);
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=a%20b`, deliveries };
}

function answer(response: ServerResponse, status = 200): void {
  response.writeHead(status, { location: '/elsewhere' }).end();
}

/** Resolves when the simulator has delivered or given up every webhook. */
export async function settled({ record }: Simulator): Promise<void> {
  const isSettled = () =>
    record
      .requests()
      .every(({ webhookUrl, webhookSettledAt }) => (webhookUrl === undefined) !== (webhookSettledAt !== undefined));
  await vi.waitFor(() => expect(isSettled()).toBe(true), 5000);
}

/** As fal documents it, from the key set and the raw body alone. */
export async function isGenuine(url: string, { headers, raw }: Delivery): Promise<boolean> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: JsonWebKey[] };
  const header = (name: string) => String(headers[`x-fal-webhook-${name}`]);
  const digest = createHash('sha256').update(raw).digest('hex');
  const message = Buffer.from([header('request-id'), header('user-id'), header('timestamp'), digest].join('\n'));
  const isFresh = Math.abs(Date.now() / 1000 - Number(header('timestamp'))) <= 300;
  const signature = Buffer.from(header('signature'), 'hex');
  return isFresh && keys.some((key) => verify(null, message, createPublicKey({ key, format: 'jwk' }), signature));
}
