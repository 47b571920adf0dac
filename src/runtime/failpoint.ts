/**
 * Points in the code where a test makes this process die, fail or pause, by `FAILPOINT=submit.intended:kill`. In
 * production none can be armed, and reaching one costs a function call.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Each failpoint, with the state of the process when it is reached, in the order in which a job reaches them. */
export const failpoints = {
  'boot.created': 'the first start has created the embedded database, but not marked it as complete',
  'boot.migrating': 'a migration has run, but is not committed',
  'boot.migrated': 'the tables exist and are empty',
  'photo.written': 'photos are in the store, but have no rows yet',
  'photo.recorded': 'photos are recorded, but the caller has no answer yet',
  'start.recorded': 'a job is recorded, but not committed',
  'start.committed': 'a job is committed, but the caller has no answer yet',
  'admit.given': 'waiting jobs are admitted, but this is not committed',
  'submit.prepared': 'the job’s files are uploaded to fal, but the intent to submit is not recorded',
  'submit.intended': 'the intent to submit is committed, but the request is not sent',
  'submit.refused': 'fal has refused the request, but the intent is still recorded',
  'submit.accepted': 'fal has accepted the request, but its id is not recorded',
  'submit.recorded': 'fal’s answer is committed, but not published',
  'follow.seen': 'progress from fal has arrived, but is not recorded',
  'event.written': 'an event is committed, but not published',
  'finalize.fetched': 'the result is read, but no file is copied',
  'file.half': 'a file is half written',
  'file.written': 'a file is in the store, but has no row yet',
  'finalize.kept': 'the job’s results are recorded, but not committed',
  'finalize.committed': 'a job has succeeded, but this is not published',
  'webhook.verified': 'a webhook’s signature is verified, but nothing is recorded',
  'webhook.stored': 'a webhook’s effect is recorded, but not committed',
  'webhook.applied': 'a webhook’s effect is committed, but fal has no answer yet',
  'cancel.recorded': 'a request to cancel is committed, but not sent to fal',
  'cancel.asked': 'the request to cancel is sent to fal, but its outcome is unknown',
  'end.recorded': 'a job’s end is recorded, but not committed',
  'purge.rows': 'a deleted avatar’s rows are gone, but its files remain',
} as const;

export type Failpoint = keyof typeof failpoints;

const actions = ['kill', 'throw', 'delay'] as const;
type Action = (typeof actions)[number];

/** Longer than every other wait except a lease. */
const delayMs = 1_500;

/** The action for the first time that each failpoint is reached. */
const armed = new Map<Failpoint, Action>();
let logFile: string | undefined;

/** Parses `name:action`, several separated by commas; undefined if the text is not of that form. */
export function parseFailpoints(text: string): [Failpoint, Action][] | undefined {
  const pairs = text.split(',').map((one) => one.split(':'));
  return pairs.every(isPair) ? pairs : undefined;
}

function isPair(pair: string[]): pair is [Failpoint, Action] {
  return (
    pair.length === 2 && Object.hasOwn(failpoints, String(pair[0])) && actions.some((action) => action === pair[1])
  );
}

/** Call it once, before any failpoint can be reached. Each armed failpoint that is reached adds a line to `failpoints.txt` in the folder. */
export function armFailpoints(points: [Failpoint, Action][], folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, action] of points) armed.set(name, action);
  logFile = join(folder, 'failpoints.txt');
}

/** Marks that the failpoint is reached, and carries out its action if it is armed. Throws if that action is `throw`. */
export async function failpoint(name: Failpoint): Promise<void> {
  if (armed.size === 0) return;
  const action = armed.get(name);
  if (action === undefined || logFile === undefined) return;
  armed.delete(name);
  appendFileSync(logFile, `${name}\n`);
  if (action === 'kill') process.kill(process.pid, 'SIGKILL');
  if (action === 'throw') throw new Error(`Failpoint ${name}.`);
  await sleep(delayMs);
}
