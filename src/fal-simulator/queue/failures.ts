/** The failures of requests at fal, by fal's error types (https://docs.fal.ai/errors). */
import type { Failure } from './request.ts';

/** Failures of fal's infrastructure: in the status as `error_type`, and at the result. */
const ofInfrastructure = {
  request_timeout: [504, 'Request timed out'],
  startup_timeout: [504, 'The runner did not start in time'],
  runner_scheduling_failure: [503, 'No runner could be scheduled'],
  runner_connection_timeout: [503, 'The connection to the runner timed out'],
  runner_disconnected: [503, 'Runner disconnected'],
  runner_connection_refused: [503, 'The runner refused the connection'],
  runner_connection_error: [503, 'The connection to the runner failed'],
  runner_incomplete_response: [502, 'The response of the runner was incomplete'],
  runner_server_error: [500, 'The runner failed'],
  client_disconnected: [499, 'Client disconnected'],
  client_cancelled: [499, 'Request cancelled by the client.'],
  bad_request: [400, 'Bad request'],
  internal_error: [500, 'Internal error'],
} as const;

/** Failures that a model reports: at the result only, as `detail[].type`. */
const ofModel = {
  internal_server_error: [500, 'Internal server error'],
  generation_timeout: [504, 'Generation took too long to complete.'],
  downstream_service_error: [400, 'A service that the model needs refused it.'],
  downstream_service_unavailable: [500, 'A service that the model needs is not available.'],
  content_policy_violation: [422, 'The content could not be processed because it was flagged.'],
  no_media_generated: [422, 'No media was generated.'],
  image_too_small: [422, 'The image is too small.'],
  image_too_large: [422, 'The image is too large.'],
  image_load_error: [422, 'Failed to load the image.'],
  file_download_error: [422, 'Failed to download the file.'],
  face_detection_error: [422, 'No face was detected.'],
  file_too_large: [422, 'The file is too large.'],
} as const;

export type FailureType = keyof typeof ofInfrastructure | keyof typeof ofModel;
export const failureTypes = [...Object.keys(ofInfrastructure), ...Object.keys(ofModel)] as [
  FailureType,
  ...FailureType[],
];

/** `field` and `input` name the rejected field of the request and its value. */
export function failureOfType(type: FailureType, field = 'prompt', input?: string): Failure {
  if (isOfInfrastructure(type)) {
    const [status, detail] = ofInfrastructure[type];
    return { status, detail, errorType: type };
  }
  const [status, msg] = ofModel[type];
  const url = `https://docs.fal.ai/errors/#${type}`;
  return { status, detail: [{ loc: ['body', field], msg, type, url, ...(input !== undefined && { input }) }] };
}

function isOfInfrastructure(type: FailureType): type is keyof typeof ofInfrastructure {
  return Object.hasOwn(ofInfrastructure, type);
}
