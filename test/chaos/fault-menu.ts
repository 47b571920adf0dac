/** What may go wrong at fal in a chaos run: every act of the simulator's fault plans that a job has to survive. */
import type { Random } from '../../src/fal-simulator/random.ts';

type Entry = Record<string, unknown> & { on: string; do: string };

const sides = ['before', 'after'] as const;
const statuses = [408, 429, 500, 502, 503, 504];

/** Tells a fault of each kind, its numbers by chance. */
const menu: ((random: Random) => Entry)[] = [
  ({ pick }) => ({ on: 'submit', do: 'answer', status: pick([500, 502, 503, 504, 408]), when: pick(sides) }),
  ({ int }) => ({ on: 'submit', do: 'answer', status: 429, retryAfterSeconds: int(0, 2) }),
  ({ pick }) => ({ on: 'submit', do: 'answer', status: pick([401, 403, 422]), times: 2 }),
  ({ pick }) => ({ on: 'submit', do: 'reset', when: pick(sides) }),
  ({ pick }) => ({ on: 'submit', do: pick(['cut', 'malformed', 'truncated', 'empty', 'wrong-type', 'user-timeout']) }),
  () => ({ on: 'submit', do: 'patch', remove: ['request_id'] }),
  ({ int }) => ({ on: 'submit', do: 'slow', delayMs: int(200, 3_000) }),
  ({ pick }) => ({
    on: 'submit',
    do: 'fail',
    type: pick(['runner_disconnected', 'content_policy_violation', 'startup_timeout', 'internal_server_error']),
  }),
  ({ pick }) => ({ on: 'submit', do: 'hold', status: pick(['IN_QUEUE', 'IN_PROGRESS']), times: 3 }),
  ({ pick }) => ({ on: 'submit', do: 'retired', status: pick([404, 410]), times: 2 }),
  ({ pick }) => ({ on: 'submit', do: pick(['webhook-early', 'webhook-first']) }),

  ({ pick }) => ({ on: 'status', do: 'answer', status: pick(statuses as [number]) }),
  ({ pick }) => ({ on: 'status', do: pick(['reset', 'cut', 'malformed', 'truncated', 'empty', 'wrong-type']) }),
  ({ pick }) => ({ on: 'status', do: pick(['logs-twice', 'logs-late']) }),
  ({ int }) => ({ on: 'status', do: 'logs-window', lines: int(0, 3) }),
  ({ int }) => ({ on: 'status', do: 'slow', delayMs: int(200, 3_000) }),

  ({ pick }) => ({ on: 'stream', do: 'answer', status: pick(statuses as [number]) }),
  ({ pick, int }) => ({
    on: 'stream',
    do: pick(['close', 'break', 'stall', 'garbage']),
    afterEvents: int(0, 4),
  }),
  ({ pick }) => ({ on: 'stream', do: pick(['close', 'break']), afterEvents: 1 }),
  ({ pick }) => ({ on: 'stream', do: pick(['split', 'repeat', 'logs-twice', 'logs-late', 'logs-again', 'reset']) }),

  ({ pick }) => ({ on: 'result', do: 'answer', status: pick([404, 429, 500, 502, 503, 504]) }),
  ({ pick }) => ({ on: 'result', do: pick(['reset', 'cut', 'malformed', 'truncated', 'empty', 'wrong-type']) }),
  ({ pick }) => ({ on: 'result', do: 'unfinished', status: pick([202, 400]) }),
  ({ int }) => ({ on: 'result', do: 'images', keep: int(0, 1), times: 3 }),
  ({ pick, int }) => ({ on: 'result', do: pick(['slow']), delayMs: int(200, 3_000) }),

  ({ pick }) => ({ on: 'cancel', do: 'answer', status: pick([404, 429, 500, 502, 503]) }),
  ({ pick }) => ({ on: 'cancel', do: 'reset', when: pick(sides) }),
  () => ({ on: 'cancel', do: 'ignore' }),

  ({ pick }) => ({ on: 'upload-initiate', do: 'answer', status: pick([429, 500, 502, 503]) }),
  ({ pick }) => ({ on: 'upload-initiate', do: pick(['reset', 'malformed', 'empty']) }),
  ({ pick }) => ({ on: 'upload-put', do: 'answer', status: pick([500, 503]) }),
  ({ pick }) => ({ on: 'upload-put', do: 'reset', when: pick(sides) }),

  ({ pick }) => ({ on: 'download', do: 'answer', status: pick([404, 429, 500, 502, 503]) }),
  ({ pick }) => ({ on: 'download', do: pick(['reset', 'cut', 'truncated', 'empty', 'wrong-type', 'corrupt']) }),
  ({ int }) => ({ on: 'download', do: 'drip', pieces: int(3, 10), pauseMs: int(50, 300) }),

  ({ pick }) => ({ on: 'jwks', do: 'answer', status: pick([404, 500, 503]) }),
  ({ pick }) => ({ on: 'jwks', do: pick(['reset', 'malformed', 'empty']) }),

  ({ pick }) => ({ on: 'webhook', do: pick(['lose', 'never', 'error', 'error-after', 'payload-null', 'gateway-id']) }),
  ({ pick }) => ({ on: 'webhook', do: pick(['unknown-request', 'unknown-token', 'other-user']) }),
  ({ pick }) => ({ on: 'webhook', do: pick(['bad-signature', 'foreign-key', 'unsigned', 'old', 'oversized']) }),
  ({ int }) => ({ on: 'webhook', do: 'late', delayMs: int(100, 4_000) }),
  ({ int, chance }) => ({ on: 'webhook', do: 'duplicate', copies: int(2, 10), parallel: chance(0.5) }),
  () => ({ on: 'webhook', do: 'rotate', times: 1 }),
];

/** A plan with about half of the menu, each entry with a chance of its own. */
export function drawPlan(random: Random, seed: number): { seed: number; faults: object[] } {
  const faults = menu
    .filter(() => random.chance(0.45))
    .map((make) => ({ ...make(random), chance: Math.round(random.between(0.05, 0.35) * 100) / 100 }));
  return { seed, faults };
}
