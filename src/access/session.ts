/** The session of a request: the user it acts as, its scopes, and when it ends. */
import type { Logger } from 'pino';
import type { ApiKey } from '../../prisma/generated/client/client.ts';
import type { Database } from '../database/client.ts';
import { forbidden, invalidCredentials, malformedCredentials, missingCredentials } from './access-denied.ts';
import { findApiKey, isApiKey } from './api-key.ts';
import type { Credentials } from './credentials.ts';
import type { VerifyJwt } from './jwt.ts';
import { allScopes, type Scopes, scopesOf, scopesWhenActingAs } from './scopes.ts';

/** The user that a request acts as. Every row that is read or written is looked up by this id. */
export type Viewer = { id: string };

export type Session = {
  viewer: Viewer;
  scopes: Scopes;
  /** The API key of the session. The session ends when the key is revoked. */
  apiKeyId: string | undefined;
  /** When the session ends. */
  expiresAt: Date | undefined;
  /** Whether the request came from this machine without credentials. */
  isLocal?: boolean;
};

/** The operator of this installation: the owner of the first API key, and the person at this machine. */
export const localViewer: Viewer = { id: '00000000-0000-4000-8000-000000000001' };

export type AccessDependencies = {
  prisma: Database;
  now: () => Date;
  log: Logger;
  verifyJwt: VerifyJwt | undefined;
  /** The viewer of a request without credentials: the local admin on loopback, otherwise undefined. */
  local: Viewer | undefined;
};

/** Throws AccessDenied and KeysUnavailable. */
export async function openSession(parts: AccessDependencies, { bearer, actFor }: Credentials): Promise<Session> {
  if (bearer === undefined) {
    if (parts.local === undefined) throw missingCredentials();
    const local = { viewer: parts.local, scopes: allScopes, apiKeyId: undefined, expiresAt: undefined, isLocal: true };
    return actFor === undefined ? local : await actAs(parts, local, actFor);
  }
  if (isApiKey(bearer)) {
    const session = sessionOfKey(await findApiKey(parts, bearer));
    return actFor === undefined ? session : await actAs(parts, session, actFor);
  }
  if (parts.verifyJwt === undefined)
    throw invalidCredentials('This is not an API key, and this server accepts no tokens.');
  const { issuer, subject, expiresAt } = await parts.verifyJwt(bearer, parts.now());
  if (actFor !== undefined) throw forbidden('A token speaks for its own user only.');
  const viewer = await findOrCreateUser(parts, `jwt:${issuer}`, subject);
  return { viewer, scopes: scopesOf(['WRITE']), apiKeyId: undefined, expiresAt };
}

function sessionOfKey({ id, ownerId, scopes, expiresAt }: ApiKey): Session {
  return { viewer: { id: ownerId }, scopes: scopesOf(scopes), apiKeyId: id, expiresAt: expiresAt ?? undefined };
}

/** The session of an end user of the caller. The user is created on first use. */
async function actAs(parts: AccessDependencies, session: Session, externalId: string): Promise<Session> {
  if (!session.scopes.has('ACT_AS'))
    throw forbidden('This API key has no ACT_AS scope: it speaks for its own user only.');
  if (!isExternalId(externalId)) throw malformedCredentials('X-Likeness-User takes 1 to 255 visible ASCII characters.');
  const viewer = await findOrCreateUser(parts, endUserRealm(session.viewer), externalId);
  return { ...session, viewer, scopes: scopesWhenActingAs(session.scopes) };
}

/** 1 to 255 visible ASCII characters: other characters do not reliably survive in a header. */
export const isExternalId = (id: string) => /^[\x21-\x7e]{1,255}$/.test(id);

/** The realm of the ids that a caller assigns to its end users. */
export const endUserRealm = ({ id }: Viewer) => `user:${id}`;

export async function findOrCreateUser(
  { prisma }: { prisma: Database },
  realm: string,
  externalId: string,
): Promise<Viewer> {
  const where = { realm_externalId: { realm, externalId } };
  const known = await prisma.user.findUnique({ where, select: { id: true } });
  if (known !== null) return known;
  // Of two concurrent first calls, one creates the user, and both read it.
  await prisma.user.createMany({ data: [{ realm, externalId }], skipDuplicates: true });
  return await prisma.user.findUniqueOrThrow({ where, select: { id: true } });
}
