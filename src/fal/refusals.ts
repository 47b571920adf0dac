/** fal's HTTP errors as FalError. Pure: an answer in, an error out; a test lists them all. */

import { complaintsOf, errorTypeOf, type Refusal, sentenceOf } from './detail.ts';
import { type EndpointId, endpoints } from './endpoints.ts';
import { FalError, type FalErrorCode, RequestCancelled, SubmitUnconfirmed } from './errors.ts';
import type { RequestStatus } from './port.ts';

/**
 * A submit that was answered with an error. Only an answer that says no means that there is no request: behind a 5xx, a
 * timeout or a redirect fal may have accepted it.
 */
export function refusalOfSubmit(endpoint: EndpointId, refusal: Refusal): FalError | SubmitUnconfirmed {
  const { status } = refusal;
  if (status < 400 || status >= 500 || status === 408 || status === 499) {
    return new SubmitUnconfirmed(`fal answered ${status} to a submit: ${sentenceOf(refusal)}`);
  }
  if (status === 404 || status === 410) return final('ENDPOINT_RETIRED', refusal);
  return refusalOfKey(refusal) ?? refusalOfInput(endpoint, refusal);
}

/**
 * A result that fal did not give. An error that fal recorded for the request comes back the same for ever and is final;
 * one of the moment (throttled, a gateway down, not finished yet) is not.
 */
export function refusalOfResult(endpoint: EndpointId, refusal: Refusal): FalError | RequestCancelled {
  const { status } = refusal;
  const errorType = errorTypeOf(refusal);
  if (status === 499 && errorType !== 'client_disconnected') return new RequestCancelled(sentenceOf(refusal));
  if (status === 404 || status === 410) return final('RESULT_LOST', refusal);
  if (status === 202 || (status === 400 && /still in progress/i.test(sentenceOf(refusal)))) {
    return new FalError('FAL_UNAVAILABLE', 'The request is not finished at fal yet.', { transient: true, status });
  }
  const ofKey = refusalOfKey(refusal);
  if (ofKey) return ofKey;
  if (errorType !== undefined) return failureOf({ type: errorType, message: sentenceOf(refusal) }, status);
  if (complaintsOf(refusal).some(({ type }) => type !== undefined) || isCallersFault(status)) {
    return refusalOfInput(endpoint, refusal);
  }
  return unavailable(refusal);
}

/**
 * A step of an upload. What goes to a signed URL carries no key: a refusal there is the URL's (expired, not known), and
 * the next upload gets another.
 */
export function refusalOfUpload(refusal: Refusal, withKey: boolean): FalError {
  if (refusal.status === 413) return final('INVALID_INPUT', refusal);
  if (!withKey) return unavailable(refusal);
  return (
    refusalOfKey(refusal) ?? (isCallersFault(refusal.status) ? final('FAL_UNAVAILABLE', refusal) : unavailable(refusal))
  );
}

/** A read of the status or a cancel that fal refused. */
export function refusalOfRead(refusal: Refusal): FalError {
  const { status } = refusal;
  if (status === 404 || status === 410) return final('RESULT_LOST', refusal);
  return refusalOfKey(refusal) ?? (isCallersFault(status) ? final('INVALID_INPUT', refusal) : unavailable(refusal));
}

/** What a COMPLETED status says of a request that failed; undefined for one that did not. Nothing of it is transient. */
export function failureOfStatus({ error }: Pick<RequestStatus, 'error'>): FalError | RequestCancelled | undefined {
  return error && failureOf(error, undefined);
}

const codeOfErrorType: ReadonlyMap<string, FalErrorCode> = new Map([
  ['bad_request', 'INVALID_INPUT'],
  ['content_policy_violation', 'CONTENT_BLOCKED'],
]);

/** fal's own error types, all of infrastructure but these: a runner lost, no runner in time, the gateway's own fault. */
function failureOf(
  error: NonNullable<RequestStatus['error']>,
  status: number | undefined,
): FalError | RequestCancelled {
  const type = error.type ?? '';
  const message = sentenceOf({ detail: error.message });
  if (type === 'client_cancelled') return new RequestCancelled(message);
  return new FalError(codeOfErrorType.get(type) ?? 'FAL_UNAVAILABLE', message, { status });
}

/** Throttled, or not let in: the same for every call. */
function refusalOfKey(refusal: Refusal): FalError | undefined {
  const { status } = refusal;
  if (status === 429) return transient('RATE_LIMITED', refusal);
  if (status === 402) return final('FAL_BALANCE_EXHAUSTED', refusal);
  if (status !== 401 && status !== 403) return undefined;
  const noMoney = status === 403 && /exhausted balance|insufficient|top up/i.test(sentenceOf(refusal));
  return final(noMoney ? 'FAL_BALANCE_EXHAUSTED' : 'FAL_UNAUTHORIZED', refusal);
}

const archiveFields = new Set(['images_data_url', 'data_url']);
/** What a trainer says of the pictures in the archive, without naming its field. */
const archiveTypes = new Set([
  'image_too_small',
  'image_too_large',
  'image_load_error',
  'file_download_error',
  'file_too_large',
  'face_detection_error',
]);
/** The model's own end, said in the same shape as a fault of the input. */
const faultTypes = new Set([
  'internal_server_error',
  'generation_timeout',
  'downstream_service_error',
  'downstream_service_unavailable',
]);

/** The model's complaint, by its type and field and never by its words. */
function refusalOfInput(endpoint: EndpointId, refusal: Refusal): FalError {
  const complaints = complaintsOf(refusal);
  const worst = complaints.find(({ type }) => type === 'content_policy_violation') ?? complaints[0];
  const { field, type = '' } = worst ?? {};
  const details = { field, status: refusal.status };
  const message = sentenceOf(refusal);
  if (type === 'content_policy_violation') return new FalError('CONTENT_BLOCKED', message, details);
  // Its complaint names a field all the same, which no change of would help.
  if (faultTypes.has(type) || refusal.status >= 500) {
    return new FalError('FAL_UNAVAILABLE', message, { status: refusal.status });
  }
  if (type === 'file_download_error' && field?.startsWith('loras'))
    return new FalError('RESULT_LOST', message, details);
  if (field === 'finetune_id') return new FalError('INVALID_FINETUNE_ID', message, details);
  const ofArchive = endpoints[endpoint].kind === 'TRAINING' && archiveTypes.has(type);
  if (ofArchive || (field !== undefined && archiveFields.has(field))) {
    return new FalError('DATASET_REJECTED', message, details);
  }
  return new FalError('INVALID_INPUT', message, details);
}

/** 408 and 425 ask to come again; a redirect is somebody's proxy, not fal. */
function isCallersFault(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425;
}

function final(code: FalErrorCode, refusal: Refusal): FalError {
  return new FalError(code, sentenceOf(refusal), { status: refusal.status, field: complaintsOf(refusal)[0]?.field });
}

function transient(code: FalErrorCode, refusal: Refusal): FalError {
  const { status, retryAfterMs } = refusal;
  return new FalError(code, sentenceOf(refusal), { transient: true, status, retryAfterMs });
}

function unavailable(refusal: Refusal): FalError {
  return transient('FAL_UNAVAILABLE', refusal);
}
