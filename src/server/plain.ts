/**
 * The request that nearly all are: JSON in, JSON out. It runs through Yoga's plugins, as an operation of a socket does, and
 * past Yoga's own HTTP, whose Request, Response and negotiation cost as much as all the rest of a small query.
 */
import type { IncomingMessage } from 'node:http';
import { type DocumentNode, type ExecutionResult, getOperationAST, OperationTypeNode } from 'graphql';
import { z } from 'zod';
import type { Held } from './caller.ts';
import type { Documents, Yoga } from './yoga.ts';

const parameters = z.strictObject({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
});

/** Whether the client is content with plain JSON, and sends it. Whoever asks for more is Yoga's to answer, as one that brings a trace. */
export const isPlain = ({ method, headers: { accept, traceparent, 'content-type': type } }: IncomingMessage) =>
  method === 'POST' &&
  traceparent === undefined &&
  type?.startsWith('application/json') === true &&
  (accept === undefined || accept === '*/*' || accept === 'application/json');

export type Ran = { document: DocumentNode; operationName: string | null | undefined; result: ExecutionResult };

/**
 * Runs the query or mutation of a body whose document was seen before. Undefined, with nothing run, for anything else, also
 * for whatever is wrong with it: Yoga says what.
 */
export async function runPlain(
  yoga: Yoga,
  documents: Documents,
  body: string,
  context: Held,
): Promise<Ran | undefined> {
  const given = parameters.safeParse(jsonOf(body));
  if (!given.success) return undefined;
  const { query, variables: variableValues, operationName } = given.data;
  const document = documents.get(query);
  const operation = document && getOperationAST(document, operationName)?.operation;
  if (!document || (operation !== OperationTypeNode.QUERY && operation !== OperationTypeNode.MUTATION))
    return undefined;
  const { schema, validate, contextFactory, execute } = yoga.getEnveloped({ ...context, params: given.data });
  if (validate(schema, document).length > 0) return undefined;
  const contextValue = await contextFactory();
  const result = await execute({ schema, document, contextValue, variableValues, operationName });
  return { document, operationName, result };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
