/** fal's routes: queue, direct runs, storage and files. */
import { endpointIds, isEndpointId } from '../../fal/endpoints.ts';
import type { Clock } from '../clock.ts';
import type { Queue } from '../queue/queue.ts';
import type { FalRequest } from '../queue/request.ts';
import { resultReply, statusBody, urlsOf, windowOfLogs } from '../queue/status.ts';
import { statusStream } from '../queue/status-stream.ts';
import { timingsOf } from '../queue/timings.ts';
import type { Downloads } from '../storage/download.ts';
import type { Uploads } from '../storage/upload.ts';
import type { Signer } from '../webhooks/signer.ts';
import { type Call, readJson } from './call.ts';
import type { Reply } from './reply.ts';

export type Routes = (call: Call) => Promise<Reply>;

export type RouteParts = {
  key: string;
  baseUrl: string;
  clock: Clock;
  queue: Queue;
  uploads: Uploads;
  downloads: Downloads;
  signer: Signer;
  /** Called for each accepted request, before the reply. */
  onAccepted: (request: FalRequest) => void;
};

const unknownRequest: Reply = { status: 404, body: { status: 'NOT_FOUND' } };
const wrongMethod: Reply = { status: 405, body: { detail: 'Method Not Allowed' } };
const streamHeaders = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' };
const maxWaitMs = 60 * 60_000;

