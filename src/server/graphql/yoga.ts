/** GraphQL over HTTP and its answers' formats, JSON and server-sent events. What travels to it and from it is ours. */
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  validate,
} from 'graphql';
import { createLRUCache, createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { RequestContext } from '../http/caller.ts';
import type { RequestLog } from '../http/request-log.ts';
import type { Limits } from '../limits/limits.ts';
import { useDocumentLimits } from './document-limits.ts';
import type { Queries } from './execution/queries.ts';
import { type MaskError, unexpectedMessage } from './mask.ts';
import { useMutationSpans } from './mutation-span.ts';

export const graphqlPath = '/graphql';

/** What a request brings along beside the context of its operation: the operation itself when it came with files, and its result when it was run already. */
export type Carried = { operations?: object; result?: ExecutionResult };

export type Yoga = YogaServerInstance<Carried, object>;

export function createYogaServer(options: {
  schema: GraphQLSchema;
  limits: Limits;
  maskError: MaskError;
  requestLog: RequestLog;
  /** If not, only a session that may. */
  hasIntrospection: boolean;
  documents: Documents;
  queries: Queries;
}): Yoga {
  return createYoga<Carried, object>({
    schema: options.schema,
    graphqlEndpoint: graphqlPath,
    maskedErrors: { maskError: options.maskError, errorMessage: unexpectedMessage, isDev: false },
    plugins: [
      useReceivedOperations(),
      useResult(),
      useDocumentLimits(options.limits),
      ...(options.hasIntrospection ? [] : [useIntrospectionBySession()]),
      options.requestLog.plugin,
      useQueries(options.queries),
      useMutationSpans(),
    ],
    parserAndValidationCache: { documentCache: options.documents, errorCache: cacheOfShort() },
    batching: false,
    cors: false,
    // Ours: errors are logged where they are masked, bodies are bounded before they get here (Yoga's own limit costs
    // four fifths of the throughput on Node 20), uploads go to disk and GraphiQL needs no other network.
    logging: false,
    maxRequestBodySize: false,
    multipart: false,
    graphiql: false,
    landingPage: false,
  });
}

/** Those that could be parsed, by their texts. */
export type Documents = ReturnType<typeof cacheOfShort<DocumentNode>>;

export const openDocuments = (): Documents => cacheOfShort<DocumentNode>();

/** The last thousand by their texts, but for such as no client sends a thousand of: a megabyte each is a gigabyte. */
function cacheOfShort<Value extends object>() {
  const cache = createLRUCache<Value>();
  return {
    get: (text: string) => cache.get(text),
    set: (text: string, value: Value) => {
      if (text.length <= 10_000) cache.set(text, value);
    },
  };
}

/** `__schema` and `__type` for those only whose session may; for nobody a hint at what else there is. */
function useIntrospectionBySession(): Plugin<RequestContext> {
  return {
    onValidate({ context, addValidationRule, setValidationFn }) {
      setValidationFn((schema, document, rules) => validate(schema, document, rules, { hideSuggestions: true }));
      if (context.session?.mayIntrospect !== true) addValidationRule(NoSchemaIntrospectionCustomRule);
    },
  };
}

/** What is no query is left to Yoga, and so is one with wrong variables, which Yoga has a status for. */
function useQueries(queries: Queries): Plugin {
  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      const query = queries.queryOf(args);
      if (query === undefined) return;
      setExecuteFn((given: ExecutionArgs) => queries.execute(query, given) ?? executeFn(given));
    },
  };
}

/** See plain.ts. */
function useResult(): Plugin<object, Carried> {
  return {
    onParams({ context, setResult }) {
      const { result } = context;
      if (result !== undefined) setResult(result);
    },
  };
}

/** A request with files was read before it got here: its body is on disk, and its operation in the context. */
function useReceivedOperations(): Plugin<object, Carried> {
  return {
    onRequestParse({ serverContext, setRequestParser }) {
      const { operations } = serverContext;
      if (operations !== undefined) setRequestParser(() => operations);
    },
  };
}
