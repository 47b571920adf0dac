/**
 * The request that nearly all are: JSON in, JSON out, a document that was sent before. It goes past Yoga's own HTTP, whose
 * Request, Response and negotiation cost as much as all the rest of a small query; a query also past Yoga's plugins, what
 * they look at being known of its document.
 */
import type { IncomingMessage } from 'node:http';
import {
  type DocumentNode,
  type ExecutionResult,
  getOperationAST,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import { z } from 'zod';
import type { RequestContext } from '../http/caller.ts';
import type { Limits } from '../limits/limits.ts';
import { refusalOfCost } from './document-limits.ts';
import type { Queries } from './execution/queries.ts';
import type { MaskError } from './mask.ts';
import { type Documents, graphqlPath, type Yoga } from './yoga.ts';

const parameters = z.strictObject({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
});
type Parameters = z.infer<typeof parameters>;

/** Whether the client is content with plain JSON, and sends it. Whoever asks for more is Yoga's to answer, as one that brings a trace. */
export const isPlain = ({ method, url, headers: { accept, traceparent, 'content-type': type } }: IncomingMessage) =>
  method === 'POST' &&
  url === graphqlPath &&
  traceparent === undefined &&
  type?.startsWith('application/json') === true &&
  (accept === undefined || accept === '*/*' || accept === 'application/json');

export type Ran = { document: DocumentNode; operationName: string | null | undefined; result: ExecutionResult };

export class PlainOperations {
  readonly #yoga: Yoga;
  readonly #documents: Documents;
  readonly #queries: Queries;
  readonly #limits: Limits;
  readonly #maskError: MaskError;
  /** Documents that are valid for sessions that may ask what the schema holds, and for others. */
  readonly #valid = { true: new WeakSet<DocumentNode>(), false: new WeakSet<DocumentNode>() };
  /** Operations without a variable that could make them cost more. */
  readonly #affordable = new WeakSet<OperationDefinitionNode>();

  constructor(options: {
    yoga: Yoga;
    documents: Documents;
    queries: Queries;
    limits: Limits;
    maskError: MaskError;
  }) {
    this.#yoga = options.yoga;
    this.#documents = options.documents;
    this.#queries = options.queries;
    this.#limits = options.limits;
    this.#maskError = options.maskError;
  }

  /** Undefined, with nothing run, for what is not plain and for whatever is wrong before it runs: Yoga says what. */
  async run(body: string, context: RequestContext): Promise<Ran | undefined> {
    const given = parametersOf(body);
    const document = given && this.#documents.get(given.query);
    if (given === undefined || document === undefined) return undefined;
    const { operationName } = given;
    const query = this.#queries.queryOf({ document, operationName });
    const result =
      query === undefined
        ? await this.#runMutation(document, given, context)
        : await this.#runQuery(query, document, given, context);
    return result && { document, operationName, result };
  }

  async #runMutation(
    document: DocumentNode,
    given: Parameters,
    context: RequestContext,
  ): Promise<ExecutionResult | undefined> {
    const { variables: variableValues, operationName } = given;
    if (getOperationAST(document, operationName)?.operation !== OperationTypeNode.MUTATION) return undefined;
    const { schema, validate, contextFactory, execute } = this.#yoga.getEnveloped({ ...context, params: given });
    if (validate(schema, document).length > 0) return undefined;
    const contextValue = await contextFactory();
    return await execute({ schema, document, contextValue, variableValues, operationName });
  }

  async #runQuery(
    query: OperationDefinitionNode,
    document: DocumentNode,
    given: Parameters,
    context: RequestContext,
  ): Promise<ExecutionResult | undefined> {
    if (!this.#isValid(document, given, context) || !this.#isAffordable(query, document, given)) return undefined;
    const args = {
      schema: this.#queries.schema,
      document,
      contextValue: { ...context },
      variableValues: given.variables,
    };
    const result = await this.#queries.execute(query, args);
    return result?.errors ? { ...result, errors: result.errors.map(this.#maskError) } : result;
  }

  #isValid(document: DocumentNode, params: Parameters, context: RequestContext): boolean {
    const known = this.#valid[`${context.session?.mayIntrospect === true}`];
    if (known.has(document)) return true;
    const { schema, validate } = this.#yoga.getEnveloped({ ...context, params });
    if (validate(schema, document).length > 0) return false;
    known.add(document);
    return true;
  }

  #isAffordable(query: OperationDefinitionNode, document: DocumentNode, given: Parameters): boolean {
    if (this.#affordable.has(query)) return true;
    const { variables: variableValues, operationName } = given;
    const { schema } = this.#queries;
    if (refusalOfCost({ schema, document, operationName, variableValues }, this.#limits) !== null) return false;
    if (!query.variableDefinitions?.length) this.#affordable.add(query);
    return true;
  }
}

/** Of a body that is nothing but a request of GraphQL's. */
export const parametersOf = (body: string): Parameters | undefined => parameters.safeParse(jsonOf(body)).data;

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
