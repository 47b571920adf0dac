/**
 * A fault plan: what fal is to do wrong, and to which calls. JSON, for `npm run simulator -- --faults plan.json` and for
 * `PUT /__simulator/faults` (`GET` shows what it has done so far, `DELETE` ends it):
 *
 *     {
 *       "seed": 7,
 *       "faults": [
 *         { "on": "submit", "nth": 2, "do": "reset", "when": "after" },
 *         { "on": "status", "chance": 0.1, "do": "answer", "status": 502 },
 *         { "on": "stream", "per": "request", "nth": 1, "do": "stall" },
 *         { "on": "webhook", "request": 3, "do": "duplicate", "copies": 10, "parallel": true }
 *       ]
 *     }
 *
 * `on` is one kind of call: submit, run, status, stream, result, cancel, upload-initiate, upload-put (a part, too),
 * upload-complete, download, jwks, or webhook (each attempt at one). Of these calls, an entry is for those that fit all
 * of what else it says, and for every one when it says nothing:
 *
 * - `endpoint`  of this endpoint
 * - `request`   about this request: its id, or its number among those accepted since the plan was set, from 1
 * - `nth`       the nth call that fits endpoint and request: 2, [1, 3], {"from": 2}, {"from": 2, "to": 5}
 * - `per`       "request": `nth` and `times` count for each request anew
 * - `times`     so many times and no more
 * - `chance`    with this probability, by `seed`: the same plan and the same calls give the same faults
 *
 * `do` is what happens. When several entries fit a call, all of them apply; the first is the outermost.
 *
 * Any call but a webhook (those marked * not a stream):
 * - `answer`       `status`, and maybe `retryAfterSeconds`, `headers`, `body` (JSON) or `html`; else what fal says with
 *                  that status. `when` "before": nothing else happens; "after": fal has done what it was asked
 * - `reset`        the connection, `when` "before" or "after"
 * - `hang`         no answer, ever, `when` "before" or "after"
 * - `slow`         nothing of the answer for `delayMs`
 * - `cut` *        half of the answer, then a reset
 * - `drip` *       in `pieces` (10), `pauseMs` (1000) apart
 * - `malformed` *  the status as it was, and no JSON
 * - `truncated` *  the first half, as if that were all
 * - `empty` *      no byte
 * - `wrong-type` * as `contentType` (text/html)
 * - `huge` *       `bytes` long (64 MiB), with spaces at its end
 * - `patch` *      JSON with other members: `set` (an object), `remove` (names)
 *
 * Submit and run, so that it shows wherever the request is looked at:
 * - `fail`          with the `type` of failure.ts, as runner_disconnected or content_policy_violation
 * - `hold`          it stays in `status` IN_QUEUE (its position never moves) or IN_PROGRESS, until it is cancelled
 * - `retired`       the endpoint is gone: `status` 404 or 410. Requests that there are go on
 * - `user-timeout`  504 as for a start timeout of the caller's own, `when` "before" or "after"; also at the result
 * - `webhook-early` its webhook does not wait for its end, and knows no payload
 * - `webhook-first` the answer waits until the webhook has been tried
 *
 * Status and stream:
 * - `logs-twice`   each line twice
 * - `logs-window`  the last `lines` only
 * - `logs-late`    lines younger than `lateMs` (2000) are missing; in a stream, a line comes with the event behind its own
 * - `logs-again`   a stream whose events bring all lines so far
 *
 * Stream, `afterEvents` (1) events:
 * - `close`    ends
 * - `break`    resets the connection
 * - `stall`    says nothing more
 * - `garbage`  sends an event that is not JSON, and goes on
 *
 * and throughout: `split` (each event in two packets, cut within a character), `repeat` (each event twice).
 *
 * Result: `unfinished` (`status` 400 or 202, as while it runs), `images` (the first `keep` of them). Cancel: `ignore`
 * (it says yes, and the request runs to its end). Download: `corrupt` (bytes that are no picture any more).
 *
 * Webhook:
 * - `lose`             this attempt; fal tries again
 * - `never`            neither this nor a later one
 * - `late`             by `delayMs`
 * - `duplicate`        `copies` (2) of it, one after another or `parallel` (false)
 * - `error`            says ERROR; `error-after`: once it has said what is so
 * - `payload-null`     with a `payload_error`
 * - `gateway-id`       gateway_request_id is another than request_id; `inHeader` (false): the headers name that one
 * - `unknown-request`  about a request that there is not
 * - `unknown-token`    to a URL with another last segment
 * - `other-user`       rightly signed, for `userId`
 * - `bad-signature`, `foreign-key` (a key that the JWKS does not name), `unsigned`
 * - `old`              its timestamp is `ageSeconds` (600) old
 * - `rotate`           signed with a new key, which is the JWKS's only one from then on
 * - `oversized`        `bytes` (10 MiB) of spaces behind its JSON
 */
import { z } from 'zod';
import { connectionFaults } from './connection.ts';
import { contentFaults } from './content.ts';
import type { Fault, FaultType } from './fault.ts';
import { gatewayFaults } from './gateway.ts';
import { logFaults } from './logs.ts';
import { outcomeFaults } from './request-outcome.ts';
import { streamFaults } from './stream.ts';
import { webhookFaults } from './webhook.ts';

export type FaultPlan = {
  seed: number;
  faults: Fault[];
  /** The entries as they were written. */
  given: readonly object[];
};

/** Says in a sentence what is wrong, and in which entry. */
export class InvalidFaultPlan extends Error {
  override name = 'InvalidFaultPlan';
}

export const faultTypes: [FaultType, ...FaultType[]] = [
  ...gatewayFaults,
  ...connectionFaults,
  ...contentFaults,
  ...outcomeFaults,
  ...streamFaults,
  ...logFaults,
  ...webhookFaults,
];

const planSchema = z.strictObject({
  seed: z.int().default(0),
  faults: z.array(z.discriminatedUnion('do', faultTypes as never) as unknown as FaultType),
});
const givenSchema = z.object({ faults: z.array(z.record(z.string(), z.unknown())) });

/** Throws InvalidFaultPlan. */
export function readFaultPlan(json: unknown): FaultPlan {
  const parsed = planSchema.safeParse(json);
  if (parsed.success) return { ...parsed.data, given: givenSchema.parse(json).faults };
  const complaints = parsed.error.issues.map(({ path, message }) => {
    const at = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
    return `${at === '' ? '' : `${at.slice(1)}: `}${message}`;
  });
  throw new InvalidFaultPlan(`The fault plan is wrong: ${complaints.join('; ')}.`);
}
