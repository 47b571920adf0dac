/** Authenticates a caller: gives the context of their operation, or throws the HttpError that says why there is none. */
import { AccessDenied } from '../../access/access-denied.ts';
import { KeysUnavailable } from '../../access/jwt.ts';
import type { Caller, CreateContext, OperationContext } from '../graphql/operation-context.ts';
import { HttpError, serviceUnavailable, toHttpError } from './http-error.ts';

const codes = { 400: 'BAD_REQUEST', 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN' } as const;

/** Throws HttpError for a refusal, and whatever else `createContext` throws. */
export async function authenticate(createContext: CreateContext, caller: Caller): Promise<OperationContext> {
  try {
    const context = await createContext(caller);
    if (context !== null) return context;
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
    if (error instanceof KeysUnavailable) throw serviceUnavailable(error.message);
    throw toHttpError(error) ?? error;
  }
  throw new HttpError(403, 'FORBIDDEN', 'Forbidden.');
}
