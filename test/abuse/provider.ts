/** An identity provider whose tokens the server accepts, and helpers that sign them. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';

export const issuer = 'https://id.example.com';
export const audience = 'likeness';
export const provider = generateKeyPairSync('rsa', { modulusLength: 2048 });
/** The settings of a server that accepts its tokens, without the key. */
export const tokenEnv = { JWT_ISSUER: issuer, JWT_AUDIENCE: audience };
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
