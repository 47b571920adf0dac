/**
 * Every operation's way through the server, over any transport: authenticate, count, parse, validate; then
 * prepared-operation.ts coerces the variables, checks the cost, executes, masks errors and reports the outcome. Results
 * of parsing and validation are cached, and no request skips a step.
 */
import {
  type DocumentNode,
  GraphQLError,
  getOperationAST,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import { authenticate } from '../http/authenticate.ts';
import { HttpError } from '../http/http-error.ts';
import type { Allowances } from '../limits/allowances.ts';
import type { Documents } from './documents.ts';
import { toGraphQLError } from './mask.ts';
import {
  type ExecutionParts,
  nameOf,
  type OperationRequest,
  type OperationResult,
  type Transport,
} from './operation.ts';
import type { Caller, CreateContext, OperationContext } from './operation-context.ts';
import { PreparedOperation } from './prepared-operation.ts';

type Parts = ExecutionParts & {
  documents: Documents;
  createContext: CreateContext;
  allowances: Allowances;
};

export class Operations {
  readonly #parts: Parts;

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

  /** Parses and validates. Returns the masked errors of an operation that cannot run. */
  prepare(
    request: OperationRequest,
    context: OperationContext,
    transport: Transport,
  ): PreparedOperation | readonly GraphQLError[] {
    const document = this.#parts.documents.parse(request.query);
    const operation = document instanceof GraphQLError ? null : getOperationAST(document, request.operationName);
    const errors = this.#errorsOf(document, operation, context, transport);
    if (document instanceof GraphQLError || !operation || errors.length > 0) {
      const masked = errors.map(this.#parts.maskError);
      transport.onOutcome({ name: nameOf(request, operation), errors: masked });
      return masked;
    }
    return new PreparedOperation(this.#parts, { document, operation, request, context, transport });
  }

  #errorsOf(
    document: DocumentNode | GraphQLError,
    operation: OperationDefinitionNode | null | undefined,
    { session }: OperationContext,
    { mayMutate }: Transport,
  ): readonly GraphQLError[] {
    if (document instanceof GraphQLError) return [document];
    if (!operation) return [unknownOperation()];
    if (operation.operation === OperationTypeNode.MUTATION && !mayMutate) return [mutationByGet()];
    return this.#parts.documents.validate(document, session?.mayIntrospect === true);
  }
}

const unknownOperation = () =>
  new GraphQLError('Could not determine what operation to execute.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE', http: { status: 400 } },
  });

const mutationByGet = () =>
  new GraphQLError('Can only perform a mutation operation from a POST request.', {
    extensions: { code: 'BAD_REQUEST', http: { status: 405, headers: { allow: 'POST' } } },
  });
