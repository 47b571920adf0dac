/** Each mutation is a span: where the trace of the job that it starts begins, or goes on from the caller's own. */
import { type ExecutionArgs, getOperationAST, Kind, OperationTypeNode } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { inServerSpan } from '../../tracing/trace.ts';

/**
 * Named by the fields that are asked for, which the schema bounds, and not by what the client calls it. A socket's
 * operations each begin a trace: the header of its handshake is not of any of them.
 */
export function useMutationSpans(): Plugin {
  return {
    onExecute({ executeFn, setExecuteFn }) {
      setExecuteFn((args: ExecutionArgs) => {
        const operation = getOperationAST(args.document, args.operationName);
        if (operation?.operation !== OperationTypeNode.MUTATION) return executeFn(args);
        const fields = operation.selectionSet.selections.map((at) => (at.kind === Kind.FIELD ? at.name.value : '…'));
        const { request } = (args.contextValue ?? {}) as { request?: Request };
        return inServerSpan(
          `mutation ${[...new Set(fields)].join(' ')}`,
          request?.headers.get('traceparent') ?? null,
          { 'graphql.operation.type': 'mutation' },
          async () => (await executeFn(args)) as unknown,
          problemOf,
        );
      });
    },
  };
}

/** The code of the first error. A refusal that the schema foresees is an answer, and none. */
function problemOf(result: unknown): string | undefined {
  if (isAsyncIterable(result)) return undefined;
  const { errors } = (result ?? {}) as { errors?: readonly { extensions?: { code?: unknown } }[] };
  if (errors?.[0] === undefined) return undefined;
  const code = errors[0].extensions?.code;
  return typeof code === 'string' ? code : 'GRAPHQL_ERROR';
}
