/** The interface to fal. client.ts implements it over HTTP; nothing else in src/ calls fal. */
import type { Readable } from 'node:stream';
import type { EndpointId } from './endpoints.ts';

export interface Fal {
  /**
   * Sends a request at most once. Throws FalError when fal rejects it, and SubmitUnconfirmed when nobody can know whether
   * fal accepted it. fal calls `webhookUrl` when the request is done.
   */
  submit(
    endpoint: EndpointId,
    input: Record<string, unknown>,
    options?: { webhookUrl?: string | undefined },
  ): Promise<Submitted>;

  /** Reads the status once, with the log lines that fal still shows. Safe to repeat. Throws FalError. */
  status(endpoint: EndpointId, requestId: string, signal?: AbortSignal): Promise<RequestStatus>;

  /**
   * Yields the status as it changes: from fal's event stream, and by polling when the stream fails, falls silent or ends
   * early. Ends after COMPLETED, or without an error when the signal aborts. Throws FalError for an error that is not
   * transient (unknown request, rejected key); retries after transient ones. A log line can come more than once, so the
   * caller must drop duplicates.
   */
  follow(endpoint: EndpointId, requestId: string, signal: AbortSignal): AsyncIterable<RequestStatus>;

  /**
   * The result of a COMPLETED request as fal wrote it, except that large integers are strings. Throws FalError with the
   * model's message for a failed request, and RequestCancelled for a cancelled one.
   */
  result(endpoint: EndpointId, requestId: string, signal?: AbortSignal): Promise<unknown>;

  /** Asks fal to cancel. The request has not stopped until its status is COMPLETED. Safe to repeat. */
  cancel(endpoint: EndpointId, requestId: string): Promise<'REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND'>;

  /** Uploads a file to fal's storage and returns its URL. A second upload makes a second file. */
  upload(file: Blob, options: { fileName: string; signal?: AbortSignal }): Promise<string>;

  /**
   * Reads a file of a result. Throws FalError: RESULT_LOST (404, 410, or larger than `maxBytes`) or FAL_UNAVAILABLE
   * (transient). The stream fails with the same errors, also when it ends before its content-length.
   */
  download(url: string, options: { maxBytes: number; signal?: AbortSignal }): Promise<Readable>;
}

export type Submitted = {
  requestId: string;
  /** From fal's response. */
  urls: { statusUrl: string; responseUrl: string; cancelUrl: string };
  queuePosition: number | undefined;
};

export type RequestStatus = {
  status: 'IN_QUEUE' | 'IN_PROGRESS' | 'COMPLETED';
  /** The number of requests before this one; only while IN_QUEUE. */
  queuePosition: number | undefined;
  logs: FalLog[];
  /** Set for a COMPLETED request that failed: fal has no separate status for it. */
  error: { type: string | undefined; message: string } | undefined;
};

export type FalLog = {
  message: string;
  /** ISO 8601 in UTC, with all of fal's digits. */
  timestamp: string;
  level: string | undefined;
};
