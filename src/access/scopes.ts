/** What a caller may do. */
import type { ApiScope } from '../../prisma/generated/client/client.ts';

export type Scopes = ReadonlySet<ApiScope>;

/** A scope brings those that it makes no sense without. ACT_AS brings none: it only says for whom. */
const brings: Record<ApiScope, readonly ApiScope[]> = {
  READ: ['READ'],
  WRITE: ['WRITE', 'READ'],
  ADMIN: ['ADMIN', 'WRITE', 'READ'],
  ACT_AS: ['ACT_AS'],
};

export const scopesOf = (given: readonly ApiScope[]): Scopes => new Set(given.flatMap((scope) => brings[scope]));

export const allScopes = scopesOf(['ADMIN', 'ACT_AS']);

/** What is left of them for whoever acts for somebody else: an admin's powers are the admin's own. */
export const scopesWhenActingAs = (scopes: Scopes): Scopes =>
  new Set([...scopes].filter((scope) => scope === 'READ' || scope === 'WRITE'));
