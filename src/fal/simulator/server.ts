/**
 * fal, simulated: queue, direct runs, storage and files on one loopback port, for everything that fal/endpoints.ts
 * names. It draws real pictures and trains models that only it knows. See hooks.ts for words that make it fail.
 *
 * The official client finds it through a `requestMiddleware` that sends fal's hosts here and names them in the header
 * `x-fal-sim-host`, or through `proxyUrl: { url: simulator.url, when: 'always' }`.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BodyNotJson, BodyTooLarge, readCall } from './call.ts';
import { type Clock, systemClock } from './clock.ts';
import { openDownloads } from './download.ts';
import { openLedger } from './ledger.ts';
import { openQueue } from './queue.ts';
import { type Reply, send } from './reply.ts';
import type { FalRequest, Speed } from './request.ts';
import { openRoutes, type Routes } from './routes.ts';
import { FileTooLarge, openStorage } from './storage.ts';
import { openTrainer } from './trainer.ts';
import { openUploads } from './upload.ts';
import { openWebhooks } from './webhook.ts';

export type SimulatorOptions = {
  /** 0: any that is free. */
  port?: number;
  host?: '127.0.0.1';
  /** Where it keeps its state; undefined: a folder of its own that is gone when it closes. One simulator to a folder. */
  dataDir: string | undefined;
  speed: Speed;
  clock?: Clock;
  log?: (line: object) => void;
};

/** A call as it came and how it was answered; never its body. */
export type SeenCall = { at: number; method: string; host: string; path: string; status: number };

export interface Simulator {
  url: string;
  /** The FAL_KEY that it accepts. */
  key: string;
  record: {
    /** The last 10,000 calls, oldest first; not those to /__simulator. */
    calls(): readonly SeenCall[];
    /** Every request that was accepted in the last seven days. */
    requests(): FalRequest[];
  };
  close(): Promise<void>;
}

/** One for all simulators: it guards nothing, and a client that was pointed at one finds the next. */
export const simulatorKey = 'simulated:fal-key';
const mostCalls = 10_000;

export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { port = 0, host = '127.0.0.1', dataDir, speed, clock = systemClock, log = () => undefined } = options;
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'simulated-fal-')));
  await mkdir(folder, { recursive: true });
  const closing = new AbortController();
  const calls: SeenCall[] = [];
  let routes: Routes | undefined;
  let closed: Promise<void> | undefined;

  const server = createServer((message, response) => void answer(message, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  const baseUrl = `http://${host}:${(server.address() as AddressInfo).port}`;

  const ledger = await openLedger(folder, clock, (file) => void rm(join(folder, 'files', file.id), { force: true }));
  const storage = await openStorage(folder, ledger);
  const { signal } = closing;
  const train = openTrainer(ledger, storage, signal);
  const queue = openQueue({ ledger, storage, clock, speed, train, signal });
  const webhooks = await openWebhooks({ folder, queue, ledger, clock, baseUrl, signal, log });
  routes = openRoutes({
    key: simulatorKey,
    baseUrl,
    clock,
    queue,
    ledger,
    webhooks,
    uploads: openUploads(storage, clock, baseUrl),
    downloads: openDownloads(ledger, storage, clock),
    seen: () => calls,
  });

  return {
    url: baseUrl,
    key: simulatorKey,
    record: { calls: () => calls, requests: () => [...ledger.requests()] },
    close() {
      closed ??= close();
      return closed;
    },
  };

  async function close(): Promise<void> {
    closing.abort();
    const ended = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await ended;
    await webhooks.idle();
    await queue.idle();
    await ledger.close();
    if (dataDir === undefined) await rm(folder, { recursive: true, force: true });
  }

  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController();
    response.once('close', () => left.abort());
    const call = readCall(message, AbortSignal.any([left.signal, closing.signal]));
    const reply = await replyTo(message, async () => (await routes?.(call)) ?? starting);
    if (call.host !== 'simulator') {
      const { method, host, path } = call;
      const seen = { at: clock.now(), method, host, path, status: reply.status };
      if (calls.push(seen) > mostCalls) calls.shift();
      log(seen);
    }
    if (!response.destroyed) await send(reply, response, call.method !== 'HEAD');
  }
}

const starting: Reply = { status: 503, headers: { 'retry-after': 1 }, body: { detail: 'Starting' } };
const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/** A page on another site that has its name resolved to 127.0.0.1 gets nothing: its Host header gives it away. */
async function replyTo(message: IncomingMessage, route: () => Promise<Reply>): Promise<Reply> {
  if (!loopback.test(message.headers.host ?? '')) return { status: 403, body: { detail: 'Not a loopback host' } };
  try {
    return await route();
  } catch (error) {
    if (error instanceof BodyNotJson) return { status: 400, body: { detail: 'The body is not JSON' } };
    const isTooLarge = error instanceof BodyTooLarge || error instanceof FileTooLarge;
    if (isTooLarge) return { status: 413, headers: { connection: 'close' }, body: { detail: 'The body is too large' } };
    return { status: 500, body: { detail: error instanceof Error ? error.message : 'Internal server error' } };
  }
}
