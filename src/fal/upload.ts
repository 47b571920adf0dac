/** Uploads a file to fal's storage: sends the client's requests one by one, with our timeouts and our errors. */
import type { FalErrorResponse } from './error-response.ts';
import { FalError } from './errors.ts';
import { isSuccess, unavailable } from './http/json-request.ts';
import type { HttpRequest, HttpResponse, Transport } from './http/transport.ts';
import { NoResponse } from './http/transport-errors.ts';
import { refusalOfUpload } from './refusals.ts';

type UploadOptions = {
  transport: Transport;
  errorResponseOf: (response: HttpResponse) => FalErrorResponse;
  timeouts: { readMs: number; uploadMs: number };
  signal: AbortSignal | undefined;
};

/**
 * `run` is the client's upload; its requests go out through `send`. Throws FalError, or the signal's reason. The client
 * tries each part of a large file three times and then hides the reason of the failure. So the reason is kept here, and an
 * error that is not transient is thrown again without another request.
 */
export async function upload(
  run: (send: (request: HttpRequest) => Promise<Response>) => Promise<string>,
  { transport, errorResponseOf, timeouts, signal }: UploadOptions,
): Promise<string> {
  let failure: unknown;
  const send = async (request: HttpRequest): Promise<Response> => {
    if (failure !== undefined && !(failure instanceof FalError && failure.transient)) throw failure;
    try {
      const timeoutMs = request.method === 'PUT' ? timeouts.uploadMs : timeouts.readMs;
      const response = await transport.send(request, { name: 'upload', timeoutMs, signal });
      if (!isSuccess(response)) throw refusalOfUpload(errorResponseOf(response), 'authorization' in request.headers);
      failure = undefined;
      return new Response(response.text, {
        headers: { 'content-type': response.headers.get('content-type') ?? 'text/plain' },
      });
    } catch (error) {
      failure = error instanceof NoResponse ? unavailable(error) : error;
      throw failure;
    }
  };
  let url: string;
  try {
    url = await run(send);
  } catch (error) {
    throw (
      failure ??
      new FalError('FAL_UNAVAILABLE', "fal's response to an upload is unreadable.", {
        transient: true,
        cause: error,
      })
    );
  }
  if (!URL.canParse(url))
    throw new FalError('FAL_UNAVAILABLE', 'fal returned no URL for an upload.', { transient: true });
  return url;
}
