/** Scopes: what a caller may do. */
import type { ApiScope } from '../../prisma/generated/client/client.ts';

export type Scopes = ReadonlySet<ApiScope>;

/** Each scope with the scopes that it implies. ACT_AS implies none: it only allows the caller to name an end user. */
const impliedBy: Record<ApiScope, readonly ApiScope[]> = {
  READ: ['READ'],
  WRITE: ['WRITE', 'READ'],
  ADMIN: ['ADMIN', 'WRITE', 'READ'],
  ACT_AS: ['ACT_AS'],
};

export const scopesOf = (granted: readonly ApiScope[]): Scopes => new Set(granted.flatMap((scope) => impliedBy[scope]));

export const allScopes = scopesOf(['ADMIN', 'ACT_AS']);

/** The scopes that remain when a caller acts for an end user: ADMIN is for the caller's own account. */
export const scopesWhenActingAs = (scopes: Scopes): Scopes =>
  new Set([...scopes].filter((scope) => scope === 'READ' || scope === 'WRITE'));
