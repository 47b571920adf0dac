/** Connections that break, hang or are slow. */
import { once } from 'node:events';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Call } from '../http/call.ts';
import { discard, type Reply, readWhole } from '../http/reply.ts';
import { callFault, everyKind, type FaultType, wholeKinds } from './fault.ts';

const when = z.object({ when: z.enum(['before', 'after']).default('before') });

export const connectionFaults: [FaultType, ...FaultType[]] = [
  callFault('reset', everyKind, when, ({ when }) => async (call, next) => {
    if (when === 'after') discard(await next(call));
    return { status: 0 };
  }),
  callFault('hang', everyKind, when, ({ when }) => async (call, next) => {
    if (when === 'after') discard(await next(call));
    await callerLeft(call);
    return { status: 0 };
  }),
  callFault(
    'slow',
    everyKind,
    z.object({ delayMs: z.int().positive() }),
    ({ delayMs }) =>
      async (call, next, context) => {
        const reply = await next(call);
        await context.clock.wait(delayMs, call.signal);
        return reply;
      },
  ),
  // Headers and length of the complete reply, half of its bytes, then a reset.
  callFault('cut', wholeKinds, z.object({}), () => async (call, next) => {
    const { status, headers, bytes } = await readReply(await next(call));
    const half = bytes.subarray(0, Math.floor(bytes.length / 2));
    return { status, headers: { ...headers, 'content-length': bytes.length }, body: parts([half]), reset: true };
  }),
  callFault(
    'drip',
    wholeKinds,
    z.object({ pieces: z.int().min(2).max(10_000).default(10), pauseMs: z.int().positive().default(1000) }),
    ({ pieces, pauseMs }) =>
      async (call, next, { clock }) => {
        const { status, headers, bytes } = await readReply(await next(call));
        const body = inPieces(bytes, Math.ceil(bytes.length / pieces), pauseMs, clock, call.signal);
        return { status, headers: { ...headers, 'content-length': bytes.length }, body };
      },
  ),
];

/** Resolves when the caller disconnects. */
export async function callerLeft({ signal }: Call): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

async function readReply(reply: Reply) {
  return { status: reply.status, ...(await readWhole(reply)) };
}

async function* parts(buffers: Buffer[]): AsyncGenerator<Buffer> {
  yield* buffers;
}

async function* inPieces(bytes: Buffer, size: number, pauseMs: number, clock: Clock, signal: AbortSignal) {
  for (let at = 0; at < bytes.length && !signal.aborted; at += size) {
    if (at > 0) await clock.wait(pauseMs, signal);
    yield bytes.subarray(at, at + size);
  }
}
