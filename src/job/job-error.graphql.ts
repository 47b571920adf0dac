/** GraphQL: why a job failed. */
import type { JobErrorCode as Code } from '../../prisma/generated/client/client.ts';
import { builder } from '../graphql/builder.ts';
import { isRetryable } from './state.ts';

const JobErrorCode = builder.enumType('JobErrorCode', {
  description: 'Why a job failed.',
  values: {
    INVALID_INPUT: { description: 'fal refused a value of the input; `field` names it.' },
    INVALID_FINETUNE_ID: { description: 'fal does not know the style’s finetune.' },
    CONTENT_BLOCKED: { description: 'fal’s content policy refused the prompt, or every picture was flagged.' },
    RATE_LIMITED: { description: 'fal throttled us until the deadline.' },
    FAL_BALANCE_EXHAUSTED: { description: 'The fal account that pays has no balance left.' },
    FAL_UNAUTHORIZED: { description: 'fal refused the key of this server.' },
    ENDPOINT_RETIRED: { description: 'fal no longer serves this endpoint.' },
    DATASET_REJECTED: { description: 'The trainer refused the archive of photos.' },
    TIMED_OUT: {
      description: 'The deadline passed: by default 10 minutes from submit for a generation, 2 hours for a training.',
    },
    RESULT_LOST: { description: 'fal finished, but its result or a file of it is gone or unreadable.' },
    SUBMIT_UNCONFIRMED: {
      description:
        'fal’s answer to the submit was lost. fal may have run the request, and billed it; it was not sent twice.',
    },
    FAL_UNAVAILABLE: { description: 'fal could not be reached, or answered with server errors, until the deadline.' },
    INTERNAL: { description: 'A fault of this server; its log has the details.' },
  } as const,
});

export const JobError = builder.simpleObject('JobError', {
  description: 'Why a job failed, and whether to try again.',
  fields: (t) => ({
    code: t.field({ type: JobErrorCode, nullable: false, description: 'Why, for programs.' }),
    message: t.string({
      nullable: false,
      description: 'Why, in a sentence for people; fal’s own words where it gave any.',
    }),
    retryable: t.boolean({
      nullable: false,
      description: 'Whether the same input may fare better in a new job (`retryJob`).',
    }),
    field: t.string({ nullable: true, description: 'The input that fal refused, as this API names it.' }),
  }),
});

/** A failure as the row and the log have it, in the API's form. */
export function jobError(code: Code, message: string, field: string | null) {
  return { code, message, retryable: isRetryable[code], field };
}
