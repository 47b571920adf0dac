/** Maps fal's HTTP errors to FalError. Pure; test/fal/refusals.test.ts is the table. */

import { type EndpointId, endpoints } from './endpoints.ts';
import { errorMessageOf, errorTypeOf, type FalErrorResponse, inputErrorsOf } from './error-response.ts';
import { FalError, type FalErrorCode, RequestCancelled, SubmitUnconfirmed } from './errors.ts';
import type { RequestStatus } from './port.ts';

/**
 * The error of a submit. Only a 4xx means that fal did not accept the request: after a 5xx, a timeout or a redirect it may
 * have.
 */
export function refusalOfSubmit(endpoint: EndpointId, response: FalErrorResponse): FalError | SubmitUnconfirmed {
  const { status } = response;
  if (status < 400 || status >= 500 || status === 408 || status === 499) {
    return new SubmitUnconfirmed(`fal answered ${status} to a submit: ${errorMessageOf(response)}`);
  }
  if (status === 404 || status === 410) return final('ENDPOINT_RETIRED', response);
  return refusalOfKey(response) ?? refusalOfInput(endpoint, response);
}

/**
 * The error of reading a result. An error that fal recorded for the request is final: it comes back on every read. A
 * temporary one (throttled, a gateway down, not finished yet) is transient.
 */
export function refusalOfResult(endpoint: EndpointId, response: FalErrorResponse): FalError | RequestCancelled {
  const { status } = response;
  const errorType = errorTypeOf(response);
  if (status === 499 && errorType !== 'client_disconnected') return new RequestCancelled(errorMessageOf(response));
  if (status === 404 || status === 410) return final('RESULT_LOST', response);
  if (status === 202 || (status === 400 && /still in progress/i.test(errorMessageOf(response)))) {
    return new FalError('FAL_UNAVAILABLE', 'The request is not finished at fal yet.', { transient: true, status });
  }
  const ofKey = refusalOfKey(response);
  if (ofKey) return ofKey;
  if (errorType !== undefined) return failureOf({ type: errorType, message: errorMessageOf(response) }, status);
  if (inputErrorsOf(response).some(({ type }) => type !== undefined) || isClientError(status)) {
    return refusalOfInput(endpoint, response);
  }
  return unavailable(response);
}

/**
 * The error of one request of an upload. A signed URL takes no key: its error concerns the URL (expired, unknown), and
 * the next upload gets another URL.
 */
export function refusalOfUpload(response: FalErrorResponse, withKey: boolean): FalError {
  if (response.status === 413) return final('INVALID_INPUT', response);
  if (!withKey) return unavailable(response);
  return (
    refusalOfKey(response) ??
    (isClientError(response.status) ? final('FAL_UNAVAILABLE', response) : unavailable(response))
  );
}

/** The error of reading a status, or of a cancel. */
export function refusalOfRead(response: FalErrorResponse): FalError {
  const { status } = response;
  if (status === 404 || status === 410) return final('RESULT_LOST', response);
  return refusalOfKey(response) ?? (isClientError(status) ? final('INVALID_INPUT', response) : unavailable(response));
}

/** The failure in a COMPLETED status, which is never transient; undefined for a request that succeeded. */
export function failureOfStatus({ error }: Pick<RequestStatus, 'error'>): FalError | RequestCancelled | undefined {
  return error && failureOf(error, undefined);
}

const codeOfErrorType: ReadonlyMap<string, FalErrorCode> = new Map([
  ['bad_request', 'INVALID_INPUT'],
  ['content_policy_violation', 'CONTENT_BLOCKED'],
]);

/**
 * All of fal's error types but these concern its infrastructure: a runner lost, no runner in time, a gateway fault
 * (https://docs.fal.ai/errors).
 */
function failureOf(
  error: NonNullable<RequestStatus['error']>,
  status: number | undefined,
): FalError | RequestCancelled {
  const type = error.type ?? '';
  const message = errorMessageOf({ detail: error.message });
  if (type === 'client_cancelled') return new RequestCancelled(message);
  return new FalError(codeOfErrorType.get(type) ?? 'FAL_UNAVAILABLE', message, { status });
}

/** Throttled, unauthorized, or without balance: the same for every call. */
function refusalOfKey(response: FalErrorResponse): FalError | undefined {
  const { status } = response;
  if (status === 429) return transient('RATE_LIMITED', response);
  if (status === 402) return final('FAL_BALANCE_EXHAUSTED', response);
  if (status !== 401 && status !== 403) return undefined;
  const noMoney = status === 403 && /exhausted balance|insufficient|top up/i.test(errorMessageOf(response));
  return final(noMoney ? 'FAL_BALANCE_EXHAUSTED' : 'FAL_UNAUTHORIZED', response);
}

const archiveFields = new Set(['images_data_url', 'data_url']);
/** Error types of a trainer about the images in its archive, which do not name the archive's field. */
const archiveTypes = new Set([
  'image_too_small',
  'image_too_large',
  'image_load_error',
  'file_download_error',
  'file_too_large',
  'face_detection_error',
]);
/** Failures of the model itself, which come in the same shape as errors of the input. */
const modelFailureTypes = new Set([
  'internal_server_error',
  'generation_timeout',
  'downstream_service_error',
  'downstream_service_unavailable',
]);

/** Decides by the type and field of the model's input errors, never by their text. */
function refusalOfInput(endpoint: EndpointId, response: FalErrorResponse): FalError {
  const inputErrors = inputErrorsOf(response);
  const decisive = inputErrors.find(({ type }) => type === 'content_policy_violation') ?? inputErrors[0];
  const { field, type = '' } = decisive ?? {};
  const details = { field, status: response.status };
  const message = errorMessageOf(response);
  if (type === 'content_policy_violation') return new FalError('CONTENT_BLOCKED', message, details);
  // It names a field all the same, but no other value would help.
  if (modelFailureTypes.has(type) || response.status >= 500) {
    return new FalError('FAL_UNAVAILABLE', message, { status: response.status });
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

/** Whether repeating the same call is useless. 408 and 425 ask for a retry; a redirect comes from a proxy, not from fal. */
function isClientError(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425;
}

function final(code: FalErrorCode, response: FalErrorResponse): FalError {
  return new FalError(code, errorMessageOf(response), {
    status: response.status,
    field: inputErrorsOf(response)[0]?.field,
  });
}

function transient(code: FalErrorCode, response: FalErrorResponse): FalError {
  const { status, retryAfterMs } = response;
  return new FalError(code, errorMessageOf(response), { transient: true, status, retryAfterMs });
}

function unavailable(response: FalErrorResponse): FalError {
  return transient('FAL_UNAVAILABLE', response);
}
