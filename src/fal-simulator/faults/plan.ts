/**
 * A fault plan: a JSON list of faults and the calls that they apply to. Set it with `npm run simulator -- --faults plan.json`
 * or `PUT /__simulator/faults`; `GET` shows its counts, `DELETE` ends it:
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
 * upload-complete, download, jwks, or webhook (each attempt at one). An entry applies to the calls of that kind that meet
 * all of its conditions:
 *
 * - `endpoint`  of this endpoint
 * - `request`   for this request: its id, or its number (from 1) among those accepted since the plan was set
 * - `nth`       the nth call that fits endpoint and request: 2, [1, 3], {"from": 2}, {"from": 2, "to": 5}
 * - `per`       "request": `nth` and `times` count per request
 * - `times`     at most this many times
 * - `chance`    with this probability, from `seed`: the same plan and calls give the same faults
 *
 * `do` is the fault. When several entries match a call, all of them apply; the first is the outermost.
 *
 * Any call but a webhook (those marked * not a stream):
 * - `answer`       `status`, and maybe `retryAfterSeconds`, `headers`, `body` (JSON) or `html`; else fal's body
 *                  for that status. `when` "before": fal does not handle the call; "after": it does, and the reply is lost
 * - `reset`        the connection, `when` "before" or "after"
 * - `hang`         never replies, `when` "before" or "after"
 * - `slow`         delays the reply by `delayMs`
 * - `cut` *        half of the reply, then a reset
 * - `drip` *       in `pieces` (10), `pauseMs` (1000) apart
 * - `malformed` *  the right status with invalid JSON
 * - `truncated` *  the first half, with a matching length
 * - `empty` *      no bytes
 * - `wrong-type` * as `contentType` (text/html)
 * - `huge` *       `bytes` long (64 MiB), padded with spaces
 * - `patch` *      JSON with other members: `set` (an object), `remove` (names)
 *
 * Submit and run; the effect appears in every later call about the request:
 * - `fail`          with the `type` of failure.ts, as runner_disconnected or content_policy_violation
 * - `hold`          it stays in `status` IN_QUEUE (its position never moves) or IN_PROGRESS, until it is cancelled
 * - `retired`       the endpoint is gone: `status` 404 or 410. Existing requests continue
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
 * - `stall`    sends nothing more
 * - `garbage`  sends an event that is not JSON, then continues
 *
 * and throughout: `split` (each event in two packets, cut within a character), `repeat` (each event twice).
 *
 * Result: `unfinished` (`status` 400 or 202, as while it runs), `images` (the first `keep` of them). Cancel: `ignore`
 * (it accepts, but the request runs to its end). Download: `corrupt` (bytes that cannot be decoded).
 *
 * Webhook:
 * - `lose`             this attempt is lost; fal tries again
 * - `never`            this and all later attempts
 * - `late`             by `delayMs`
 * - `duplicate`        `copies` (2) of it, one after another or `parallel` (false)
 * - `error`            says ERROR; `error-after`: another one that says ERROR, after the right one
 * - `payload-null`     with a `payload_error`
 * - `gateway-id`       gateway_request_id is another than request_id; `inHeader` (false): the headers name that one
 * - `unknown-request`  about a request that does not exist
 * - `unknown-token`    to a URL with another last segment
 * - `other-user`       signed correctly, for `userId`
 * - `bad-signature`, `foreign-key` (a key that is not in the JWKS), `unsigned`
 * - `old`              its timestamp is `ageSeconds` (600) old
 * - `rotate`           signed with a new key, which replaces the key in the JWKS
 * - `oversized`        `bytes` (10 MiB) of spaces after its JSON
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
  /** The entries as in the JSON. */
  entries: readonly object[];
};

/** The message names each wrong entry. */
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
const entriesSchema = z.object({ faults: z.array(z.record(z.string(), z.unknown())) });

/** Throws InvalidFaultPlan. */
export function readFaultPlan(json: unknown): FaultPlan {
  const parsed = planSchema.safeParse(json);
  if (parsed.success) return { ...parsed.data, entries: entriesSchema.parse(json).faults };
  const problems = parsed.error.issues.map(({ path, message }) => {
    const at = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
    return `${at === '' ? '' : `${at.slice(1)}: `}${message}`;
  });
  throw new InvalidFaultPlan(`The fault plan is invalid: ${problems.join('; ')}.`);
}
