/** Node's own metrics, as every dashboard for Node knows them. They are the process's: one registry, however many servers. */
import { collectDefaultMetrics, Registry } from 'prom-client';

let ofProcess: Registry | undefined;

/** Made at the first scrape: a process that nobody scrapes measures nothing of itself. */
export function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}
