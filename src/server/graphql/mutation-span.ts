/** A span around each mutation: the trace of the jobs that it starts begins here, or continues the caller's own. */
import { type ExecutionResult, Kind, type OperationDefinitionNode } from 'graphql';
import { inServerSpan } from '../../tracing/trace.ts';

/**
 * The name comes from the fields, which the schema bounds, and not from the client's name for the operation. Operations of
 * a WebSocket each begin a trace of their own: the headers of its handshake belong to none of them.
 */
export function inMutationSpan(
  { selectionSet }: OperationDefinitionNode,
  traceparent: string | null,
  run: () => Promise<ExecutionResult>,
): Promise<ExecutionResult> {
  const fields = selectionSet.selections.map((selection) =>
    selection.kind === Kind.FIELD ? selection.name.value : '…',
  );
  const name = `mutation ${[...new Set(fields)].join(' ')}`;
  return inServerSpan(name, traceparent, { 'graphql.operation.type': 'mutation' }, run, errorTypeOf);
}

/** The code of the first error. A refusal that is a member of the result union is data, and no error. */
function errorTypeOf({ errors }: ExecutionResult): string | undefined {
  if (errors?.[0] === undefined) return undefined;
  const { code } = errors[0].extensions;
  return typeof code === 'string' ? code : 'GRAPHQL_ERROR';
}
