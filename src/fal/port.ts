/** What Likeness asks of fal. client.ts answers it over the wire, live or simulated; nothing else in src/ talks to fal. */
import type { Readable } from 'node:stream';
import type { EndpointId } from './endpoints.ts';

export interface Fal {
  /**
   * Sends a request, at most once: whatever leaves its fate unknown throws SubmitUnconfirmed, and a refusal FalError.
   * `webhookUrl` is called by fal when the request is done.
   */
  submit(
    endpoint: EndpointId,
    input: Record<string, unknown>,
    options?: { webhookUrl?: string | undefined },
  ): Promise<Submitted>;

  /** One read of the status, with the logs that fal still shows. Safe to repeat. Throws FalError. */
  status(endpoint: EndpointId, requestId: string, signal?: AbortSignal): Promise<RequestStatus>;

  /**
   * The status as it changes: fal's event stream, and polling when the stream fails, goes silent or ends early.
   * Ends after COMPLETED, or without an error when the signal aborts. Throws FalError when reading is refused for good
   * (unknown request, key refused); transient faults are ridden out.
   * Logs may be told again: what is new is the reader's to decide, by what a line is.
   */
  follow(endpoint: EndpointId, requestId: string, signal: AbortSignal): AsyncIterable<RequestStatus>;

  /**
   * The result of a COMPLETED request, as fal gave it but with large integers kept as strings. Throws FalError with
   * what the model said of a failed request, and RequestCancelled for a cancelled one.
   */
  result(endpoint: EndpointId, requestId: string, signal?: AbortSignal): Promise<unknown>;

  /** Asks fal to cancel. Never proof that it stopped: follow to COMPLETED. Safe to repeat. */
  cancel(endpoint: EndpointId, requestId: string): Promise<'REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND'>;

  /** Puts a file into fal's storage and returns its URL. A second upload makes a second file. */
  upload(file: Blob, options: { fileName: string; signal?: AbortSignal }): Promise<string>;

  /**
   * Reads a file of a result. Throws FalError RESULT_LOST (404, 410), FAL_UNAVAILABLE (transient) or, past `maxBytes`,
   * RESULT_LOST. The stream fails the same way in its middle, also when it ends before its content-length.
   */
  download(url: string, options: { maxBytes: number; signal?: AbortSignal }): Promise<Readable>;
}

export type Submitted = {
  requestId: string;
  /** As fal's answer named them. */
  urls: { statusUrl: string; responseUrl: string; cancelUrl: string };
  queuePosition: number | undefined;
};

export type RequestStatus = {
  status: 'IN_QUEUE' | 'IN_PROGRESS' | 'COMPLETED';
  /** Requests in front of this one; only IN_QUEUE. */
  queuePosition: number | undefined;
  logs: FalLog[];
  /** Set on a COMPLETED request that failed: fal has no status of its own for that. */
  error: { type: string | undefined; message: string } | undefined;
};

export type FalLog = {
  message: string;
  /** ISO 8601, UTC, as precise as fal gave it. */
  timestamp: string;
  level: string | undefined;
};
