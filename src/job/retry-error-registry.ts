/**
 * A registry of the errors in the result union of `retryJob`: the refusals that starting a job of any kind can throw. Each
 * feature registers the classes that its start throws, so that job/ names no feature. GraphQL reads the registry when it
 * builds the schema, after every feature has been loaded.
 */
import type { Refusal } from '../refusal/refusal.ts';

export type RefusalClass = new (...args: never[]) => Refusal;

const registered = new Set<RefusalClass>();

export function registerStartRefusals(refusals: readonly RefusalClass[]): void {
  for (const refusal of refusals) registered.add(refusal);
}

export const startRefusals = (): RefusalClass[] => [...registered];
