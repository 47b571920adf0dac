/** What of an error leaves the server: all of a foreseen one, and of any other that there was one. */
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Logger } from 'pino';
import { Prisma } from '../../../prisma/generated/client/client.ts';
import { isDatabaseUnavailable } from '../../database/is-unavailable.ts';
import { abridge } from '../../database/storable-text.ts';
import { InvalidInputError, Refusal } from '../../refusal/refusal.ts';
import { StorageUnavailable } from '../../storage/blob-store.ts';

export const unexpectedMessage = 'Unexpected error.';

const mostOfMessage = 1_000;

export type MaskError = (error: unknown) => GraphQLError;

/**
 * Foreseen are GraphQL's own errors; a refusal where no union carries it, as in a subscription; what was deleted while
 * it was read; files or a database that cannot be reached for now; and the end of a subscriber that did not keep up.
 * Everything else is logged whole, here only, and the client is told nothing of it. Without hints, nobody is told what else the schema has that they may have meant.
 */
export function maskErrorsInto(log: Logger, { hasHints }: { hasHints: boolean }): MaskError {
  return (error) => {
    const cause = causeOf(error);
    if (cause === null) return shortened(error as GraphQLError, hasHints);
    const place = error instanceof GraphQLError ? { nodes: error.nodes ?? null, path: error.path ?? null } : {};
    if (isGone(cause)) return new GraphQLError(goneMessage, { ...place, extensions: { code: 'NOT_FOUND' } });
    const away = awayOf(cause);
    if (away !== undefined) {
      log.warn({ err: cause, path: place.path?.join('.') }, `the ${away} cannot be reached`);
      const message = `The ${away} of this server cannot be reached just now. Try again in a moment.`;
      return new GraphQLError(message, { ...place, extensions: { code: 'SERVICE_UNAVAILABLE', http: tryAgain } });
    }
    const extensions = foreseen(cause);
    if (extensions !== null) return new GraphQLError((cause as Error).message, { ...place, extensions });
    log.error({ err: cause, path: place.path?.join('.') }, 'unforeseen error');
    // Yoga reads `unexpected` for the status of the answer, and takes it out of what it sends.
    return new GraphQLError(unexpectedMessage, {
      ...place,
      extensions: { code: 'INTERNAL_SERVER_ERROR', unexpected: true },
    });
  };
}

/** GraphQL repeats a value that it does not take in each of its errors, and a value may be a megabyte. */
function shortened(error: GraphQLError, hasHints: boolean): GraphQLError {
  const message = abridge(hasHints ? error.message : error.message.replace(/ Did you mean [^]*/, ''), mostOfMessage);
  if (message === error.message) return error;
  const { nodes = null, source = null, positions = null, path = null, extensions } = error;
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}

/** As a client is sent it: without what was meant for the HTTP answer. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const { extensions = {}, ...rest } = error.toJSON();
  const { http: _http, unexpected: _unexpected, ...shown } = extensions;
  return Object.keys(shown).length > 0 ? { ...rest, extensions: shown } : rest;
}

/** What was thrown beneath the wrappings that GraphQL adds; null when GraphQL itself speaks. */
function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError) {
    if (cause.originalError === undefined) return null;
    cause = cause.originalError;
  }
  return cause;
}

function foreseen(cause: unknown): Record<string, unknown> | null {
  if (cause instanceof InvalidInputError) return { code: codeOf(cause), issues: cause.issues };
  if (cause instanceof Refusal) return { code: codeOf(cause) };
  if (cause instanceof Error && 'extensions' in cause) {
    const { code } = cause.extensions as { code?: unknown };
    if (code === 'SUBSCRIBER_TOO_SLOW') return { code };
  }
  return null;
}

function awayOf(cause: unknown): 'files' | 'database' | undefined {
  if (cause instanceof StorageUnavailable) return 'files';
  return isDatabaseUnavailable(cause) ? 'database' : undefined;
}

const tryAgain = { status: 503, headers: { 'retry-after': '5' } };

const goneMessage = 'It was deleted while it was being read.';

/** A row that an answer was being put together of is there no more: Prisma's P2025. */
function isGone(cause: unknown): boolean {
  return cause instanceof Prisma.PrismaClientKnownRequestError && cause.code === 'P2025';
}

/** NotFoundError is NOT_FOUND. */
const codeOf = (refusal: Refusal) =>
  refusal.name
    .replace(/Error$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toUpperCase();
