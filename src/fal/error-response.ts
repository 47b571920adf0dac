/** Reads the body of an HTTP error of fal: a sentence, a list of input errors as pydantic writes them, or an object. */
import { z } from 'zod';
import { clip } from '../database/storable-text.ts';

/** An HTTP error of fal; `body` is its parsed JSON, undefined when it was not JSON. */
export type FalErrorResponse = {
  status: number;
  body?: unknown;
  /** The header x-fal-error-type. */
  errorType?: string | undefined;
  retryAfterMs?: number | undefined;
};

/** One error that a model reports about its input. */
export type InputError = { field: string | undefined; message: string; type: string | undefined };

const maxMessageCharacters = 500;

const inputError = z.object({
  loc: z
    .array(z.union([z.string(), z.number()]))
    .nullish()
    .catch(undefined),
  msg: z.string().nullish().catch(undefined),
  message: z.string().nullish().catch(undefined),
  type: z.string().nullish().catch(undefined),
});

const errorBody = z.object({
  detail: z.unknown().optional(),
  message: z.unknown().optional(),
  error: z.unknown().optional(),
  error_type: z.string().nullish().catch(undefined),
});

export function errorTypeOf({ body, errorType }: FalErrorResponse): string | undefined {
  return errorBody.safeParse(body).data?.error_type ?? errorType;
}

/** Empty when `detail` is a sentence or missing. */
export function inputErrorsOf({ body }: Pick<FalErrorResponse, 'body'>): InputError[] {
  const detail = errorBody.safeParse(body).data?.detail;
  return (Array.isArray(detail) ? detail : [detail]).flatMap((entry) => {
    const parsed = inputError.safeParse(entry);
    if (!parsed.success) return [];
    const { loc, msg, message, type } = parsed.data;
    return [{ field: fieldOf(loc ?? []), message: msg ?? message ?? type ?? 'invalid', type: type ?? undefined }];
  });
}

/** `["body", "loras", 0, "path"]` is `loras.0.path`. */
function fieldOf(loc: readonly (string | number)[]): string | undefined {
  const path = loc[0] === 'body' ? loc.slice(1) : loc;
  return path.length === 0 ? undefined : path.join('.');
}

/** A message for people: fal's text where there is one, on one line, without a stack trace, at most 500 characters. */
export function errorMessageOf({ status, body, detail }: Partial<FalErrorResponse> & { detail?: string }): string {
  const message = withoutStackTrace(detail ?? textOf(body));
  if (message !== '') return message;
  return status === undefined ? 'The request failed at fal.' : `fal answered with HTTP status ${status}.`;
}

function textOf(body: unknown): string {
  const errors = inputErrorsOf({ body });
  if (errors.length > 0) {
    return errors.map(({ field, message }) => (field === undefined ? message : `${field}: ${message}`)).join('; ');
  }
  const { detail, message, error } = errorBody.safeParse(body).data ?? {};
  return [detail, message, error].find((text): text is string => typeof text === 'string') ?? '';
}

/** Some models put a stack trace into `detail`: keeps the text before it. */
function withoutStackTrace(text: string): string {
  const [message = ''] = text.split(/\s*Traceback \(most recent call last\)|\n\s+at |\n\s*File "|\{"traceback"/);
  const line = message.replaceAll(/\s+/g, ' ').trim();
  return clip(line, maxMessageCharacters);
}
