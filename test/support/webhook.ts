/** Webhooks signed as fal documents it, by code that shares nothing with ours. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type SigningKey = { privateKey: KeyObject; publicKey: KeyObject };

export const newSigningKey = (): SigningKey => generateKeyPairSync('ed25519');

/** As a JWKS lists it. */
export const jwkOf = ({ publicKey }: SigningKey) => ({ ...publicKey.export({ format: 'jwk' }), use: 'sig' });

export type Signing = { requestId: string; userId: string; timestamp: string; key: SigningKey; digest?: string };

/** The four headers of a webhook with that body. */
export function signedHeaders(body: string | Buffer, { requestId, userId, timestamp, key, digest }: Signing) {
  const sha256 = digest ?? createHash('sha256').update(body).digest('hex');
  const message = `${requestId}\n${userId}\n${timestamp}\n${sha256}`;
  return {
    'x-fal-webhook-request-id': requestId,
    'x-fal-webhook-user-id': userId,
    'x-fal-webhook-timestamp': timestamp,
    'x-fal-webhook-signature': sign(null, Buffer.from(message, 'utf8'), key.privateKey).toString('hex'),
  };
}
