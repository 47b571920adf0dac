/** What the body of fal's error says, in whichever of its shapes: a sentence, a list in pydantic's form, an object. */
import { z } from 'zod';
import { clip } from '../database/storable-text.ts';

/** An HTTP error of fal; `body` is its JSON, undefined when it was none. */
export type Refusal = {
  status: number;
  body?: unknown;
  /** The header x-fal-error-type. */
  errorType?: string | undefined;
  retryAfterMs?: number | undefined;
};

/** One complaint of a model about its input. */
export type Complaint = { field: string | undefined; message: string; type: string | undefined };

const maxSentence = 500;

const complaint = z.object({
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

export function errorTypeOf({ body, errorType }: Refusal): string | undefined {
  return errorBody.safeParse(body).data?.error_type ?? errorType;
}

/** Empty when `detail` is a sentence or missing. */
export function complaintsOf({ body }: Pick<Refusal, 'body'>): Complaint[] {
  const detail = errorBody.safeParse(body).data?.detail;
  return (Array.isArray(detail) ? detail : [detail]).flatMap((entry) => {
    const parsed = complaint.safeParse(entry);
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

/** For a person: fal's words when it has some, one line, no stack, at most 500 characters. */
export function sentenceOf({ status, body, detail }: Partial<Refusal> & { detail?: string }): string {
  const words = tidy(detail ?? wordsOf(body));
  if (words !== '') return words;
  return status === undefined ? 'The request failed at fal.' : `fal answered with HTTP status ${status}.`;
}

function wordsOf(body: unknown): string {
  const complaints = complaintsOf({ body });
  if (complaints.length > 0) {
    return complaints.map(({ field, message }) => (field === undefined ? message : `${field}: ${message}`)).join('; ');
  }
  const { detail, message, error } = errorBody.safeParse(body).data ?? {};
  return [detail, message, error].find((said): said is string => typeof said === 'string') ?? '';
}

/** Models put their traceback into `detail` now and then: what stands before it is kept. */
function tidy(words: string): string {
  const [told = ''] = words.split(/\s*Traceback \(most recent call last\)|\n\s+at |\n\s*File "|\{"traceback"/);
  const line = told.replaceAll(/\s+/g, ' ').trim();
  return clip(line, maxSentence);
}
