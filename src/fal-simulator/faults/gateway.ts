/** Replies of fal's gateway. */
import { z } from 'zod';
import type { Call } from '../http/call.ts';
import { discard, type Reply } from '../http/reply.ts';
import { callFault, everyKind, type FaultType } from './fault.ts';

const when = z.enum(['before', 'after']).default('before');

export const gatewayFaults: [FaultType, ...FaultType[]] = [
  callFault(
    'answer',
    everyKind,
    z.object({
      status: z.int().min(200).max(599),
      when,
      retryAfterSeconds: z.int().nonnegative().optional(),
      headers: z.record(z.string(), z.string()).optional(),
      body: z.json().optional(),
      html: z.boolean().optional(),
    }),
    ({ status, when, retryAfterSeconds, headers, body, html = status === 502 }) =>
      async (call, next) => {
        if (when === 'after') discard(await next(call));
        const reply = html ? page(status) : gatewayReply(status);
        return {
          status,
          headers: {
            ...reply.headers,
            ...(retryAfterSeconds !== undefined && { 'retry-after': retryAfterSeconds }),
            ...headers,
          },
          body: body === undefined ? (reply.body ?? '') : JSON.stringify(body),
        };
      },
  ),
  // Lasts as long as the plan is set. Accepted requests continue.
  callFault(
    'retired',
    ['submit', 'run'],
    z.object({ status: z.literal([404, 410]).default(404) }),
    ({ status }) =>
      async (call) => ({ status, body: { detail: `Application "${aliasOf(call)}" not found` } }),
  ),
  callFault('user-timeout', ['submit', 'run', 'result'], z.object({ when }), ({ when }) => async (call, next) => {
    if (when === 'after') discard(await next(call));
    const { headers, body = '' } = gatewayReply(504);
    return { status: 504, headers: { ...headers, 'x-fal-request-timeout-type': 'user' }, body };
  }),
];

function gatewayReply(status: number): Reply {
  switch (status) {
    case 202:
      return { status, body: { status: 'IN_PROGRESS' } };
    case 403:
      return {
        status,
        body: { detail: 'User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.' },
      };
    case 404:
      return { status, body: { status: 'NOT_FOUND' } };
    case 429:
      return { status, body: { detail: 'Too many requests', error_type: 'concurrent_requests_limit' } };
    case 504:
      return {
        status,
        headers: { 'x-fal-error-type': 'request_timeout' },
        body: { detail: 'Request timed out', error_type: 'request_timeout' },
      };
    default:
      return { status, body: { detail: details[status] ?? `Status ${status}` } };
  }
}

const details: Record<number, string> = {
  400: 'Bad request',
  401: 'invalid key credentials',
  408: 'Request timeout',
  410: 'Gone',
  413: 'The body is too large',
  422: 'Unprocessable entity',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

function page(status: number): Reply {
  const title = status === 502 ? '502 Bad Gateway' : `${status}`;
  const html = `<html>\r\n<head><title>${title}</title></head>\r\n<body><center><h1>${title}</h1></center></body>\r\n</html>\r\n`;
  return { status, headers: { 'content-type': 'text/html' }, body: Buffer.from(html) };
}

function aliasOf({ path }: Call): string {
  return path.split('/')[2] ?? '';
}
