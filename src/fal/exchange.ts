/** A request to fal and its JSON answer: how errors are told apart, and how reads are repeated. */
import { backoffMs, retryAfterMs, type Sleep } from './backoff.ts';
import type { CallName } from './calls.ts';
import type { Refusal } from './detail.ts';
import { FalError } from './errors.ts';
import { parseJson } from './json.ts';
import { type Answer, type Call, type Transport, Unanswered } from './transport.ts';

export type Limits = { name: CallName; timeoutMs: number; fresh?: boolean; signal?: AbortSignal | undefined };
export type Asking<T> = Limits & {
  /** The body of a 2xx answer; undefined means that it is not what was asked for. */
  read: (body: unknown, status: number) => T | undefined;
  /** An answer of any other status as the error to throw, unless readRefusal takes it for an answer. */
  refuse: (refusal: Refusal) => Error;
  readRefusal?: (refusal: Refusal) => T | undefined;
};

const betweenReads = { firstMs: 500, mostMs: 4000 };
const attempts = 3;
/** A longer wait is the caller's to schedule: a step of a job is short. */
const mostWaitMs = 5000;

export type Exchange = ReturnType<typeof openExchange>;

export function openExchange({
  transport,
  redact,
  sleep,
  random,
  now,
}: {
  transport: Transport;
  /** Takes the key out of what fal says, before it can reach an error. */
  redact: (text: string) => string;
  sleep: Sleep;
  random: () => number;
  now: () => number;
}) {
  const refusalOf = ({ status, headers, text }: Answer): Refusal => ({
    status,
    body: jsonOf(redact(text)),
    errorType: headers.get('x-fal-error-type') ?? undefined,
    retryAfterMs: retryAfterMs(headers.get('retry-after'), now()),
  });

  /** Throws Unanswered also when the answer is cut off or says something else: what it stands for is as unknown. */
  const ask = async <T>(call: Call, { read, refuse, readRefusal, ...limits }: Asking<T>): Promise<T> => {
    const answer = await transport.send(call, limits);
    if (isSuccess(answer)) {
      const value = read(jsonOf(answer.text), answer.status);
      if (value === undefined) throw new Unanswered(`fal answered ${answer.status} with something unreadable`, true);
      return value;
    }
    const refusal = refusalOf(answer);
    const value = readRefusal?.(refusal);
    if (value === undefined) throw refuse(refusal);
    return value;
  };

  const readOnce = async <T>(call: Call, asking: Asking<T>): Promise<T> => {
    try {
      return await ask(call, asking);
    } catch (error) {
      throw error instanceof Unanswered ? unavailable(error) : error;
    }
  };

  return {
    refusalOf,
    ask,
    readOnce,

    /** For what may be asked again: three attempts while the error is of the moment and the wait short. */
    async read<T>(call: Call, asking: Asking<T>): Promise<T> {
      for (let failures = 1; ; failures += 1) {
        try {
          return await readOnce(call, asking);
        } catch (error) {
          if (!(error instanceof FalError && error.transient) || failures === attempts) throw error;
          const waitMs = Math.max(error.retryAfterMs ?? 0, backoffMs(failures, betweenReads, random));
          if (waitMs > mostWaitMs) throw error;
          await sleep(waitMs, asking.signal);
          asking.signal?.throwIfAborted();
        }
      }
    },
  };
}

export function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

export function unavailable({ message }: Unanswered): FalError {
  return new FalError('FAL_UNAVAILABLE', `${message}.`, { transient: true });
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
