/**
 * Refusals: what a caller can act on. A command throws one, the mutation's result union carries it. They know no
 * GraphQL; what they are called there, and their fields, stands with the feature that throws them.
 */

import type { z } from 'zod';

/** The one base of all refusals: whatever else is thrown is unforeseen, and masked. */
export abstract class Refusal extends Error {}

/** One value of the input that cannot be taken. */
export type InputIssue = {
  /** Where in the input, as `settings.fluxLora.guidanceScale`. */
  path: string;
  message: string;
};

export class InvalidInputError extends Refusal {
  override name = 'InvalidInputError';
  readonly issues: InputIssue[];

  constructor(issues: InputIssue[]) {
    super(issues.map((issue) => `${issue.path}: ${issue.message}`).join(' '));
    this.issues = issues;
  }
}

/** Also for what belongs to somebody else. */
export class NotFoundError extends Refusal {
  override name = 'NotFoundError';

  constructor(what: 'avatar' | 'photo' | 'job' | 'image' | 'user' | 'API key') {
    super(`There is no such ${what}.`);
  }
}

/** A number of things that may be at once, or in a time, is reached. */
export class LimitReachedError extends Refusal {
  override name = 'LimitReachedError';
  readonly limit: number;
  readonly retryAfterSeconds: number | null;

  constructor(message: string, limit: number, retryAfterSeconds: number | null = null) {
    super(message);
    this.limit = limit;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Takes an input through its schema, or throws InvalidInputError with every issue, each under its path. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message })),
  );
}
