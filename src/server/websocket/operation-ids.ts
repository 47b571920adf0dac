/**
 * The ids of one socket's operations. A client may reuse an id as soon as it has completed it, while graphql-ws 6.4.2 is
 * still ending the first operation: it then takes the end of the first for the end of the second, tells the client so and
 * forgets an iterator. So inside the server each operation has a unique id: a number before the client's id.
 */
export class OperationIds {
  readonly #uniqueIds = new Map<string, string>();
  #count = 0;

  /** How many operations are under way. */
  get count(): number {
    return this.#uniqueIds.size;
  }

  /** The message with the unique id in it. A message that is not about an operation stays as it is, for graphql-ws to judge. */
  toUnique(message: string): string {
    const parsed = parse(message);
    if (typeof parsed?.id !== 'string' || parsed.id === '') return message;
    const { id, type } = parsed;
    if (type === 'subscribe' && !this.#uniqueIds.has(id)) this.#uniqueIds.set(id, `${(this.#count += 1)}:${id}`);
    const uniqueId = this.#uniqueIds.get(id);
    if (uniqueId === undefined) return message;
    if (type === 'complete') this.#uniqueIds.delete(id);
    return stringify({ ...parsed, id: uniqueId });
  }

  /** The operation has ended: the client's id is free. */
  release(uniqueId: string): void {
    const id = clientIdOf(uniqueId);
    if (this.#uniqueIds.get(id) === uniqueId) this.#uniqueIds.delete(id);
  }
}

/** The client's own id of an operation. */
export const clientIdOf = (uniqueId: string) => uniqueId.slice(uniqueId.indexOf(':') + 1);

/** A message of the server's, or the reason of a close, with the client's own id in it. */
export const withClientId = (text: string) => text.replace(/^(\{"id":"|Subscriber for )\d+:/, '$1');

/** Empty, which is no message, for lists nested so deep that stringifying overflows the stack where parsing does not. */
function stringify(message: object): string {
  try {
    return JSON.stringify(message);
  } catch {
    return '';
  }
}

function parse(message: string): { id?: unknown; type?: unknown } | null {
  try {
    return JSON.parse(message) as object | null;
  } catch {
    return null;
  }
}
