/** An operation's types on its way through the server: the request, its transport, its outcome and its result. */
import type { DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, OperationDefinitionNode } from 'graphql';
import type { FrameWriter } from '../fanout/frame-writer.ts';
import type { SharedSubscriptions } from '../fanout/shared-subscriptions.ts';
import type { Execute } from './executor/executor.ts';
import type { MaskError } from './mask.ts';
import type { OperationContext } from './operation-context.ts';

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
  /** Receives the outcome for the request log, once: with the result, or when a subscription has started or failed to. */
  onOutcome: (outcome: OperationOutcome) => void;
};

export type OperationOutcome = { name: string | undefined; errors: readonly GraphQLError[] };

/**
 * A stream yields one result per event. A shared subscription's stream yields none, since its events go to the
 * `frameWriter`; it only ends. An error that a stream throws is not masked yet.
 */
export type OperationResult = ExecutionResult | AsyncIterableIterator<ExecutionResult>;

/** An operation that passed validation, with its request's own context and transport. */
export type ValidOperation = {
  document: DocumentNode;
  operation: OperationDefinitionNode;
  request: OperationRequest;
  context: OperationContext;
  transport: Transport;
};

/** The parts of the server that execute operations. */
export type ExecutionParts = {
  schema: GraphQLSchema;
  execute: Execute;
  sharedSubscriptions: SharedSubscriptions;
  maskError: MaskError;
  /** The highest cost that an operation may have. */
  limits: { documentCost: number };
};

/** The client's name for the operation, or else the document's. Yoga accepts any JSON as `operationName`. */
export const nameOf = (
  { operationName }: { operationName?: unknown },
  operation: OperationDefinitionNode | null | undefined,
) => (typeof operationName === 'string' ? operationName : operation?.name?.value);
