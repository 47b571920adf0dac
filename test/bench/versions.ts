/** The versions of the packages in a comparison, and the machine that it runs on. */
import { createRequire } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';

const load = createRequire(import.meta.url);

/** The installed version, such as `graphql-yoga@5.24.1`. */
export function versioned(name: string): string {
  const paths = load.resolve.paths(name) ?? [];
  for (const path of paths) {
    try {
      const { version } = load(`${path}/${name}/package.json`) as { version: string };
      return `${name}@${version}`;
    } catch {
      // The package is not in this folder.
    }
  }
  throw new Error(`${name} is not installed.`);
}

export function machine(): string {
  const { length: cores, 0: first } = cpus();
  const gigabytes = Math.round(totalmem() / 1024 ** 3);
  return `${first?.model.trim() ?? 'unknown CPU'}, ${cores} cores, ${gigabytes} GB, Node ${process.versions.node}, ${type()} ${release()}`;
}
