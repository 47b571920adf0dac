/** /health says that the process lives, /ready that it can work: which part can, and which cannot. */
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { answerJson } from './http-error.ts';

/** Whether a part is well; if not, in a few words what it lacks. */
export type Check = () => Promise<true | string>;

/** The parts that the server cannot work without, by their names. */
export type Checks = Record<string, Check>;

type Health = { ready: boolean; parts: Record<string, true | string>; note?: string };

/** A part that does not say how it is by then is not well; the others are not waited for it. */
const timeoutMs = 2_000;

/** Said, because whoever reads this may look for it. */
const note = 'Whether fal can be reached is no condition: jobs are taken all the same, and wait for it.';

export function answerAlive(response: ServerResponse): void {
  answerJson(response, 200, { status: 'ok' });
}

/** 503 also while the server closes, so that whoever spreads requests over servers turns elsewhere. */
export async function answerReady(
  response: ServerResponse,
  checks: Checks,
  isClosing: boolean,
  log: Logger,
): Promise<void> {
  const found = isClosing ? { ready: false, parts: { server: 'closing' } } : await askAll(checks, log);
  answerJson(response, found.ready ? 200 : 503, found);
}

async function askAll(checks: Checks, log: Logger): Promise<Health> {
  const asked = Object.entries(checks).map(async ([part, check]) => [part, await ask(part, check, log)] as const);
  const parts = Object.fromEntries(await Promise.all(asked));
  return { ready: Object.values(parts).every((said) => said === true), parts, note };
}

async function ask(part: string, check: Check, log: Logger): Promise<true | string> {
  const answered = new AbortController();
  try {
    const late = wait(timeoutMs, 'does not answer', { ref: false, signal: answered.signal });
    late.catch(() => undefined);
    return await Promise.race([check(), late]);
  } catch (error) {
    log.error({ err: error, part }, 'a part cannot tell how it is');
    return 'failed';
  } finally {
    answered.abort();
  }
}
