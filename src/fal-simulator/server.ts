/**
 * The simulated fal: queue, direct runs, storage and files on one loopback port, for all endpoints of fal/endpoints.ts. It
 * draws pictures and trains models that exist in the simulator only. See queue/prompt-commands.ts for words in a prompt that
 * make a request fail, and faults/plan.ts for faults of calls and webhooks.
 *
 * The official client finds it through a `requestMiddleware` that sends fal's hosts here and names them in the header
 * `x-fal-sim-host`, or through `proxyUrl: { url: simulator.url, when: 'always' }`.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from './clock.ts';
import { openFaults } from './faults/active-plan.ts';
import { type FaultPlan, readFaultPlan } from './faults/plan.ts';
import { openAdminPages } from './http/admin.ts';
import { type Call, readCall } from './http/call.ts';
import { type CallLog, openCallLog } from './http/call-log.ts';
import { openHandler } from './http/handler.ts';
import { type Reply, send } from './http/reply.ts';
import { openRoutes } from './http/routes.ts';
import { openQueue } from './queue/queue.ts';
import type { FalRequest, Speed } from './queue/request.ts';
import { openDownloads } from './storage/download.ts';
import { openStorage } from './storage/files.ts';
import { openStore } from './storage/store.ts';
import { openUploads } from './storage/upload.ts';
import { openTrainer } from './training/trainer.ts';
import { openWebhooks } from './webhooks/schedule.ts';
import { openSender } from './webhooks/send.ts';
import { openSigner } from './webhooks/signer.ts';

export type SimulatorOptions = {
  /** 0 selects a free port. */
  port?: number;
  host?: '127.0.0.1';
  /** The folder of its state, for one simulator at a time; undefined for a temporary folder that `close` deletes. */
  dataDir: string | undefined;
  speed: Speed;
  clock?: Clock;
  /** The fault plan from the start. */
  faults?: FaultPlan;
  log?: (line: object) => void;
};

export interface Simulator {
  url: string;
  /** The FAL_KEY that it accepts. */
  key: string;
  record: Pick<CallLog, 'calls' | 'webhooks'> & {
    /** All requests accepted in the last seven days. */
    requests(): FalRequest[];
  };
  /** The same as PUT /__simulator/faults. Throws InvalidFaultPlan. */
  setFaults(plan: object): void;
  clearFaults(): void;
  close(): Promise<void>;
}

/** The same for all simulators: it protects nothing, and a client can move from one simulator to another. */
export const simulatorKey = 'simulated:fal-key';

export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { port = 0, host = '127.0.0.1', dataDir, speed, clock = systemClock, log = () => undefined } = options;
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'simulated-fal-')));
  await mkdir(folder, { recursive: true });
  const closing = new AbortController();
  let answerTo: ((call: Call) => Promise<Reply>) | undefined;
  let closed: Promise<void> | undefined;

  const server = createServer((message, response) => void answer(message, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  const baseUrl = `http://${host}:${(server.address() as AddressInfo).port}`;

  const store = await openStore(folder, clock, (file) => void rm(join(folder, 'files', file.id), { force: true }));
  const storage = await openStorage(folder, store);
  const { signal } = closing;
  const train = openTrainer(store, storage, signal);
  const queue = openQueue({ store, storage, clock, speed, train, signal });
  const signer = await openSigner(join(folder, 'webhook-key.pem'));
  const callLog = openCallLog();
  const faults = openFaults(options.faults);
  const sendWebhook = openSender({ signer, clock, callLog, signal, log });
  const webhooks = openWebhooks({ send: sendWebhook, queue, store, clock, faults, baseUrl, signal, log });
  const pages = openAdminPages({ store, clock, callLog, faults });
  const routes = openRoutes({
    key: simulatorKey,
    baseUrl,
    clock,
    queue,
    signer,
    uploads: openUploads(storage, clock, baseUrl),
    downloads: openDownloads(store, storage, clock),
    onAccepted(request) {
      faults.accepted(request.id);
      webhooks.schedule(request);
    },
  });
  const context = { clock, baseUrl, request: store.request, webhookAttempted: webhooks.attempted };
  answerTo = openHandler({ routes, pages, faults, callLog, store, context, log });

  return {
    url: baseUrl,
    key: simulatorKey,
    record: { calls: callLog.calls, webhooks: callLog.webhooks, requests: () => [...store.requests()] },
    setFaults: (plan) => faults.set(readFaultPlan(plan)),
    clearFaults: () => faults.clear(),
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
    await store.close();
    if (dataDir === undefined) await rm(folder, { recursive: true, force: true });
  }

  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const disconnected = new AbortController();
    response.once('close', () => disconnected.abort());
    const call = readCall(message, AbortSignal.any([disconnected.signal, closing.signal]));
    const reply = (await answerTo?.(call)) ?? starting;
    if (!response.destroyed) await send(reply, response, call.method !== 'HEAD');
  }
}

const starting: Reply = { status: 503, headers: { 'retry-after': 1 }, body: { detail: 'Starting' } };
