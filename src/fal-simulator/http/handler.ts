/** How one call is answered: by the simulator's own pages, or as fal, with the faults that meet it, and recorded. */

import { type Faults, withFaults } from '../faults/active-plan.ts';
import type { FaultContext } from '../faults/fault.ts';
import { FileTooLarge } from '../storage/files.ts';
import type { Store } from '../storage/store.ts';
import type { AdminPages } from './admin.ts';
import { BodyNotJson, BodyTooLarge, type Call } from './call.ts';
import type { CallLog } from './call-log.ts';
import { callSubjectOf } from './call-subject.ts';
import { type Reply, requestIdOf } from './reply.ts';
import type { Routes } from './routes.ts';

export type HandlerParts = {
  routes: Routes;
  pages: AdminPages;
  faults: Faults;
  record: CallLog;
  store: Store;
  context: FaultContext;
  log: (line: object) => void;
};

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/** Never rejects. */
export function openHandler(parts: HandlerParts): (call: Call) => Promise<Reply> {
  const { routes, pages, faults, record, store, context, log } = parts;
  return async (call) => {
    // A page on another site that has its name resolved to 127.0.0.1 gets nothing: its Host header gives it away.
    if (!loopback.test(call.header('host') ?? '')) return { status: 403, body: { detail: 'Not a loopback host' } };
    return await (call.host === 'simulator' ? orError(pages, call) : asFal(call));
  };

  async function asFal(call: Call): Promise<Reply> {
    const subject = callSubjectOf(call, store);
    const met = faults.meet(subject);
    const seen = record.saw(
      call,
      subject,
      met.map(({ name }) => name),
      context.clock.now(),
    );
    // Noted below the faults: a request that was made is known here, whatever the caller hears of it.
    const answer = async (call: Call): Promise<Reply> => {
      const reply = await orError(routes, call);
      const made = requestIdOf(reply);
      if (made !== undefined) seen.requestId = made;
      return reply;
    };
    const reply = await orError(withFaults(met, answer, context), call);
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
