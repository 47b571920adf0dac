/** fal's public keys, as its JWKS lists them. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Agent, fetch } from 'undici';
import { z } from 'zod';
import { unpaused } from '../unpaused.ts';

export const falJwksUrl = 'https://rest.fal.ai/.well-known/jwks.json';

export type JwksLimits = {
  /** For the whole of it. */
  timeoutMs?: number;
  maxBytes?: number;
};

/** Throws when there is no answer in time, or none that names a key. Follows no redirect. */
export async function fetchJwks(
  url: string,
  { timeoutMs = 5_000, maxBytes = 64 * 1024 }: JwksLimits = {},
): Promise<KeyObject[]> {
  const agent = new Agent({ maxResponseSize: maxBytes });
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { dispatcher: agent.compose(unpaused), redirect: 'error', signal });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`fal's JWKS answered ${response.status}.`);
    return readJwks(JSON.parse(text));
  } finally {
    await agent.destroy();
  }
}

const jwks = z.object({ keys: z.array(z.unknown()) });
const ed25519 = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() });

/** Every Ed25519 key of the set; keys of other kinds are left out. Throws when none is left. */
export function readJwks(body: unknown): KeyObject[] {
  const keys = jwks.parse(body).keys.flatMap((entry) => {
    const parsed = ed25519.safeParse(entry);
    return parsed.success ? keyOf(parsed.data) : [];
  });
  if (keys.length === 0) throw new Error("fal's JWKS has no Ed25519 key.");
  return keys;
}

function keyOf({ kty, crv, x }: z.output<typeof ed25519>): KeyObject[] {
  try {
    return [createPublicKey({ key: { kty, crv, x }, format: 'jwk' })];
  } catch {
    return [];
  }
}
