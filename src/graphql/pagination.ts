/**
 * GraphQL: pages of lists. A cursor holds the sort key of an item and not its id alone, so a page can start behind an item
 * that has been deleted since. Each list has its own sort key and encodes it in its folder's cursor.ts.
 */
import { PothosValidationError } from '@pothos/core';
import { type DefaultConnectionArguments, parseCursorConnectionArgs } from '@pothos/plugin-relay';

/** Items on a page of a list: the default of `first`, and the most that `first` or `last` may request. */
export const pageSize = { default: 20, max: 100 };

/** The rows to read for a page. `limit` is one more than the page shows: the extra row answers hasNextPage. */
export type PageQuery<Cursor> = {
  after: Cursor | undefined;
  before: Cursor | undefined;
  limit: number;
  /** Read from the end of the list, the last row first: the caller passed `last`. */
  inverted: boolean;
};

/** Throws a GraphQL error for a negative `first` or `last`, and for a cursor that `decodeCursor` cannot read. */
export function pageQuery<Cursor>(
  args: DefaultConnectionArguments,
  decodeCursor: (cursor: string) => Cursor | undefined,
): PageQuery<Cursor> {
  const { after, before, limit, inverted } = parseArguments(args);
  const decode = (text: string | undefined) => {
    // Clients send '' when they have no cursor.
    if (!text) return undefined;
    const cursor = decodeCursor(text);
    if (cursor === undefined) throw new PothosValidationError(`Invalid cursor: ${text.slice(0, 100)}`);
    return cursor;
  };
  return { after: decode(after), before: decode(before), limit, inverted };
}

/** Makes the page from the rows that were read for `pageQuery`. */
export function pageOf<Row>(args: DefaultConnectionArguments, rows: Row[], encodeCursor: (row: Row) => string) {
  const { expectedSize, inverted, hasNextPage, hasPreviousPage } = parseArguments(args);
  const shown = rows.slice(0, expectedSize);
  if (inverted) shown.reverse();
  const edges = shown.map((node) => ({ cursor: encodeCursor(node), node }));
  return {
    edges,
    pageInfo: {
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
      hasNextPage: hasNextPage(rows.length),
      hasPreviousPage: hasPreviousPage(rows.length),
    },
  };
}

function parseArguments({ first = null, last = null, after = null, before = null }: DefaultConnectionArguments) {
  const args = { first, last, after, before };
  return parseCursorConnectionArgs({ args, defaultSize: pageSize.default, maxSize: pageSize.max });
}
