/** /health says that the process lives, /ready that it can work. */
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { answerJson } from './http-error.ts';

export type Health = { ready: boolean; parts: Record<string, boolean | string> };

/** A part that does not say how it is by then is not ready. */
const timeoutMs = 2_000;

export function answerAlive(response: ServerResponse): void {
  answerJson(response, 200, { status: 'ok' });
}

/** 503 also while the server closes, so that whoever spreads requests over servers turns elsewhere. */
export async function answerReady(
  response: ServerResponse,
  health: () => Promise<Health>,
  isClosing: boolean,
  log: Logger,
): Promise<void> {
  const found = isClosing ? { ready: false, parts: { server: 'closing' } } : await askHealth(health, log);
  answerJson(response, found.ready ? 200 : 503, found);
}

async function askHealth(health: () => Promise<Health>, log: Logger): Promise<Health> {
  try {
    const late = wait(timeoutMs, { ready: false, parts: { health: 'no answer' } }, { ref: false });
    return await Promise.race([health(), late]);
  } catch (error) {
    log.error({ err: error }, 'health cannot be told');
    return { ready: false, parts: { health: 'failed' } };
  }
}
