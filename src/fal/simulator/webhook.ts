/**
 * fal's webhooks: one POST when a request is done, signed with Ed25519, sent again with growing pauses until it is
 * answered with 2xx. A redirect is a failure for good, as at fal. Loopback is allowed, which real fal refuses.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import type { Ledger } from './ledger.ts';
import { planOf } from './plan.ts';
import type { Queue } from './queue.ts';
import type { FalRequest } from './request.ts';
import { resultReply } from './status.ts';
import { endOf, momentAt } from './timeline.ts';

const attempts = 10;
const firstTimeoutMs = 15_000;
const laterTimeoutMs = 120_000;
/** Until the second attempt; each later pause is twice as long. */
const firstPauseMs = { quick: 500, real: 15_000, instant: 50 };
const checkMs = 1000;

export interface Webhooks {
  /** What the receiver verifies signatures with. */
  jwks(): object;
  /** Sends the request's webhook when it is done, if it wants one. */
  watch(request: FalRequest): void;
  idle(): Promise<void>;
}

export type WebhookParts = {
  folder: string;
  queue: Queue;
  ledger: Ledger;
  clock: Clock;
  baseUrl: string;
  signal: AbortSignal;
  log: (line: object) => void;
};

/** Takes up every webhook that is still owed. They stop when the signal aborts. */
export async function openWebhooks(parts: WebhookParts): Promise<Webhooks> {
  const { folder, queue, ledger, clock, baseUrl, signal, log } = parts;
  const key = await signingKey(join(folder, 'webhook-key.pem'));
  const running = new Set<Promise<void>>();
  const watch = (request: FalRequest) => {
    if (request.webhookUrl === undefined || request.webhookSettledAt !== undefined) return;
    const delivery = deliver(request.id, request.webhookUrl).catch((error: unknown) => log({ webhook: String(error) }));
    running.add(delivery);
    void delivery.finally(() => running.delete(delivery));
  };
  for (const request of ledger.requests()) watch(request);
  return {
    jwks: () => ({
      keys: [{ ...createPublicKey(key).export({ format: 'jwk' }), kid: 'simulated', use: 'sig', alg: 'EdDSA' }],
    }),
    watch,
    async idle() {
      await Promise.all(running);
    },
  };

  async function deliver(id: string, url: string): Promise<void> {
    const request = await completed(id);
    if (request === undefined) return;
    const body = webhookBody(request);
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      if (body === undefined || (await post(url, id, body, attempt))) break;
      await clock.wait(firstPauseMs[request.speed] * 2 ** (attempt - 1), signal);
      if (signal.aborted) return;
    }
    const latest = ledger.request(id);
    if (latest !== undefined) await ledger.putRequest({ ...latest, webhookSettledAt: clock.now() });
  }

  /** Waits until the request is done; undefined when the simulator closes first, or forgets it. */
  async function completed(id: string): Promise<FalRequest | undefined> {
    while (!signal.aborted) {
      const request = ledger.request(id);
      if (request === undefined) return undefined;
      const end = endOf(request, planOf(request)).at;
      const now = clock.now();
      if (now < end) await queue.change(id, now, Math.max(end - now, 1), signal);
      else if ((await queue.look(id)).moment.status === 'COMPLETED') return ledger.request(id);
      else await clock.wait(checkMs, signal);
    }
    return undefined;
  }

  /** Undefined for a request that was cancelled in the queue: fal sends nothing for it. */
  function webhookBody(request: FalRequest): string | undefined {
    const moment = momentAt(request, planOf(request), clock.now());
    if (moment.status !== 'COMPLETED' || moment.startedAt === undefined) return undefined;
    const { status, body } = resultReply(request, moment, baseUrl);
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    const error = status === 200 ? null : `Invalid status code: ${status}`;
    const ids = `"gateway_request_id": "${request.id}", "payload": ${payload}, "request_id": "${request.id}"`;
    return `{"error": ${JSON.stringify(error)}, ${ids}, "status": "${status === 200 ? 'OK' : 'ERROR'}"}`;
  }

  /** Whether there is nothing left to do: it was taken, or turned away for good. */
  async function post(url: string, id: string, body: string, attempt: number): Promise<boolean> {
    const timeout = AbortSignal.timeout(attempt === 1 ? firstTimeoutMs : laterTimeoutMs);
    const timestamp = String(Math.floor(clock.now() / 1000));
    const digest = createHash('sha256').update(body).digest('hex');
    const signed = Buffer.from([id, userId, timestamp, digest].join('\n'));
    try {
      const response = await fetch(url, {
        method: 'POST',
        body,
        redirect: 'manual',
        signal: AbortSignal.any([timeout, signal]),
        headers: {
          'content-type': 'application/json',
          'x-fal-webhook-request-id': id,
          'x-fal-webhook-user-id': userId,
          'x-fal-webhook-timestamp': timestamp,
          'x-fal-webhook-signature': sign(null, signed, key).toString('hex'),
        },
      });
      await response.body?.cancel();
      log({ webhook: id, attempt, status: response.status });
      return response.ok || (response.status >= 300 && response.status < 400);
    } catch (error) {
      log({ webhook: id, attempt, error: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }
}

const userId = 'simulated|user';

/** The folder's own key, made at the first start, so that what was signed before a restart still verifies after it. */
async function signingKey(path: string) {
  const pem = await readFile(path, 'utf8').catch(() => undefined);
  if (pem !== undefined) return createPrivateKey(pem);
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return privateKey;
}