export function openRoutes(parts: RouteParts): Routes {
  const { key, baseUrl, clock, queue, uploads, downloads, signer, onAccepted } = parts;
  return async (call) => {
    if (call.host === 'files') return await files(call);
    if (call.path === '/.well-known/jwks.json') return { status: 200, body: signer.jwks() };
    const rejected = rejectedKey(call);
    if (rejected !== undefined) return rejected;
    if (call.host === 'rest') return await storage(call);
    return call.host === 'run' ? await run(call) : await onQueue(call);
  };

  function rejectedKey(call: Call): Reply | undefined {
    const authorization = call.header('authorization');
    if (authorization === `Key ${key}`) return undefined;
    const detail = authorization === undefined ? 'Authentication is required' : 'invalid key credentials';
    return { status: 401, body: { detail } };
  }

  async function onQueue(call: Call): Promise<Reply> {
    const segments = call.path.slice(1).split('/');
    const at = segments.indexOf('requests', 2);
    if (at === -1) return await submit(call);
    const [id = '', ...action] = segments.slice(at + 1);
    const request = queue.find(segments.slice(0, 2).join('/'), id);
    if (request === undefined) return unknownRequest;
    const withLogs = call.query.get('logs') === '1';
    switch (`${call.method} ${action.join('/')}`) {
      case 'GET status':
        return await status(request, withLogs);
      case 'GET status/stream': {
        const body = statusStream(id, { queue, clock, baseUrl, withLogs, signal: call.signal });
        return { status: 200, headers: streamHeaders, body };
      }
      case 'GET ':
      case 'GET response': {
        const { request: latest, progress } = await queue.read(id);
        return resultReply(latest, progress, baseUrl);
      }
      case 'PUT cancel':
        return await cancel(request);
      default:
        return wrongMethod;
    }
  }

  async function submit(call: Call): Promise<Reply> {
    const accepted = await accept(call);
    if ('status' in accepted) return accepted;
    const { queuePosition } = timingsOf(accepted);
    const body = {
      status: 'IN_QUEUE',
      request_id: accepted.id,
      ...urlsOf(accepted, baseUrl),
      queue_position: queuePosition,
    };
    return { status: 200, headers: { 'x-fal-request-id': accepted.id }, body };
  }

  /** A direct run: replies with the result once the request is done. The request continues if the caller disconnects. */
  async function run(call: Call): Promise<Reply> {
    const accepted = await accept(call);
    if ('status' in accepted) return accepted;
    while (!call.signal.aborted) {
      const { request, progress, at } = await queue.read(accepted.id);
      if (progress.status === 'COMPLETED') return resultReply(request, progress, baseUrl);
      await queue.waitForChange(accepted.id, at, maxWaitMs, call.signal);
    }
    return { status: 499, body: { detail: 'Client disconnected', error_type: 'client_disconnected' } };
  }

  /** Accepts a new request, or returns the reply that rejects it. Input errors appear at the result only, as at fal. */
  async function accept(call: Call): Promise<FalRequest | Reply> {
    if (call.method !== 'POST') return wrongMethod;
    const endpoint = call.path.slice(1);
    if (!isEndpointId(endpoint)) return unknownEndpoint(endpoint);
    const input = (await readJson(call)) ?? {};
    const webhookUrl = call.query.get('fal_webhook') ?? undefined;
    if (webhookUrl !== undefined && !URL.canParse(webhookUrl)) {
      return { status: 400, body: { detail: 'Invalid webhook URL' } };
    }
    const maxQueueLength = call.query.get('fal_max_queue_length');
    if (maxQueueLength !== null && queue.waiting(endpoint) > Number(maxQueueLength)) {
      return { status: 429, body: { detail: `More than ${maxQueueLength} requests are waiting` } };
    }
    const request = await queue.submit(endpoint, input, { webhookUrl, outcome: call.outcome });
    onAccepted(request);
    return request;
  }

  async function status({ id }: FalRequest, withLogs: boolean): Promise<Reply> {
    const { request, progress } = await queue.read(id);
    const body = statusBody(request, progress, baseUrl, withLogs ? windowOfLogs(request, progress) : null);
    return { status: progress.status === 'COMPLETED' ? 200 : 202, headers: { 'x-fal-request-id': id }, body };
  }

  async function cancel(request: FalRequest): Promise<Reply> {
    const answer = await queue.cancel(request);
    const codes = { OK: 200, CANCELLATION_REQUESTED: 202, ALREADY_COMPLETED: 400 };
    return { status: codes[answer], headers: { 'x-fal-request-id': request.id }, body: { status: answer } };
  }

  async function storage(call: Call): Promise<Reply> {
    if (call.method !== 'POST') return wrongMethod;
    const lifecycle = call.header('x-fal-object-lifecycle') ?? call.header('x-fal-object-lifecycle-preference');
    switch (call.path) {
      case '/storage/upload/initiate':
        return uploads.initiate(await readJson(call), lifecycle, false);
      case '/storage/upload/initiate-multipart':
        return uploads.initiate(await readJson(call), lifecycle, true);
      default:
        return { status: 404, body: { detail: 'Not Found' } };
    }
  }

  /** Needs no key: the URL itself permits reading a file, or the upload that it was issued for. */
  async function files(call: Call): Promise<Reply> {
    const [, id = '', part] = /^\/upload\/([0-9a-f-]{36})_[\w.-]*(?:\/(\d+|complete))?$/.exec(call.path) ?? [];
    if (call.method === 'GET' || call.method === 'HEAD') return await downloads(call.path, call.header('range'));
    if (call.method === 'POST' && part === 'complete') return await uploads.complete(id, await readJson(call));
    if (call.method !== 'PUT') return wrongMethod;
    return part === undefined ? uploads.put(id, call.message) : uploads.putPart(id, Number(part), call.message);
  }
}

/** An app at fal is an owner and an alias; the rest of an endpoint id is a path within the app. */
function unknownEndpoint(endpoint: string): Reply {
  const [owner, alias, ...path] = endpoint.split('/');
  const isKnownApp = endpointIds.some((id) => id.startsWith(`${owner}/${alias}/`) || id === `${owner}/${alias}`);
  if (isKnownApp && path.length > 0) return { status: 404, body: { detail: `Path /${path.join('/')} not found` } };
  return { status: 404, body: { detail: `Application "${alias ?? owner}" not found` } };
}
