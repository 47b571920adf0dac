/** An identity provider whose tokens the server takes, and what the suites send with them. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';

export const issuer = 'https://id.example.com';
export const audience = 'likeness';
export const provider = generateKeyPairSync('rsa', { modulusLength: 2048 });
/** The settings of a server that takes them, but for the keys. */
export const ofTokens = { JWT_ISSUER: issuer, JWT_AUDIENCE: audience };
export const pem = provider.publicKey.export({ type: 'spki', format: 'pem' }) as string;

export const now = () => Math.floor(Date.now() / 1000);
export const claims = (more: JWTPayload = {}): JWTPayload => ({
  sub: 'ada',
  iss: issuer,
  aud: audience,
  exp: now() + 60,
  ...more,
});
export const sign = (payload: JWTPayload, header: object = {}, key: KeyObject | Uint8Array = provider.privateKey) =>
  new SignJWT(payload).setProtectedHeader({ alg: 'RS256', ...header }).sign(key);
