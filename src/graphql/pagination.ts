/**
 * GraphQL: pages of lists. A cursor tells a place in the list's order by value and not by the row, so a page can also be
 * had behind something that was deleted meanwhile.
 */
import { PothosValidationError } from '@pothos/core';
import { type DefaultConnectionArguments, parseCursorConnectionArgs } from '@pothos/plugin-relay';
import { pageSize } from './builder.ts';

/** The rows to read for a page: those between two places, one more than it shows, which tells whether there are others. */
export type PageQuery<Place> = {
  after: Place | undefined;
  before: Place | undefined;
  limit: number;
  /** From the back of the list, the last row first. */
  inverted: boolean;
};

/** Throws a GraphQL error for a number under 0, and for a cursor that `placeOf` knows no place of. */
export function pageQuery<Place>(
  args: DefaultConnectionArguments,
  placeOf: (cursor: string) => Place | undefined,
): PageQuery<Place> {
  const { after, before, limit, inverted } = parsed(args);
  const read = (cursor: string | undefined) => {
    // An empty one is none: clients without a cursor send it.
    if (!cursor) return undefined;
    const place = placeOf(cursor);
    if (place === undefined) throw new PothosValidationError(`Invalid cursor: ${cursor.slice(0, 100)}`);
    return place;
  };
  return { after: read(after), before: read(before), limit, inverted };
}

/** The page of the rows that `pageQuery` asked for. */
export function pageOf<Row>(args: DefaultConnectionArguments, rows: Row[], cursorOf: (row: Row) => string) {
  const { expectedSize, inverted, hasNextPage, hasPreviousPage } = parsed(args);
  const shown = rows.slice(0, expectedSize);
  if (inverted) shown.reverse();
  const edges = shown.map((node) => ({ cursor: cursorOf(node), node }));
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

function parsed({ first = null, last = null, after = null, before = null }: DefaultConnectionArguments) {
  const args = { first, last, after, before };
  return parseCursorConnectionArgs({ args, defaultSize: pageSize.default, maxSize: pageSize.max });
}
