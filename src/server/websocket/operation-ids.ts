/**
 * The ids of one socket's operations. A client may use an id again as soon as it has completed it, while graphql-ws
 * 6.4.2 still winds the first operation down: it then takes the end of the first for the end of the second, tells the
 * client so, and forgets an iterator. So inside each operation has an id that is used once: a number before the client's.
 */
export class OperationIds {
  readonly #inner = new Map<string, string>();
  #count = 0;

  /** How many operations are under way. */
  get count(): number {
    return this.#inner.size;
  }

  /** A message as graphql-ws is given it. What is no message of an operation is left as it is, for graphql-ws to judge. */
  enter(message: string): string {
    const parsed = parse(message);
    if (typeof parsed?.id !== 'string' || parsed.id === '') return message;
    const { id, type } = parsed;
    if (type === 'subscribe' && !this.#inner.has(id)) this.#inner.set(id, `${(this.#count += 1)}:${id}`);
    const inner = this.#inner.get(id);
    if (inner === undefined) return message;
    if (type === 'complete') this.#inner.delete(id);
    return write({ ...parsed, id: inner });
  }

  /** The operation is over: its client's id is free. */
  release(inner: string): void {
    const id = clientIdOf(inner);
    if (this.#inner.get(id) === inner) this.#inner.delete(id);
  }
}

/** The client's own id of an operation. */
export const clientIdOf = (inner: string) => inner.slice(inner.indexOf(':') + 1);

/** A message, or the reason of a close, as the client is given it. */
export const withClientId = (text: string) => text.replace(/^(\{"id":"|Subscriber for )\d+:/, '$1');

/** Nothing for lists in lists that run the writer out of stack, as they do not the reader: that is no message. */
function write(message: object): string {
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
