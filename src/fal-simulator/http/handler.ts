/** Handles a call: its own pages under /__simulator, or fal's routes with the faults of the plan. Logs each call to fal. */

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
  callLog: CallLog;
  store: Store;
  context: FaultContext;
  log: (line: object) => void;
};

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/** Never rejects. */
export function openHandler(parts: HandlerParts): (call: Call) => Promise<Reply> {
  const { routes, pages, faults, callLog, store, context, log } = parts;
  return async (call) => {
    // DNS rebinding: a web page whose host name resolves to 127.0.0.1 sends that name in its Host header.
    if (!loopback.test(call.header('host') ?? '')) return { status: 403, body: { detail: 'Not a loopback host' } };
    return await (call.host === 'simulator' ? orError(pages, call) : asFal(call));
  };

  async function asFal(call: Call): Promise<Reply> {
    const subject = callSubjectOf(call, store);
    const active = faults.match(subject);
    const entry = callLog.add(
      call,
      subject,
      active.map(({ name }) => name),
      context.clock.now(),
    );
    // Inside the faults, so that the log names a new request even when a fault hides the reply from the caller.
    const route = async (call: Call): Promise<Reply> => {
      const reply = await orError(routes, call);
      const requestId = requestIdOf(reply);
      if (requestId !== undefined) entry.requestId = requestId;
      return reply;
    };
    const reply = await orError(withFaults(active, route, context), call);
    entry.status = reply.status;
    // Without the webhook's URL, which may contain a secret.
    const { webhookUrl: _, ...line } = entry;
    log(line);
    return reply;
  }
}

async function orError(handle: (call: Call) => Promise<Reply>, call: Call): Promise<Reply> {
  try {
    return await handle(call);
  } catch (error) {
    if (error instanceof BodyNotJson) return { status: 400, body: { detail: 'The body is not JSON' } };
    const isTooLarge = error instanceof BodyTooLarge || error instanceof FileTooLarge;
    if (isTooLarge) return { status: 413, headers: { connection: 'close' }, body: { detail: 'The body is too large' } };
    return { status: 500, body: { detail: error instanceof Error ? error.message : 'Internal server error' } };
  }
}
