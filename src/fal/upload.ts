/** A file into fal's storage: what the client asks, step by step, with our timeouts and our errors. */
import type { Refusal } from './detail.ts';
import { FalError } from './errors.ts';
import { isSuccess, unavailable } from './exchange.ts';
import { refusalOfUpload } from './refusals.ts';
import { type Answer, type Call, type Transport, Unanswered } from './transport.ts';

type Uploading = {
  transport: Transport;
  refusalOf: (answer: Answer) => Refusal;
  timeouts: { readMs: number; uploadMs: number };
  signal: AbortSignal | undefined;
};

/**
 * `run` is the client's upload with its requests going out through `send`. Throws FalError, or the signal's reason. The
 * client sends the part of a large file three times and then hides why it failed; the reason is kept here, and a final
 * one is not tried again.
 */
export async function upload(
  run: (send: (call: Call) => Promise<Response>) => Promise<string>,
  { transport, refusalOf, timeouts, signal }: Uploading,
): Promise<string> {
  let failure: unknown;
  const send = async (call: Call): Promise<Response> => {
    if (failure !== undefined && !(failure instanceof FalError && failure.transient)) throw failure;
    try {
      const timeoutMs = call.method === 'PUT' ? timeouts.uploadMs : timeouts.readMs;
      const answer = await transport.send(call, { name: 'upload', timeoutMs, signal });
      if (!isSuccess(answer)) throw refusalOfUpload(refusalOf(answer), 'authorization' in call.headers);
      failure = undefined;
      return new Response(answer.text, {
        headers: { 'content-type': answer.headers.get('content-type') ?? 'text/plain' },
      });
    } catch (error) {
      failure = error instanceof Unanswered ? unavailable(error) : error;
      throw failure;
    }
  };
  let url: string;
  try {
    url = await run(send);
  } catch (error) {
    throw (
      failure ??
      new FalError('FAL_UNAVAILABLE', 'fal answered an upload with something unreadable.', {
        transient: true,
        cause: error,
      })
    );
  }
  if (!URL.canParse(url)) throw new FalError('FAL_UNAVAILABLE', 'fal named no URL for an upload.', { transient: true });
  return url;
}
