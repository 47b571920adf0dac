/** How one call is answered: by the simulator's own pages, or as fal, with the faults that meet it, and recorded. */
import { BodyNotJson, BodyTooLarge, type Call } from './call.ts';
import type { Scene } from './fault/act.ts';
import { type Faults, spoiled } from './fault/faults.ts';
import type { Ledger } from './ledger.ts';
import type { Pages } from './pages.ts';
import type { CallRecord } from './record.ts';
import { type Reply, requestIdOf } from './reply.ts';
import type { Routes } from './routes.ts';
import { FileTooLarge } from './storage.ts';
import { subjectOf } from './subject.ts';

export type AnswerParts = {
  routes: Routes;
  pages: Pages;
  faults: Faults;
  record: CallRecord;
  ledger: Ledger;
  scene: Scene;
  log: (line: object) => void;
};

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/** Never rejects. */
export function openAnswers(parts: AnswerParts): (call: Call) => Promise<Reply> {
  const { routes, pages, faults, record, ledger, scene, log } = parts;
  return async (call) => {
    // A page on another site that has its name resolved to 127.0.0.1 gets nothing: its Host header gives it away.
    if (!loopback.test(call.header('host') ?? '')) return { status: 403, body: { detail: 'Not a loopback host' } };
    return await (call.host === 'simulator' ? orError(pages, call) : asFal(call));
  };

  async function asFal(call: Call): Promise<Reply> {
    const subject = subjectOf(call, ledger);
    const met = faults.meet(subject);
    const seen = record.saw(
      call,
      subject,
      met.map(({ name }) => name),
      scene.clock.now(),
    );
    // Noted below the faults: a request that was made is known here, whatever the caller hears of it.
    const answer = async (call: Call): Promise<Reply> => {
      const reply = await orError(routes, call);
      const made = requestIdOf(reply);
      if (made !== undefined) seen.requestId = made;
      return reply;
    };
    const reply = await orError(spoiled(met, answer, scene), call);
    seen.status = reply.status;
    // Not the webhook's URL, which may hold a secret.
    const { webhookUrl: _, ...told } = seen;
    log(told);
    return reply;
  }
}

async function orError(answer: (call: Call) => Promise<Reply>, call: Call): Promise<Reply> {
  try {
    return await answer(call);
  } catch (error) {
    if (error instanceof BodyNotJson) return { status: 400, body: { detail: 'The body is not JSON' } };
    const isTooLarge = error instanceof BodyTooLarge || error instanceof FileTooLarge;
    if (isTooLarge) return { status: 413, headers: { connection: 'close' }, body: { detail: 'The body is too large' } };
    return { status: 500, body: { detail: error instanceof Error ? error.message : 'Internal server error' } };
  }
}
