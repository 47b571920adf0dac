/** Sends a delivery: signs and posts it, with the faults that the delivery describes. */
import type { Clock } from '../clock.ts';
import type { CallLog } from '../http/call-log.ts';
import { type Delivery, serialize } from './delivery.ts';
import type { Signer } from './signer.ts';

const firstTimeoutMs = 15_000;
const laterTimeoutMs = 120_000;

/** The request, the number of the attempt, and the names of the active faults. */
export type Attempt = { requestId: string; attempt: number; faults: string[] };

/** Resolves to whether the webhook is settled: accepted, redirected (which fal counts as final), or dropped by a fault. */
export type SendWebhook = (delivery: Delivery, attempt: Attempt) => Promise<boolean>;

export type SenderParts = {
  signer: Signer;
  clock: Clock;
  callLog: CallLog;
  signal: AbortSignal;
  log: (line: object) => void;
};

export function openSender({ signer, clock, callLog, signal, log }: SenderParts): SendWebhook {
  return send;

  async function send(delivery: Delivery, context: Attempt): Promise<boolean> {
    const { delayMs, copies, parallel, next } = delivery;
    if (delayMs > 0) await clock.wait(delayMs, signal);
    if (delivery.rotatesKey) await signer.rotate();
    if (delivery.isDropped) return true;
    if (delivery.isLost || signal.aborted) return false;
    const answers: boolean[] = [];
    if (parallel) answers.push(...(await Promise.all(Array.from({ length: copies }, () => post(delivery, context)))));
    else for (let copy = 0; copy < copies; copy += 1) answers.push(await post(delivery, context));
    if (next !== undefined) await send(next, context);
    return answers.every(Boolean);
  }

  async function post(delivery: Delivery, { requestId, attempt, faults }: Attempt): Promise<boolean> {
    const { url } = delivery;
    const names = faults.length > 0 && { faults };
    const entry = callLog.addWebhook({ at: clock.now(), requestId, url, attempt, ...names });
    const body = serialize(delivery);
    try {
      const timeout = AbortSignal.timeout(attempt === 1 ? firstTimeoutMs : laterTimeoutMs);
      const response = await fetch(url, {
        method: 'POST',
        body,
        redirect: 'manual',
        signal: AbortSignal.any([timeout, signal]),
        headers: { 'content-type': 'application/json', ...signatureOf(delivery, body) },
      });
      await response.body?.cancel();
      entry.status = response.status;
      entry.answeredAt = clock.now();
      log({ webhook: requestId, attempt, status: response.status });
      return response.ok || (response.status >= 300 && response.status < 400);
    } catch (error) {
      entry.status = 0;
      log({ webhook: requestId, attempt, error: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }

  /** Uses the wall clock, because the receiver compares the timestamp with its own clock. */
  function signatureOf({ signedId, userId, ageSeconds, signature }: Delivery, body: string): Record<string, string> {
    if (signature === 'none') return {};
    const timestamp = Math.floor(Date.now() / 1000) - ageSeconds;
    const by = signature === 'stranger' ? 'stranger' : 'own';
    const headers = signer.headers({ requestId: signedId, userId, timestamp, body }, by);
    if (signature !== 'broken') return headers;
    const hex = headers['x-fal-webhook-signature'] ?? '';
    const otherDigit = (Number.parseInt(hex.slice(0, 1), 16) ^ 1).toString(16);
    return { ...headers, 'x-fal-webhook-signature': otherDigit + hex.slice(1) };
  }
}
