/** Makes the context of each operation: the caller's session, and the parts of the server that resolvers use. */
import { readCredentials } from '../access/credentials.ts';
import { createJwtVerifier, type VerifyJwt } from '../access/jwt.ts';
import { ownedBy } from '../access/ownership.ts';
import { type AccessDependencies, localViewer, openSession, type Session } from '../access/session.ts';
import { SessionMonitor } from '../access/session-monitor.ts';
import type { Context } from '../graphql/builder.ts';
import type { Caller, OperationContext, OperationSession } from '../server/graphql/operation-context.ts';
import type { App } from './app.ts';
import { InvalidSettings, type Settings } from './config.ts';

/** `createContext` throws AccessDenied and KeysUnavailable. Throws InvalidSettings for a public key that cannot be read. */
export function openContexts(
  settings: Settings,
  app: App,
): { createContext: (caller: Caller) => Promise<Context & OperationContext>; close: () => void } {
  const access: AccessDependencies = {
    prisma: app.prisma,
    now: app.now,
    log: app.log,
    verifyJwt: jwtVerifier(settings),
    local: settings.needsAccess ? undefined : localViewer,
  };
  const monitor = new SessionMonitor(app);
  return {
    async createContext({ headers, connectionParams }) {
      const session = await openSession(access, readCredentials(headers, connectionParams));
      return { viewer: session.viewer, scopes: session.scopes, app, session: new CallerSession(session, monitor) };
    },
    close: () => monitor.close(),
  };
}

/** Getters compute what only few operations read. */
class CallerSession implements OperationSession {
  readonly ownerId: string;
  readonly isLimited: boolean;
  readonly #session: Session;
  readonly #monitor: SessionMonitor;

  constructor(session: Session, monitor: SessionMonitor) {
    this.ownerId = ownedBy(session.viewer).ownerId;
    this.isLimited = session.isLocal !== true;
    this.#session = session;
    this.#monitor = monitor;
  }

  get mayIntrospect(): boolean {
    return this.#session.scopes.has('ADMIN');
  }

  get authorizationKey(): string {
    return [this.#session.viewer.id, ...[...this.#session.scopes].sort()].join(' ');
  }

  onEnd(end: () => void): () => void {
    return this.#monitor.onEnd(this.#session, end);
  }
}

/** Undefined if the settings contain no keys. */
function jwtVerifier(settings: Settings): VerifyJwt | undefined {
  const { JWKS_URL, JWT_PUBLIC_KEY, JWT_ISSUER: issuer = '', JWT_AUDIENCE: audience = '' } = settings;
  if (JWKS_URL !== undefined) return createJwtVerifier({ keys: { jwksUrl: new URL(JWKS_URL) }, issuer, audience });
  if (JWT_PUBLIC_KEY === undefined) return undefined;
  try {
    return createJwtVerifier({ keys: { publicKey: JWT_PUBLIC_KEY }, issuer, audience });
  } catch (error) {
    throw new InvalidSettings([`JWT_PUBLIC_KEY: cannot be read as a public key (${String(error)}).`]);
  }
}
