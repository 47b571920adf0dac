/** fal's replies about a request: its status and its result. */
import type { Reply } from '../http/reply.ts';
import type { LogEntry } from './model-logs.ts';
import { logsAt } from './model-logs.ts';
import type { FalRequest } from './request.ts';
import { resultOf } from './result.ts';
import type { Progress } from './timeline.ts';

/** fal's status contains only the latest log lines. */
const maxLogs = 50;

export const cancelledError = { detail: 'Request cancelled by the client.', error_type: 'client_cancelled' };

/** The request's URLs: under the app, without the rest of the endpoint's id, as at fal. */
export function urlsOf(request: FalRequest, baseUrl: string) {
  const app = request.endpoint.split('/').slice(0, 2).join('/');
  const url = `${baseUrl}/${app}/requests/${request.id}`;
  return { response_url: url, status_url: `${url}/status`, cancel_url: `${url}/cancel` };
}

/** `logs` is null when the caller did not ask for logs. */
export function statusBody(request: FalRequest, progress: Progress, baseUrl: string, logs: LogEntry[] | null) {
  const common = { request_id: request.id, ...urlsOf(request, baseUrl), logs };
  if (progress.status === 'IN_QUEUE') {
    return { status: 'IN_QUEUE', ...common, queue_position: progress.queuePosition, metrics: {} };
  }
  if (progress.status === 'IN_PROGRESS') return { status: 'IN_PROGRESS', ...common, metrics: {} };
  const error = errorOf(request, progress);
  const metrics = error === undefined ? { inference_time: progress.ranMs / 1000 } : {};
  return { status: 'COMPLETED', ...common, metrics, ...error };
}

export function windowOfLogs(request: FalRequest, progress: Progress): LogEntry[] {
  return logsAt(request, progress).slice(-maxLogs);
}

/** The status contains failures of the infrastructure only; the model's own appear at the result. */
function errorOf(request: FalRequest, progress: Progress): { error: string; error_type: string } | undefined {
  if (progress.status === 'COMPLETED' && progress.cancelled) {
    return { error: cancelledError.detail, error_type: cancelledError.error_type };
  }
  const failure = request.failure ?? request.trained?.failure;
  if (failure?.errorType === undefined || typeof failure.detail !== 'string') return undefined;
  return { error: failure.detail, error_type: failure.errorType };
}

/** The reply of the result's URL. */
export function resultReply(request: FalRequest, progress: Progress, baseUrl: string): Reply {
  const headers = { 'x-fal-request-id': request.id };
  if (progress.status !== 'COMPLETED') {
    return { status: 400, headers, body: { detail: 'Request is still in progress' } };
  }
  if (progress.cancelled) return { status: 499, headers, body: { detail: cancelledError.detail } };
  const failure = request.failure ?? request.trained?.failure;
  if (failure === undefined) {
    const { json, billableUnits } = resultOf(request, baseUrl);
    return { status: 200, headers: { ...headers, 'x-fal-billable-units': String(billableUnits) }, body: json };
  }
  const { status, detail, errorType } = failure;
  const about = { ...headers, 'x-fal-retryable': String(status >= 500) };
  if (errorType === undefined) return { status, headers: about, body: { detail } };
  return { status, headers: { ...about, 'x-fal-error-type': errorType }, body: { detail, error_type: errorType } };
}
