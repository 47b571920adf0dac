import { describe, expect, it } from 'vitest';
import type { EndpointId } from '../../src/fal/endpoints.ts';
import { errorMessageOf } from '../../src/fal/error-response.ts';
import {
  failureOfStatus,
  refusalOfRead,
  refusalOfResult,
  refusalOfSubmit,
  refusalOfUpload,
} from '../../src/fal/refusals.ts';

const validationError = (loc: unknown, type: string | undefined, msg = 'is wrong') => ({
  detail: [{ loc, msg, type }],
});

describe('refusalOfResult', () => {
  it.each<[EndpointId, number, unknown, object]>([
    [
      'fal-ai/flux-lora',
      422,
      validationError(['body', 'prompt'], 'content_policy_violation'),
      { code: 'CONTENT_BLOCKED', field: 'prompt' },
    ],
    [
      'fal-ai/flux-lora',
      400,
      validationError(['body'], 'content_policy_violation'),
      { code: 'CONTENT_BLOCKED', field: undefined },
    ],
    [
      'fal-ai/flux-lora',
      422,
      {
        detail: [
          ...validationError(['body', 'seed'], 'missing').detail,
          ...validationError(['body'], 'content_policy_violation').detail,
        ],
      },
      { code: 'CONTENT_BLOCKED', field: undefined },
    ],
    [
      'fal-ai/flux-pro/finetuned',
      422,
      validationError(['body', 'finetune_id'], 'value_error'),
      { code: 'INVALID_FINETUNE_ID', field: 'finetune_id' },
    ],
    [
      'fal-ai/flux-lora-portrait-trainer',
      422,
      validationError(['body', 'images_data_url'], 'value_error'),
      { code: 'DATASET_REJECTED' },
    ],
    [
      'fal-ai/flux-pro-trainer',
      422,
      validationError(['body', 'data_url'], 'file_download_error'),
      { code: 'DATASET_REJECTED' },
    ],
    ['fal-ai/flux-pro-trainer', 422, validationError(['body'], 'image_too_small'), { code: 'DATASET_REJECTED' }],
    ['fal-ai/flux-lora', 422, validationError(['body'], 'image_too_small'), { code: 'INVALID_INPUT' }],
    [
      'fal-ai/flux-lora',
      422,
      validationError(['body', 'image_size', 'width'], 'less_than_equal'),
      { code: 'INVALID_INPUT', field: 'image_size.width' },
    ],
    [
      'fal-ai/flux-lora',
      422,
      validationError(['body', 'loras', 0, 'path'], 'missing'),
      { code: 'INVALID_INPUT', field: 'loras.0.path' },
    ],
    ['fal-ai/flux-lora', 422, validationError(['prompt'], 'missing'), { code: 'INVALID_INPUT', field: 'prompt' }],
    [
      'fal-ai/flux-lora',
      422,
      { detail: 'a sentence' },
      { code: 'INVALID_INPUT', field: undefined, message: 'a sentence' },
    ],
    [
      'fal-ai/flux-lora',
      422,
      { detail: { msg: 'an object', type: 'x', loc: ['body', 'seed'] } },
      { code: 'INVALID_INPUT', field: 'seed', message: 'seed: an object' },
    ],
    ['fal-ai/flux-lora', 422, { detail: [] }, { code: 'INVALID_INPUT' }],
    ['fal-ai/flux-lora', 422, { detail: ['odd', 3, null] }, { code: 'INVALID_INPUT' }],
    ['fal-ai/flux-lora', 422, undefined, { code: 'INVALID_INPUT', message: 'fal answered with HTTP status 422.' }],
    ['fal-ai/flux-lora', 422, validationError(['body'], 'no_media_generated'), { code: 'INVALID_INPUT' }],
    ['fal-ai/flux-lora', 400, { detail: 'Bad input' }, { code: 'INVALID_INPUT' }],
    ['fal-ai/flux-lora', 400, { detail: 'x', error_type: 'bad_request' }, { code: 'INVALID_INPUT' }],
    ['fal-ai/flux-lora', 400, validationError(['body'], 'downstream_service_error'), { code: 'FAL_UNAVAILABLE' }],
    ['fal-ai/flux-lora', 504, validationError(['body'], 'generation_timeout'), { code: 'FAL_UNAVAILABLE' }],
    [
      'fal-ai/flux-lora',
      504,
      validationError(['body', 'prompt'], 'generation_timeout'),
      { code: 'FAL_UNAVAILABLE', field: undefined },
    ],
    ['fal-ai/flux-lora', 500, validationError(['body'], 'internal_server_error'), { code: 'FAL_UNAVAILABLE' }],
    ['fal-ai/flux-lora', 500, validationError(['body'], 'something_new'), { code: 'FAL_UNAVAILABLE' }],
    ['fal-ai/flux-lora', 503, { detail: 'x', error_type: 'runner_disconnected' }, { code: 'FAL_UNAVAILABLE' }],
    ['fal-ai/flux-lora', 499, { detail: 'x', error_type: 'client_disconnected' }, { code: 'FAL_UNAVAILABLE' }],
    ['fal-ai/flux-lora', 404, { detail: 'x' }, { code: 'RESULT_LOST' }],
    ['fal-ai/flux-lora', 410, undefined, { code: 'RESULT_LOST' }],
    ['fal-ai/flux-lora', 401, { detail: 'invalid key credentials' }, { code: 'FAL_UNAUTHORIZED' }],
    ['fal-ai/flux-lora', 402, undefined, { code: 'FAL_BALANCE_EXHAUSTED' }],
    [
      'fal-ai/flux-lora',
      403,
      { detail: 'User is locked. Reason: Exhausted balance.' },
      { code: 'FAL_BALANCE_EXHAUSTED' },
    ],
    ['fal-ai/flux-lora', 403, { detail: 'User is locked. Reason: abuse.' }, { code: 'FAL_UNAUTHORIZED' }],
  ])('is permanent: %s, %i, %j', (endpoint, status, body, expected) => {
    expect(refusalOfResult(endpoint, { status, body })).toMatchObject({
      name: 'FalError',
      transient: false,
      status,
      ...expected,
    });
  });

  it.each<[number, unknown, string]>([
    [500, undefined, 'FAL_UNAVAILABLE'],
    [500, { detail: 'Internal Server Error' }, 'FAL_UNAVAILABLE'],
    [502, undefined, 'FAL_UNAVAILABLE'],
    [504, { detail: 'upstream' }, 'FAL_UNAVAILABLE'],
    [408, undefined, 'FAL_UNAVAILABLE'],
    [425, undefined, 'FAL_UNAVAILABLE'],
    [302, undefined, 'FAL_UNAVAILABLE'],
    [202, { status: 'IN_QUEUE' }, 'FAL_UNAVAILABLE'],
    [400, { detail: 'Request is still in progress' }, 'FAL_UNAVAILABLE'],
    [429, { detail: 'x' }, 'RATE_LIMITED'],
  ])('is transient: %i, %j', (status, body, code) => {
    expect(refusalOfResult('fal-ai/flux-lora', { status, body })).toMatchObject({
      name: 'FalError',
      transient: true,
      code,
      status,
    });
  });

  it.each([
    [499, { detail: 'Request cancelled by the client.' }],
    [499, undefined],
    [500, { detail: 'x', error_type: 'client_cancelled' }],
  ])('is a cancellation: %i, %j', (status, body) => {
    expect(refusalOfResult('fal-ai/flux-lora', { status, body })).toMatchObject({ name: 'RequestCancelled' });
  });
});

