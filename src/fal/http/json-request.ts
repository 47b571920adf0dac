/** Requests with a JSON response: reads the response, turns an HTTP error into an error of ours, and repeats safe reads. */

import type { FalErrorResponse } from '../error-response.ts';
import { FalError } from '../errors.ts';
import { backoffMs, retryAfterMs, type Sleep } from './backoff.ts';
import { parseJson } from './json.ts';
import type { CallName } from './metrics-hooks.ts';
import { type HttpRequest, type HttpResponse, type Transport } from './transport.ts';
import { NoResponse } from './transport-errors.ts';

export type Limits = { name: CallName; timeoutMs: number; fresh?: boolean; signal?: AbortSignal | undefined };
export type RequestSpec<T> = Limits & {
  /** Reads the body of a 2xx response; undefined when it is not of the expected shape. */
  read: (body: unknown, status: number) => T | undefined;
  /** Makes the error to throw for a response of any other status, unless `readError` finds a value in it. */
  toError: (response: FalErrorResponse) => Error;
  readError?: (response: FalErrorResponse) => T | undefined;
};

const readBackoff = { firstMs: 500, maxMs: 4000 };
const attempts = 3;
/** A longer wait throws instead, so that a step of a job stays short; the caller schedules the next try. */
const maxWaitMs = 5000;

export function openJsonRequests({
  transport,
  redact,
  sleep,
  random,
  now,
}: {
  transport: Transport;
  /** Removes the key from fal's text, before an error can hold it. */
  redact: (text: string) => string;
  sleep: Sleep;
  random: () => number;
  now: () => number;
}) {
  const errorResponseOf = ({ status, headers, text }: HttpResponse): FalErrorResponse => ({
    status,
    body: jsonOf(redact(text)),
    errorType: headers.get('x-fal-error-type') ?? undefined,
    retryAfterMs: retryAfterMs(headers.get('retry-after'), now()),
  });

  /** Throws NoResponse for an unreadable 2xx response too: nobody knows what fal did. */
  const send = async <T>(request: HttpRequest, { read, toError, readError, ...limits }: RequestSpec<T>): Promise<T> => {
    const response = await transport.send(request, limits);
    if (isSuccess(response)) {
      const value = read(jsonOf(response.text), response.status);
      if (value === undefined)
        throw new NoResponse(`fal's response with status ${response.status} is unreadable`, true);
      return value;
    }
    const errorResponse = errorResponseOf(response);
    const value = readError?.(errorResponse);
    if (value === undefined) throw toError(errorResponse);
    return value;
  };

  const readOnce = async <T>(request: HttpRequest, spec: RequestSpec<T>): Promise<T> => {
    try {
      return await send(request, spec);
    } catch (error) {
      throw error instanceof NoResponse ? unavailable(error) : error;
    }
  };

  return {
    errorResponseOf,
    send,
    readOnce,

    /** Makes up to three attempts while the error is transient and the wait is short. Only for safe requests. */
    async read<T>(request: HttpRequest, spec: RequestSpec<T>): Promise<T> {
      for (let failures = 1; ; failures += 1) {
        try {
          return await readOnce(request, spec);
        } catch (error) {
          if (!(error instanceof FalError && error.transient) || failures === attempts) throw error;
          const waitMs = Math.max(error.retryAfterMs ?? 0, backoffMs(failures, readBackoff, random));
          if (waitMs > maxWaitMs) throw error;
          await sleep(waitMs, spec.signal);
          spec.signal?.throwIfAborted();
        }
      }
    },
  };
}

export function isSuccess({ status }: HttpResponse): boolean {
  return status >= 200 && status < 300;
}

export function unavailable({ message }: NoResponse): FalError {
  return new FalError('FAL_UNAVAILABLE', `${message}.`, { transient: true });
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
