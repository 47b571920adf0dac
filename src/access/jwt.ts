/** JSON Web Tokens of an app's own end users, signed by its identity provider. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { isStorable } from '../database/storable-text.ts';
import { invalidCredentials } from './access-denied.ts';

/** Asymmetric algorithms only: with HS256 the public key would serve as the secret. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const clockToleranceSeconds = 5;

export type JwtSettings = {
  /** The URL where the provider publishes its keys, or one key as PEM. */
  keys: { jwksUrl: URL } | { publicKey: string };
  issuer: string;
  audience: string;
};

export type Token = { issuer: string; subject: string; expiresAt: Date };

/** The provider's keys cannot be loaded. The caller is not at fault and may try again. */
export class KeysUnavailable extends Error {}

export type VerifyJwt = (token: string, now: Date) => Promise<Token>;

/** Throws when the PEM is not a public key. */
export function createJwtVerifier({ keys, issuer, audience }: JwtSettings): VerifyJwt {
  const key = 'jwksUrl' in keys ? remoteKeys(keys.jwksUrl) : createPublicKey(keys.publicKey);
  const options = {
    issuer,
    audience,
    algorithms,
    clockTolerance: clockToleranceSeconds,
    requiredClaims: ['sub', 'exp'],
  };
  return async (token, now) => {
    const { sub, exp } = await verify(token, key, { ...options, currentDate: now });
    if (typeof sub !== 'string' || sub === '' || sub.length > 255 || !isStorable(sub)) {
      throw invalidCredentials('The token’s `sub` is not a valid user id. It must have 1 to 255 characters.');
    }
    return { issuer, subject: sub, expiresAt: new Date(1000 * (exp ?? 0)) };
  };
}

/** Cached for ten minutes. An unknown key id loads the keys again, at most twice a minute. */
function remoteKeys(url: URL): JWTVerifyGetKey {
  const find = createRemoteJWKSet(url, { timeoutDuration: 5_000 });
  return async (header, token) => {
    try {
      return await find(header, token);
    } catch (error) {
      if (isTokenError(error)) throw error;
      throw new KeysUnavailable('The keys to verify tokens with cannot be loaded.', { cause: error });
    }
  };
}

async function verify(
  token: string,
  key: JWTVerifyGetKey | KeyObject,
  options: Parameters<typeof jwtVerify>[2],
): Promise<JWTPayload> {
  try {
    // jwtVerify has an overload for each kind of key, and none for both.
    const { payload } =
      typeof key === 'function' ? await jwtVerify(token, key, options) : await jwtVerify(token, key, options);
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw invalidCredentials('The token has expired.');
    // jose throws a TypeError when the PEM and the token use different kinds of key.
    if (isTokenError(error) || error instanceof TypeError)
      throw invalidCredentials('This server does not accept this token.');
    throw error;
  }
}

const isTokenError = (error: unknown) =>
  error instanceof errors.JWTInvalid ||
  error instanceof errors.JWTClaimValidationFailed ||
  error instanceof errors.JWSInvalid ||
  error instanceof errors.JWSSignatureVerificationFailed ||
  error instanceof errors.JOSEAlgNotAllowed ||
  error instanceof errors.JOSENotSupported ||
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys;
