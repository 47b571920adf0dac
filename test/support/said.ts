/**
 * Everything that servers have said in the tests, in logs and in errors: written down as it comes, and searched for
 * secrets when the whole suite is over (global-setup.ts).
 */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a secret looks like, whoever's it is. */
const secrets: Record<string, RegExp> = {
  'an API key': /\blk_[\w-]{43}\b/,
  'a token': /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/,
  'a key of fal’s': /test-secret|canary-of-a-key/,
  'the token of a webhook’s URL': /\/webhooks\/fal\/[\da-f]{8}-/,
  'the signature of a file’s URL': /\bsignature=[\w-]{16,}/,
  'the token of a scraper': /a-token-of-a-scraper/,
  'a private key': /PRIVATE KEY/,
  'the password of a database': /postgres(?:ql)?:\/\/[^:@/\s"]+:[^@\s"]+@/,
};

/** The folder of it, which the tests' processes are given; a script of its own has none. */
export const saidFolder = 'LIKENESS_SAID';

export function write(text: string): void {
  const folder = process.env[saidFolder];
  if (folder !== undefined) appendFileSync(join(folder, `${process.pid}.log`), `${text}\n`);
}

/** Each secret that was said, with the line around it. */
export function secretsIn(folder: string): string[] {
  return readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .flatMap((line) =>
      Object.entries(secrets).flatMap(([what, like]) => (like.test(line) ? [`${what}: ${line}`] : [])),
    );
}
