/** GraphQL: why a job failed. */
import type { JobErrorCode as Code } from '../../prisma/generated/client/client.ts';
import { builder } from '../graphql/builder.ts';
import { isRetryable } from './state.ts';

const JobErrorCode = builder.enumType('JobErrorCode', {
  description: 'Why a job failed.',
  values: {
    INVALID_INPUT: { description: 'fal rejected a value of the input. `field` names it.' },
    INVALID_FINETUNE_ID: { description: 'fal does not know the style’s finetune.' },
    CONTENT_BLOCKED: {
      description: 'fal’s content policy rejected the prompt, or its safety checker flagged every picture.',
    },
    RATE_LIMITED: { description: 'fal answered every attempt with 429 until the deadline.' },
    FAL_BALANCE_EXHAUSTED: { description: 'The server’s fal account has no balance left.' },
    FAL_UNAUTHORIZED: { description: 'fal refused the server’s key.' },
    ENDPOINT_RETIRED: { description: 'fal no longer serves the endpoint.' },
    DATASET_REJECTED: { description: 'fal’s trainer rejected the archive of photos.' },
    TIMED_OUT: {
      description:
        'The job missed its deadline, which counts from its submit. Default: 10 minutes for a generation, 2 hours for a training.',
    },
    RESULT_LOST: { description: 'fal finished, but its result or one of the files is missing or unreadable.' },
    SUBMIT_UNCONFIRMED: {
      description:
        'fal’s answer to the submit was lost. fal may have run and billed the request, so the server did not send it again.',
    },
    FAL_UNAVAILABLE: { description: 'fal was unreachable or answered with server errors until the deadline.' },
    INTERNAL: { description: 'An error in this server. Its log has the details.' },
  } as const,
});

export const JobError = builder.simpleObject('JobError', {
  description: 'Why a job failed, and whether a retry may help.',
  fields: (t) => ({
    code: t.field({ type: JobErrorCode, nullable: false, description: 'The reason, for programs.' }),
    message: t.string({
      nullable: false,
      description: 'The reason in English, in fal’s own words if it gave any.',
    }),
    retryable: t.boolean({
      nullable: false,
      description: 'Whether a new job with the same input may succeed: see `retryJob`.',
    }),
    field: t.string({
      nullable: true,
      description: 'The input field that fal rejected, under this API’s name for it. Null if fal named none.',
    }),
  }),
});

/** Converts a failure from the job's row or its FAILED event. */
export function jobError(code: Code, message: string, field: string | null) {
  return { code, message, retryable: isRetryable[code], field };
}
