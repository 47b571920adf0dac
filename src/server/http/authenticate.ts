/** Letting a caller in: their context, or the HTTP error that says why not. */

import { AccessDenied } from '../../access/access-denied.ts';
import { KeysUnavailable } from '../../access/jwt.ts';
import type { Caller, ContextOf, RequestContext } from './caller.ts';
import { foreseenOf, HttpError, unavailableFor } from './http-error.ts';

const codes = { 400: 'BAD_REQUEST', 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN' } as const;

/** Throws HttpError for a refusal; whatever else the context throws is unforeseen. */
export async function admit(context: ContextOf, caller: Caller): Promise<RequestContext> {
  try {
    const admitted = await context(caller);
    if (admitted !== null) return admitted;
  } catch (error) {
    if (error instanceof AccessDenied) {
      const { status, message, challenge } = error;
      throw new HttpError(
        status,
        codes[status],
        message,
        challenge === undefined ? {} : { 'www-authenticate': challenge },
      );
    }
    if (error instanceof KeysUnavailable) throw unavailableFor(error.message);
    throw foreseenOf(error) ?? error;
  }
  throw new HttpError(403, 'FORBIDDEN', 'Forbidden.');
}
