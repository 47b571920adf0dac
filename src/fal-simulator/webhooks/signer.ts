/** Signs webhooks as fal does: Ed25519 over the ids, the time and the digest of the body. The JWKS holds the public key. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';

export type Signed = { requestId: string; userId: string; timestamp: number; body: string };

export interface Signer {
  jwks(): object;
  /** The headers of a webhook, signed with the current key (`own`) or with a key that is not in the JWKS (`stranger`). */
  headers(signed: Signed, by?: 'own' | 'stranger'): Record<string, string>;
  /** Replaces the key; the JWKS then holds the new key only. */
  rotate(): Promise<void>;
}

/** Keeps the key in a file, so that earlier signatures stay valid after a restart. */
export async function openSigner(path: string): Promise<Signer> {
  const stored = await readFile(path, 'utf8').catch(() => undefined);
  let key = stored === undefined ? await freshKey() : createPrivateKey(stored);
  const stranger = generateKeyPairSync('ed25519').privateKey;

  return {
    jwks: () => ({ keys: [{ ...publicJwk(key), kid: kidOf(key), use: 'sig', alg: 'EdDSA' }] }),
    headers({ requestId, userId, timestamp, body }, by = 'own') {
      const digest = createHash('sha256').update(body).digest('hex');
      const message = Buffer.from([requestId, userId, timestamp, digest].join('\n'));
      return {
        'x-fal-webhook-request-id': requestId,
        'x-fal-webhook-user-id': userId,
        'x-fal-webhook-timestamp': String(timestamp),
        'x-fal-webhook-signature': sign(null, message, by === 'own' ? key : stranger).toString('hex'),
      };
    },
    async rotate() {
      key = await freshKey();
    },
  };

  async function freshKey(): Promise<KeyObject> {
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    return privateKey;
  }
}

function publicJwk(key: KeyObject) {
  return createPublicKey(key).export({ format: 'jwk' });
}

function kidOf(key: KeyObject): string {
  return createHash('sha256')
    .update(String(publicJwk(key).x))
    .digest('hex')
    .slice(0, 16);
}
