/** What a fault does, as code: an act has a name, the calls it is for, and what it may be told. */
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Call } from '../http/call.ts';
import { type CallKind, newRequestKinds, requestKinds } from '../http/call-subject.ts';
import type { Reply } from '../http/reply.ts';
import type { FalRequest } from '../queue/request.ts';
import type { Delivery } from '../webhooks/delivery.ts';
import { type Match, matchShape } from './matcher.ts';

/** What an act may need to know. */
export type FaultContext = {
  clock: Clock;
  baseUrl: string;
  request(id: string): FalRequest | undefined;
  /** Ends when the request's webhook has been tried once. */
  webhookTried(requestId: string): Promise<void>;
};

/** Gives the answer to a call instead of `next`, which does what fal was asked and answers as fal would. */
export type Middleware = (call: Call, next: (call: Call) => Promise<Reply>, context: FaultContext) => Promise<Reply>;
export type AlterDelivery = (delivery: Delivery) => Delivery;

/** An entry of a fault plan, read. */
export type Fault = { name: string; on: string; match: Match; middleware: Middleware; alter: AlterDelivery };
export type FaultType = z.ZodType<Fault>;

export const everyKind = [...requestKinds, ...newRequestKinds] as const;
/** What is answered at once and whole. */
export const wholeKinds = everyKind.filter((kind) => kind !== 'stream') as [CallKind, ...CallKind[]];

/** An act on calls of these kinds. */
export function callFault<Shape extends z.ZodRawShape>(
  name: string,
  on: readonly [CallKind, ...CallKind[]],
  params: z.ZodObject<Shape>,
  middleware: (given: z.output<z.ZodObject<Shape>>) => Middleware,
): FaultType {
  return act(name, on, params, (given) => ({ middleware: middleware(given), alter: (delivery) => delivery }));
}

/** An act on webhooks. */
export function webhookFault<Shape extends z.ZodRawShape>(
  name: string,
  params: z.ZodObject<Shape>,
  alter: (given: z.output<z.ZodObject<Shape>>) => AlterDelivery,
): FaultType {
  return act(name, ['webhook'], params, (given) => ({ middleware: (call, next) => next(call), alter: alter(given) }));
}

function act<Shape extends z.ZodRawShape>(
  name: string,
  on: readonly [string, ...string[]],
  params: z.ZodObject<Shape>,
  make: (given: z.output<z.ZodObject<Shape>>) => Pick<Fault, 'middleware' | 'alter'>,
): FaultType {
  const head = z.object({ on: z.enum(on, { error: `"${name}" is for ${on.join(', ')}` }), ...matchShape });
  return z
    .strictObject({ ...params.shape, ...head.shape, do: z.literal(name) })
    .superRefine((entry, context) => {
      // What is wrong with it otherwise is told already.
      const { on = '', request, per } = head.safeParse(entry).data ?? {};
      if (!(newRequestKinds as readonly string[]).includes(on)) return;
      const message = `A ${on} is about no request that there is yet`;
      if (request !== undefined) context.addIssue({ code: 'custom', path: ['request'], message });
      if (per !== undefined) context.addIssue({ code: 'custom', path: ['per'], message });
    })
    .transform((entry): Fault => {
      const { on, ...match } = head.parse(entry);
      return { name, on, match, ...make(params.parse(entry)) };
    });
}
