/**
 * The two JSON fields of the GraphQL multipart request specification: `operations`, a request with null in place of each
 * file, and `map`, which says which part replaces which null. https://github.com/jaydenseric/graphql-multipart-request-spec
 */
import { badRequest } from '../http/http-error.ts';

/** A null in the operations that a file replaces. */
export type Placeholder = { holder: Record<string, unknown>; key: string };

export function parseOperations(text: string): object {
  const operations = parseJson('operations', text);
  if (Array.isArray(operations)) throw badRequest('Batching is not supported: "operations" has to be one operation.');
  if (!isObject(operations)) throw badRequest('The field "operations" has to be a JSON object.');
  return operations;
}

/** The placeholders of each part, by the part's name. Each is a null of the operations, and is named once. */
export function parseMap(text: string, operations: object, maxFiles: number): Map<string, Placeholder[]> {
  const map = parseJson('map', text);
  if (!isObject(map) || Array.isArray(map)) throw badRequest('The field "map" has to be a JSON object.');
  const entries = Object.entries(map);
  if (entries.length > maxFiles) throw badRequest(`A request may have at most ${maxFiles} files.`);
  const seen = new Set<string>();
  return new Map(
    entries.map(([part, paths]) => {
      if (!Array.isArray(paths) || paths.length === 0) {
        throw badRequest(`The entry "${part}" of "map" has to be a list of paths.`);
      }
      return [part, paths.map((path: unknown) => placeholderAt(operations, path, seen))];
    }),
  );
}

function placeholderAt(operations: object, path: unknown, seen: Set<string>): Placeholder {
  if (typeof path !== 'string') throw badRequest('A path in "map" has to be a string.');
  if (seen.has(path)) throw badRequest(`The path "${path}" is in "map" twice.`);
  seen.add(path);
  const keys = path.split('.');
  const key = keys.pop() ?? '';
  let holder: unknown = operations;
  for (const step of keys) holder = isObject(holder) && Object.hasOwn(holder, step) ? holder[step] : undefined;
  if (!isObject(holder) || !Object.hasOwn(holder, key) || holder[key] !== null) {
    throw badRequest(`The path "${path}" in "map" does not lead to a null in "operations".`);
  }
  return { holder, key };
}

function parseJson(field: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw badRequest(`The field "${field}" is not valid JSON.`);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