describe('other rejections', () => {
  it('fal may have accepted a submit that it answers with a 5xx, a 3xx, 408 or 499', () => {
    for (const status of [300, 307, 408, 499, 500, 503, 599]) {
      expect(refusalOfSubmit('fal-ai/flux-lora', { status })).toMatchObject({ name: 'SubmitUnconfirmed' });
    }
  });

  it('only a 4xx rejects a read permanently', () => {
    expect(refusalOfRead({ status: 422 })).toMatchObject({ code: 'INVALID_INPUT', transient: false });
    expect(refusalOfRead({ status: 404 })).toMatchObject({ code: 'RESULT_LOST', transient: false });
    expect(refusalOfRead({ status: 504, body: { error_type: 'request_timeout' } })).toMatchObject({ transient: true });
  });

  it('an invalid key or too large a file rejects an upload permanently; an expired signed URL does not', () => {
    expect(refusalOfUpload({ status: 401 }, true)).toMatchObject({ code: 'FAL_UNAUTHORIZED', transient: false });
    expect(refusalOfUpload({ status: 404 }, true)).toMatchObject({ code: 'FAL_UNAVAILABLE', transient: false });
    expect(refusalOfUpload({ status: 500 }, true)).toMatchObject({ code: 'FAL_UNAVAILABLE', transient: true });
    expect(refusalOfUpload({ status: 403 }, false)).toMatchObject({ code: 'FAL_UNAVAILABLE', transient: true });
    expect(refusalOfUpload({ status: 413 }, false)).toMatchObject({ code: 'INVALID_INPUT', transient: false });
  });
});

