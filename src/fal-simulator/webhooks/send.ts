/** Sends a webhook's delivery, signed, as often and as wrongly as it says. */
import type { Clock } from '../clock.ts';
import type { CallLog } from '../http/call-log.ts';
import { type Delivery, textOf } from './delivery.ts';
import type { Signer } from './signer.ts';

const firstTimeoutMs = 15_000;
const laterTimeoutMs = 120_000;

/** Which attempt at which request's webhook it is, and the faults that met it. */
export type Attempt = { requestId: string; attempt: number; faults: string[] };

/** Whether there is nothing left to do: it was taken, or turned away for good, or is not to be sent. */
export type SendWebhook = (delivery: Delivery, attempt: Attempt) => Promise<boolean>;

export type SenderParts = {
  signer: Signer;
  clock: Clock;
  record: CallLog;
  signal: AbortSignal;
  log: (line: object) => void;
};

export function openSender({ signer, clock, record, signal, log }: SenderParts): SendWebhook {
  return send;

  async function send(delivery: Delivery, about: Attempt): Promise<boolean> {
    const { delayMs, copies, parallel, next } = delivery;
    if (delayMs > 0) await clock.wait(delayMs, signal);
    if (delivery.rotatesKey) await signer.rotate();
    if (delivery.isDropped) return true;
    if (delivery.isLost || signal.aborted) return false;
    const answers: boolean[] = [];
    if (parallel) answers.push(...(await Promise.all(Array.from({ length: copies }, () => post(delivery, about)))));
    else for (let copy = 0; copy < copies; copy += 1) answers.push(await post(delivery, about));
    if (next !== undefined) await send(next, about);
    return answers.every(Boolean);
  }

  async function post(delivery: Delivery, { requestId, attempt, faults }: Attempt): Promise<boolean> {
    const { url } = delivery;
    const met = faults.length > 0 && { faults };
    const sent = record.sent({ at: clock.now(), requestId, url, attempt, ...met });
    const body = textOf(delivery);
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
      sent.status = response.status;
      sent.answeredAt = clock.now();
      log({ webhook: requestId, attempt, status: response.status });
      return response.ok || (response.status >= 300 && response.status < 400);
    } catch (error) {
      sent.status = 0;
      log({ webhook: requestId, attempt, error: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }

  /** By the wall clock: its receiver compares it with its own time, which a held clock here does not move. */
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
