/**
 * The one way of an operation through the server, whatever transport brings it: admit, parse, validate, cost, execute,
 * mask, log. Everything that is known of a document is looked up instead of worked out again, and nothing about a
 * request skips a step.
 */
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionResult,
  execute as executeMutation,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import { JobSubscription } from '../../events/job-subscription.ts';
import { type FrameWriter, toByteString } from '../fanout/frame-writer.ts';
import type { SharedSubscriptions } from '../fanout/shared-subscriptions.ts';
import { sharingKeyOf } from '../fanout/sharing-key.ts';
import { authenticate } from '../http/authenticate.ts';
import { HttpError } from '../http/http-error.ts';
import type { Allowances } from '../limits/allowances.ts';
import type { Limits } from '../limits/limits.ts';
import { costOf } from './document-cost.ts';
import { tooCostly } from './document-limits.ts';
import type { Documents } from './documents.ts';
import type { Execute } from './executor/executor.ts';
import { formatResult, type MaskError, toGraphQLError } from './mask.ts';
import { inMutationSpan } from './mutation-span.ts';
import type { Caller, CreateContext, OperationContext } from './operation-context.ts';

/** An operation as a client sends it. */
export type OperationRequest = {
  query: string;
  operationName?: string | null | undefined;
  variables?: Record<string, unknown> | null | undefined;
};

/** What the pipeline needs of the transport. */
export type Transport = {
  /** False for GET, which must not change anything. */
  mayMutate: boolean;
  /** The caller's W3C trace context, which a mutation's span continues. */
  traceparent: string | null;
  /** Writes the events of a shared subscription to the client; undefined where the transport cannot. */
  frameWriter: FrameWriter | undefined;
  /** Runs before a subscription starts. Throwing HttpError refuses it. */
  openStream: () => void;
  /** Takes the outcome for the request log: once, with the result or when a subscription has started or was refused. */
  onOutcome: (outcome: OperationOutcome) => void;
};

export type OperationOutcome = { name: string | undefined; errors: readonly GraphQLError[] };

/**
 * A stream gives one result per event. A shared subscription's gives none, since its events go to the `frameWriter`; it
 * only ends. What a stream throws is not masked yet.
 */
export type OperationResult = ExecutionResult | AsyncIterableIterator<ExecutionResult>;

type Parts = {
  schema: GraphQLSchema;
  documents: Documents;
  execute: Execute;
  createContext: CreateContext;
  limits: Limits;
  allowances: Allowances;
  sharedSubscriptions: SharedSubscriptions;
  maskError: MaskError;
};

type Ready = {
  operation: OperationDefinitionNode;
  request: OperationRequest;
  context: OperationContext;
  transport: Transport;
};

export class Operations {
  readonly #parts: Parts;
  /** The costs of operations without variables. */
  readonly #costs = new WeakMap<OperationDefinitionNode, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Authenticates the caller and counts one operation of the owner. Throws HttpError. */
  async admit(caller: Caller, onOutcome: Transport['onOutcome']): Promise<OperationContext> {
    try {
      const context = await authenticate(this.#parts.createContext, caller);
      if (context.session?.isLimited) await this.#parts.allowances.operation(context.session.ownerId);
      return context;
    } catch (error) {
      if (error instanceof HttpError) onOutcome({ name: undefined, errors: [toGraphQLError(error)] });
      throw error;
    }
  }

  /** Never rejects: every error is in the result, masked. */
  async run(request: OperationRequest, context: OperationContext, transport: Transport): Promise<OperationResult> {
    const prepared = this.prepare(request, context, transport);
    return prepared instanceof PreparedOperation ? await prepared.run() : { errors: prepared };
  }

  /** Parses and validates. Returns the errors of an operation that cannot run. */
  prepare(
    request: OperationRequest,
    context: OperationContext,
    transport: Transport,
  ): PreparedOperation | readonly GraphQLError[] {
    const document = this.#parts.documents.parse(request.query);
    const operation = document instanceof GraphQLError ? null : getOperationAST(document, request.operationName);
    const errors =
      document instanceof GraphQLError ? [document] : this.#errorsOf(document, operation, context, transport);
    if (document instanceof GraphQLError || !operation || errors.length > 0) {
      const masked = errors.map(this.#parts.maskError);
      transport.onOutcome({ name: nameOf(request, operation), errors: masked });
      return masked;
    }
    const ready = { operation, request, context, transport };
    return new PreparedOperation(this.#parts.schema, document, request.operationName ?? null, () =>
      this.#run(document, ready),
    );
  }

  #errorsOf(
    document: DocumentNode,
    operation: OperationDefinitionNode | null | undefined,
    { session }: OperationContext,
    { mayMutate }: Transport,
  ): readonly GraphQLError[] {
    if (!operation) return [unknownOperation()];
    if (operation.operation === OperationTypeNode.MUTATION && !mayMutate) return [mutationByGet()];
    return this.#parts.documents.validate(document, session?.mayIntrospect === true);
  }

  async #run(document: DocumentNode, ready: Ready): Promise<OperationResult> {
    const { operation, request, transport } = ready;
    const result = await this.#execute(document, ready);
    transport.onOutcome({ name: nameOf(request, operation), errors: ('errors' in result && result.errors) || [] });
    return result;
  }

