/** The errors of an execution. One beneath a place that is null already, because of another, is not told. */
import type { GraphQLError } from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';

export class FieldErrors {
  readonly #places = new Set<Path | undefined>();
  readonly all: GraphQLError[] = [];

  /** At the place that is null because of it; undefined is the whole of the data. */
  add(error: GraphQLError, place: Path | undefined): void {
    if (this.#isNull(place)) return;
    this.#places.add(place);
    this.all.push(error);
  }

  #isNull(place: Path | undefined): boolean {
    for (let at = place; at !== undefined; at = at.prev) if (this.#places.has(at)) return true;
    return this.#places.has(undefined);
  }
}
