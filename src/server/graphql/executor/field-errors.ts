/** The errors of an execution. An error below a path that another error has already set to null is left out, as GraphQL says. */
import type { GraphQLError } from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';

export class FieldErrors {
  readonly #nullPaths = new Set<Path | undefined>();
  readonly all: GraphQLError[] = [];

  /** `path` is set to null because of the error; undefined stands for the whole of `data`. */
  add(error: GraphQLError, path: Path | undefined): void {
    if (this.#isNull(path)) return;
    this.#nullPaths.add(path);
    this.all.push(error);
  }

  #isNull(path: Path | undefined): boolean {
    for (let at = path; at !== undefined; at = at.prev) if (this.#nullPaths.has(at)) return true;
    return this.#nullPaths.has(undefined);
  }
}
