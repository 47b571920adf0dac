/**
 * Places where a test makes this process die, fail or stand still, by `FAILPOINT=submit.intended:kill`. In production
 * nothing can be armed, and a passing is one call of an empty function.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Each place, in the order in which a job comes by. The sweep of tests runs over all of them. */
export const failpoints = {
  'boot.created': 'the first start has made the embedded database and not yet called it whole',
  'boot.migrating': 'a migration has run and is not yet committed',
  'boot.migrated': 'the tables are there, and nothing in them',
  'photo.written': 'photos lie in the store, their rows do not exist',
  'photo.recorded': 'photos are recorded, their uploader does not know',
  'start.recorded': 'a job is recorded and not yet committed',
  'start.committed': 'a job is committed, its owner does not know',
  'admit.given': 'jobs were given their turns and not yet committed',
  'submit.prepared': 'what a job needs is put up at fal, the intent is not written',
  'submit.intended': 'the intent is committed, the request not sent',
  'submit.refused': 'fal has refused the request, the intent stands',
  'submit.accepted': 'fal has the request, nobody wrote down its id',
  'submit.recorded': 'fal’s answer is committed, nobody was told',
  'follow.seen': 'fal told something that is not written yet',
  'event.written': 'an event is committed and not pushed',
  'finalize.fetched': 'the result is read, no file copied',
  'file.half': 'a file is half written',
  'file.written': 'a file lies in the store, its row does not exist',
  'finalize.kept': 'what a job made is recorded and not yet committed',
  'finalize.committed': 'a job has succeeded, nobody was told',
  'webhook.verified': 'a webhook is known to be fal’s, nothing is written',
  'webhook.stored': 'what a webhook brings about is not yet committed',
  'webhook.applied': 'a webhook is taken, fal does not know',
  'cancel.recorded': 'a wish to cancel is committed, fal does not know',
  'cancel.asked': 'fal was asked to cancel, nothing came of it yet',
  'end.recorded': 'an end is recorded and not yet committed',
  'purge.rows': 'the rows of a deleted avatar are gone, its files are not',
} as const;

export type Failpoint = keyof typeof failpoints;

const acts = ['kill', 'throw', 'delay'] as const;
type Act = (typeof acts)[number];

/** How long a delay is: longer than any other wait but a lease. */
const delayMs = 1_500;

/** What is done at the first passing of each. */
const armed = new Map<Failpoint, Act>();
let record: string | undefined;

/** `name:act`, several with commas; undefined for what is none. */
export function readFailpoints(text: string): [Failpoint, Act][] | undefined {
  const read = text.split(',').map((one) => one.split(':'));
  return read.every(isArming) ? read : undefined;
}

function isArming(pair: string[]): pair is [Failpoint, Act] {
  return pair.length === 2 && Object.hasOwn(failpoints, String(pair[0])) && acts.some((act) => act === pair[1]);
}

/** To be called once, before anything can come by. Each that is passed is written to `failpoints.txt` there, a line each. */
export function armFailpoints(points: [Failpoint, Act][], folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, act] of points) armed.set(name, act);
  record = join(folder, 'failpoints.txt');
}

/** A passing. Throws when it was armed to. */
export async function failpoint(name: Failpoint): Promise<void> {
  if (armed.size === 0) return;
  const act = armed.get(name);
  if (act === undefined || record === undefined) return;
  armed.delete(name);
  appendFileSync(record, `${name}\n`);
  if (act === 'kill') process.kill(process.pid, 'SIGKILL');
  if (act === 'throw') throw new Error(`Failpoint ${name}.`);
  await sleep(delayMs);
}