  async #execute(document: DocumentNode, ready: Ready): Promise<OperationResult> {
    const { operation, request, context, transport } = ready;
    const { schema, execute, maskError } = this.#parts;
    const variables = this.#coerceVariables(ready);
    if (Array.isArray(variables)) return { errors: variables.map(maskError) };
    const refusal = this.#refuseCost(document, operation, variables);
    if (refusal !== undefined) return { errors: [refusal] };
    const args = { schema, document, operationName: request.operationName, variableValues: request.variables };
    try {
      switch (operation.operation) {
        case OperationTypeNode.QUERY:
          return this.#mask(await execute({ document, operation, variables, contextValue: context }));
        case OperationTypeNode.MUTATION:
          return await inMutationSpan(operation, transport.traceparent, async () =>
            this.#mask(await executeMutation({ ...args, contextValue: context })),
          );
        case OperationTypeNode.SUBSCRIPTION:
          return await this.#subscribe(document, ready, variables);
      }
    } catch (error) {
      return { errors: [error instanceof HttpError ? toGraphQLError(error) : maskError(error)] };
    }
  }

  async #subscribe(document: DocumentNode, ready: Ready, variables: Record<string, unknown>): Promise<OperationResult> {
    const { operation, request, context, transport } = ready;
    const { schema, execute } = this.#parts;
    transport.openStream();
    const source = await createSourceEventStream({
      schema,
      document,
      operationName: request.operationName,
      variableValues: request.variables,
      contextValue: context,
    });
    if (!(Symbol.asyncIterator in source)) return this.#mask(source);
    const resultOf = async (event: unknown) =>
      this.#mask(await execute({ document, operation, variables, contextValue: context, rootValue: event }));
    return (await this.#share(document, ready, source, resultOf)) ?? eachResult(source, resultOf);
  }

  /** Joins the subscription that other clients share; undefined for a subscription of its own. */
  async #share(
    document: DocumentNode,
    { operation, request, context: { session }, transport: { frameWriter } }: Ready,
    source: AsyncIterable<unknown>,
    resultOf: (event: unknown) => Promise<ExecutionResult>,
  ): Promise<AsyncIterableIterator<never> | undefined> {
    if (!(source instanceof JobSubscription) || session === undefined || frameWriter === undefined) return undefined;
    const sharingKey = sharingKeyOf(this.#parts.schema, document, operation, request);
    if (sharingKey === undefined) return undefined;
    const after = await source.startAfter();
    if (after === undefined) return endedStream();
    return this.#parts.sharedSubscriptions.join(`${source.jobId} ${session.authorizationKey} ${sharingKey}`, after, {
      log: source.asShared(),
      payloadOf: async (event) => toByteString(JSON.stringify(formatResult(await resultOf(event)))),
      frameWriter,
    });
  }

  /** Coerced, or what is wrong with them. */
  #coerceVariables({ operation, request }: Ready): Record<string, unknown> | GraphQLError[] {
    const { variableDefinitions } = operation;
    if (variableDefinitions === undefined || variableDefinitions.length === 0) return noVariables;
    const { coerced, errors } = getVariableValues(this.#parts.schema, variableDefinitions, request.variables ?? {}, {
      maxErrors: 50,
    });
    for (const error of errors ?? []) {
      error.extensions['code'] ??= 'BAD_USER_INPUT';
      error.extensions['http'] ??= { status: 400 };
    }
    return coerced ?? [...(errors ?? [])];
  }

  #refuseCost(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Record<string, unknown>,
  ): GraphQLError | undefined {
    const { schema, limits } = this.#parts;
    const cost = this.#costs.get(operation) ?? costOf({ schema, document, operation, variables });
    if (variables === noVariables) this.#costs.set(operation, cost);
    return cost > limits.documentCost ? tooCostly(cost, limits.documentCost) : undefined;
  }

  #mask(result: ExecutionResult): ExecutionResult {
    return result.errors ? { ...result, errors: result.errors.map(this.#parts.maskError) } : result;
  }
}

/** An operation that is valid and has not run yet. It runs once, and then holds nothing of its request. */
export class PreparedOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | null;
  #run: (() => Promise<OperationResult>) | undefined;

  constructor(
    schema: GraphQLSchema,
    document: DocumentNode,
    operationName: string | null,
    run: () => Promise<OperationResult>,
  ) {
    this.schema = schema;
    this.document = document;
    this.operationName = operationName;
    this.#run = run;
  }

  /** Never rejects: every error is in the result, masked. Throws when it has run before. */
  run(): Promise<OperationResult> {
    const run = this.#run;
    if (run === undefined) throw new Error('The operation has run already.');
    this.#run = undefined;
    return run();
  }
}

const noVariables: Record<string, unknown> = Object.freeze(Object.create(null));

/** The result of each event as it is pulled. Returning it returns the source at once, also while an event is awaited. */
function eachResult(
  source: AsyncIterable<unknown>,
  resultOf: (event: unknown) => Promise<ExecutionResult>,
): AsyncIterableIterator<ExecutionResult> {
  const events = source[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await events.next();
      return done === true ? { done, value: undefined } : { done: false, value: await resultOf(value) };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* endedStream(): AsyncGenerator<never> {}

/** As the client names the operation, or as the document does. Yoga lets any JSON through as `operationName`. */
const nameOf = (
  { operationName }: { operationName?: unknown },
  operation: OperationDefinitionNode | null | undefined,
) => (typeof operationName === 'string' ? operationName : operation?.name?.value);

const unknownOperation = () =>
  new GraphQLError('Could not determine what operation to execute.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE', http: { status: 400 } },
  });

const mutationByGet = () =>
  new GraphQLError('Can only perform a mutation operation from a POST request.', {
    extensions: { code: 'BAD_REQUEST', http: { status: 405, headers: { allow: 'POST' } } },
  });
