/** Fetches fal's public keys for webhooks from its JWKS. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Agent, fetch } from 'undici';
import { z } from 'zod';
import { noBackpressure } from '../http/no-backpressure.ts';

export const falJwksUrl = 'https://rest.fal.ai/.well-known/jwks.json';

export type JwksLimits = {
  /** For the complete response. */
  timeoutMs?: number;
  maxBytes?: number;
};

/** Throws when the response is late, too large, or holds no usable key. Follows no redirect. */
export async function fetchJwks(
  url: string,
  { timeoutMs = 5_000, maxBytes = 64 * 1024 }: JwksLimits = {},
): Promise<KeyObject[]> {
  const agent = new Agent({ maxResponseSize: maxBytes });
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { dispatcher: agent.compose(noBackpressure), redirect: 'error', signal });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`fal's JWKS responded with status ${response.status}.`);
    return readJwks(JSON.parse(text));
  } finally {
    await agent.destroy();
  }
}

const jwks = z.object({ keys: z.array(z.unknown()) });
const ed25519 = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() });

/** The Ed25519 keys of the set. Ignores other keys; throws when there is no Ed25519 key. */
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
