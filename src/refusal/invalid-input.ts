/** Checks a mutation's input against its zod schema. The refusal lists every invalid value, each with its path. */
import type { z } from 'zod';
import { Refusal } from './refusal.ts';

/** Why one value of the input is invalid. */
export type InputIssue = {
  /** Where the value is in the input, as `settings.fluxLora.guidanceScale`. */
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

/** Returns the input as the schema outputs it, or throws InvalidInputError with every issue. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message })),
  );
}
