/**
 * Validates an endpoint's input as fal does, with errors in the shape of FastAPI and pydantic. In one thing it is stricter on
 * purpose: it rejects unknown fields (extra_forbidden), which fal ignores, so that a wrong field name fails here and not in
 * production.
 */
import type { z } from 'zod';
import { type EndpointId, endpoints } from '../../fal/endpoints.ts';
import type { Failure } from './request.ts';

type Issue = z.core.$ZodIssue;
type Detail = { loc: (string | number)[]; msg: string; type: string; ctx?: Record<string, unknown>; input?: unknown };

/** fal's reply at the result; undefined when the input is valid. */
export function inputFailure(endpoint: EndpointId, input: unknown): Failure | undefined {
  const parsed = endpoints[endpoint].input.safeParse(input, { reportInput: true });
  if (parsed.success) return undefined;
  return { status: 422, detail: parsed.error.issues.flatMap((issue) => detailsOf(issue, ['body'])) };
}

/** An error of one field, with the link to fal's page about it. */
export function fieldFailure(
  loc: (string | number)[],
  type: string,
  msg: string,
  input: unknown,
  ctx?: object,
): Failure {
  const url = `https://docs.fal.ai/errors/#${type}`;
  return { status: 422, detail: [{ loc: ['body', ...loc], msg, type, url, ...(ctx && { ctx }), input }] };
}

function detailsOf(issue: Issue, parent: (string | number)[]): Detail[] {
  const loc = [...parent, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))];
  const one = (type: string, msg: string, ctx?: Record<string, unknown>): Detail[] => [
    { loc, msg, type, ...(ctx && { ctx }), input: issue.input },
  ];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        loc: [...loc, key],
        msg: 'Extra inputs are not permitted',
        type: 'extra_forbidden',
        input: issue.input?.[key],
      }));
    case 'invalid_type':
      if (issue.input === undefined) return one('missing', 'Field required');
      return one(...wrongType(issue.expected));
    case 'too_small':
      if (issue.origin === 'number' || issue.origin === 'int') {
        const ge = Number(issue.minimum);
        return one('greater_than_equal', `Input should be greater than or equal to ${ge}`, { ge });
      }
      return one('sequence_too_short', `Input should have at least ${issue.minimum} items`, {
        min_length: Number(issue.minimum),
      });
    case 'too_big':
      if (issue.origin === 'number' || issue.origin === 'int') {
        const le = Number(issue.maximum);
        return one('less_than_equal', `Input should be less than or equal to ${le}`, { le });
      }
      return one('sequence_too_long', `Input should have at most ${issue.maximum} items`, {
        max_length: Number(issue.maximum),
      });
    case 'invalid_value': {
      const expected = listed(issue.values);
      return one('literal_error', `Input should be ${expected}`, { expected });
    }
    case 'invalid_format':
      return one('url_parsing', 'Input should be a valid URL');
    case 'invalid_union':
      return detailsOfUnion(issue.errors, loc, issue.input);
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'not_multiple_of':
      return one('value_error', issue.message);
  }
}

/** The errors of a union: those inside an object, if one was sent, else the list of allowed values. */
function detailsOfUnion(branches: readonly Issue[][], loc: (string | number)[], input: unknown): Detail[] {
  const issues = branches.flat();
  const inside = issues.filter((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys');
  if (inside.length > 0) return inside.flatMap((issue) => detailsOf(issue, loc));
  const values = issues.flatMap((issue) => (issue.code === 'invalid_value' ? issue.values : []));
  const expected = listed(values);
  return [{ loc, msg: `Input should be ${expected}`, type: 'literal_error', ctx: { expected }, input }];
}

function wrongType(expected: string): [string, string] {
  switch (expected) {
    case 'string':
      return ['string_type', 'Input should be a valid string'];
    case 'int':
      return ['int_type', 'Input should be a valid integer'];
    case 'number':
      return ['float_type', 'Input should be a valid number'];
    case 'boolean':
      return ['bool_type', 'Input should be a valid boolean'];
    case 'array':
      return ['list_type', 'Input should be a valid list'];
    default:
      return ['model_attributes_type', 'Input should be a valid dictionary'];
  }
}

/** Lists literals as pydantic does: 'a', 'b' or 'c'. */
function listed(values: readonly unknown[]): string {
  const words = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)));
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
