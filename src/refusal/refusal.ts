/**
 * The errors that a command throws when the caller can do something about it. The mutation's result union carries each as
 * a type; the feature that throws it defines that type and its fields.
 */

/** The base class of all refusals. The API masks every other error as an internal one. */
export abstract class Refusal extends Error {}

/** The thing does not exist, or belongs to another owner. */
export class NotFoundError extends Refusal {
  override name = 'NotFoundError';

  constructor(noun: 'avatar' | 'photo' | 'job' | 'image' | 'user' | 'API key') {
    super(`There is no such ${noun}.`);
  }
}

/** The owner has reached a limit: of things at a time, or of requests in a period. */
export class LimitReachedError extends Refusal {
  override name = 'LimitReachedError';
  readonly limit: number;
  /** Null when waiting alone does not help. */
  readonly retryAfterSeconds: number | null;

  constructor(message: string, limit: number, retryAfterSeconds: number | null = null) {
    super(message);
    this.limit = limit;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
