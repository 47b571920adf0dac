/**
 * The refusals that starting a job of any kind can throw. Each feature registers its own, so that the result union of
 * `retryJob` lists them all and job/ names no feature. GraphQL reads the list when it builds the schema, after every
 * feature has been loaded.
 */
import type { Refusal } from '../refusal/refusal.ts';

export type RefusalClass = new (...args: never[]) => Refusal;

const registered = new Set<RefusalClass>();

export function registerStartRefusals(refusals: readonly RefusalClass[]): void {
  for (const refusal of refusals) registered.add(refusal);
}

export const startRefusals = (): RefusalClass[] => [...registered];
