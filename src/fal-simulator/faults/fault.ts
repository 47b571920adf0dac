/** Fault types: each has a name, the kinds of calls that it applies to, and parameters. */
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Call } from '../http/call.ts';
import { type CallKind, newRequestKinds, requestKinds } from '../http/call-subject.ts';
import type { Reply } from '../http/reply.ts';
import type { FalRequest } from '../queue/request.ts';
import type { Delivery } from '../webhooks/delivery.ts';
import { type Match, matchShape } from './matcher.ts';

/** What a fault can use of the simulator. */
export type FaultContext = {
  clock: Clock;
  baseUrl: string;
  request(id: string): FalRequest | undefined;
  /** Resolves after the first attempt at the request's webhook. */
  webhookAttempted(requestId: string): Promise<void>;
};

/** Replies to a call in place of `next`, which handles the call as fal would. */
export type Middleware = (call: Call, next: (call: Call) => Promise<Reply>, context: FaultContext) => Promise<Reply>;
export type AlterDelivery = (delivery: Delivery) => Delivery;

/** A parsed entry of a fault plan. */
export type Fault = { name: string; on: string; match: Match; middleware: Middleware; alter: AlterDelivery };
export type FaultType = z.ZodType<Fault>;

export const everyKind = [...requestKinds, ...newRequestKinds] as const;
/** Calls with a reply that is complete at once. */
export const wholeKinds = everyKind.filter((kind) => kind !== 'stream') as [CallKind, ...CallKind[]];

/** Defines a fault of calls of these kinds. */
export function callFault<Shape extends z.ZodRawShape>(
  name: string,
  on: readonly [CallKind, ...CallKind[]],
  params: z.ZodObject<Shape>,
  middleware: (values: z.output<z.ZodObject<Shape>>) => Middleware,
): FaultType {
  return faultType(name, on, params, (values) => ({ middleware: middleware(values), alter: (delivery) => delivery }));
}

/** Defines a fault of webhooks. */
export function webhookFault<Shape extends z.ZodRawShape>(
  name: string,
  params: z.ZodObject<Shape>,
  alter: (values: z.output<z.ZodObject<Shape>>) => AlterDelivery,
): FaultType {
  return faultType(name, ['webhook'], params, (values) => ({
    middleware: (call, next) => next(call),
    alter: alter(values),
  }));
}

function faultType<Shape extends z.ZodRawShape>(
  name: string,
  on: readonly [string, ...string[]],
  params: z.ZodObject<Shape>,
  make: (values: z.output<z.ZodObject<Shape>>) => Pick<Fault, 'middleware' | 'alter'>,
): FaultType {
  const head = z.object({ on: z.enum(on, { error: `"${name}" is for ${on.join(', ')}` }), ...matchShape });
  return z
    .strictObject({ ...params.shape, ...head.shape, do: z.literal(name) })
    .superRefine((entry, context) => {
      // Other errors of the entry are reported already.
      const { on = '', request, per } = head.safeParse(entry).data ?? {};
      if (!(newRequestKinds as readonly string[]).includes(on)) return;
      const message = `A ${on} call has no request yet`;
      if (request !== undefined) context.addIssue({ code: 'custom', path: ['request'], message });
      if (per !== undefined) context.addIssue({ code: 'custom', path: ['per'], message });
    })
    .transform((entry): Fault => {
      const { on, ...match } = head.parse(entry);
      return { name, on, match, ...make(params.parse(entry)) };
    });
}
