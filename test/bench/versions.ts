/** What is measured against, by name and version, and on which machine. */
import { createRequire } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';

const load = createRequire(import.meta.url);

/** As in `graphql-yoga@5.24.1`. */
export function versioned(name: string): string {
  const paths = load.resolve.paths(name) ?? [];
  for (const path of paths) {
    try {
      const { version } = load(`${path}/${name}/package.json`) as { version: string };
      return `${name}@${version}`;
    } catch {
      // Not in that folder.
    }
  }
  throw new Error(`${name} is not installed.`);
}

export function machine(): string {
  const { length: cores, 0: first } = cpus();
  const gigabytes = Math.round(totalmem() / 1024 ** 3);
  return `${first?.model.trim() ?? 'unknown CPU'}, ${cores} cores, ${gigabytes} GB, Node ${process.versions.node}, ${type()} ${release()}`;
}