describe('failureOfStatus', () => {
  it.each([
    ['runner_disconnected', 'FAL_UNAVAILABLE'],
    ['request_timeout', 'FAL_UNAVAILABLE'],
    ['startup_timeout', 'FAL_UNAVAILABLE'],
    ['client_disconnected', 'FAL_UNAVAILABLE'],
    ['bad_request', 'INVALID_INPUT'],
    ['content_policy_violation', 'CONTENT_BLOCKED'],
    ['something_new', 'FAL_UNAVAILABLE'],
    ['constructor', 'FAL_UNAVAILABLE'],
    [undefined, 'FAL_UNAVAILABLE'],
  ])('%s is %s and permanent', (type, code) => {
    const failure = failureOfStatus({ error: { type, message: 'words' } });
    expect(failure).toMatchObject({ name: 'FalError', code, message: 'words', transient: false });
  });

  it('client_cancelled is a cancellation, and a status without an error is no failure', () => {
    expect(failureOfStatus({ error: { type: 'client_cancelled', message: '' } })).toMatchObject({
      name: 'RequestCancelled',
    });
    expect(failureOfStatus({ error: undefined })).toBeUndefined();
  });
});

describe('errorMessageOf', () => {
  it.each<[unknown, string]>([
    [{ detail: 'two\n  lines' }, 'two lines'],
    [{ message: 'of message' }, 'of message'],
    [{ error: 'of error' }, 'of error'],
    [{ detail: [{ loc: ['body', 'seed'], msg: 'a' }, { msg: 'b' }] }, 'seed: a; b'],
    [{ detail: [{ loc: ['body', 'seed'], type: 'missing' }] }, 'seed: missing'],
    [{ detail: 'It broke.\nTraceback (most recent call last):\n  File "/app/x.py", line 3' }, 'It broke.'],
    [{ detail: 'Error: no\n    at Object.run (/srv/app.js:1:2)' }, 'Error: no'],
    [{ detail: 'Traceback (most recent call last):\n  File "/app/x.py"' }, 'fal answered with HTTP status 500.'],
    [{ detail: '{"traceback":"File /app"}' }, 'fal answered with HTTP status 500.'],
    [{ detail: '' }, 'fal answered with HTTP status 500.'],
    [null, 'fal answered with HTTP status 500.'],
    ['text', 'fal answered with HTTP status 500.'],
  ])('for %j', (body, sentence) => {
    expect(errorMessageOf({ status: 500, body })).toBe(sentence);
  });

  it('is at most 500 characters long, and has a default for an empty body', () => {
    expect(errorMessageOf({ detail: 'x'.repeat(10_000) })).toHaveLength(500);
    expect(errorMessageOf({})).toBe('The request failed at fal.');
  });
});
