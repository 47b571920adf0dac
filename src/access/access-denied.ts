/**
 * The caller's credentials do not allow the request; it is refused before its operation is read. 401: the credentials are
 * missing or invalid. 403: they are valid, but not for this. 400: they are malformed.
 */
export class AccessDenied extends Error {
  override name = 'AccessDenied';
  readonly status: 400 | 401 | 403;
  /** The WWW-Authenticate header (RFC 6750); undefined except with 401. */
  readonly challenge: string | undefined;

  constructor(message: string, { status, error }: { status?: 400 | 403; error?: 'invalid_token' } = {}) {
    super(message);
    this.status = status ?? 401;
    const reason = error === undefined ? '' : `, error="${error}", error_description="${describable(message)}"`;
    this.challenge = status === undefined ? `Bearer realm="likeness"${reason}` : undefined;
  }
}

/** Replaces characters that RFC 6750 does not allow in a description. Node rejects some of them in a header. */
const describable = (message: string) => message.replaceAll(/[^ !#-[\]-~]/g, "'");

export const missingCredentials = () =>
  new AccessDenied('Send an API key or a token: the header `Authorization: Bearer …`, or the same in connection_init.');
/** The credentials are invalid, expired or revoked. */
export const invalidCredentials = (message: string) => new AccessDenied(message, { error: 'invalid_token' });
export const malformedCredentials = (message: string) => new AccessDenied(message, { status: 400 });
export const forbidden = (message: string) => new AccessDenied(message, { status: 403 });
