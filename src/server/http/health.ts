/** /health: the process is alive. /ready: whether it can work, and which of its parts cannot. */
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { sendJsonBody } from './http-error.ts';

/** True if the part works, otherwise a few words on what is wrong. */
export type Check = () => Promise<true | string>;

/** The checks of the parts that the server cannot work without, by name. */
export type Checks = Record<string, Check>;

type Readiness = { ready: boolean; parts: Record<string, true | string>; note?: string };

/** A check that takes longer counts as failed. */
const timeoutMs = 2_000;

/** Explains why fal is not among the parts. */
const note = 'Whether fal can be reached is no condition: jobs are taken all the same, and wait for it.';

export function sendHealth(response: ServerResponse): void {
  sendJsonBody(response, 200, { status: 'ok' });
}

/** Also 503 while the server drains or closes, so that a load balancer sends requests elsewhere. */
export async function sendReadiness(
  response: ServerResponse,
  checks: Checks,
  isClosing: boolean,
  log: Logger,
): Promise<void> {
  const readiness = isClosing ? { ready: false, parts: { server: 'closing' } } : await runChecks(checks, log);
  sendJsonBody(response, readiness.ready ? 200 : 503, readiness);
}

async function runChecks(checks: Checks, log: Logger): Promise<Readiness> {
  const results = Object.entries(checks).map(
    async ([part, check]) => [part, await runCheck(part, check, log)] as const,
  );
  const parts = Object.fromEntries(await Promise.all(results));
  return { ready: Object.values(parts).every((result) => result === true), parts, note };
}

async function runCheck(part: string, check: Check, log: Logger): Promise<true | string> {
  const answered = new AbortController();
  try {
    const late = wait(timeoutMs, 'does not answer', { ref: false, signal: answered.signal });
    late.catch(() => undefined);
    return await Promise.race([check(), late]);
  } catch (error) {
    log.error({ err: error, part }, 'a health check failed');
    return 'failed';
  } finally {
    answered.abort();
  }
}
