/**
 * GraphQL documents: parsed and validated once, then found by their text. This is the one place where a document enters a
 * cache, and the cache is bounded twice: by the number of documents and by the length of each.
 */
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import { createLRUCache } from 'graphql-yoga';
import type { Limits } from '../../runtime/limits.ts';
import { documentRules } from './document-limits.ts';

const maxCachedDocuments = 1_000;
/** In characters. Clients' documents are shorter; a thousand of a megabyte each would be a gigabyte. */
const maxCachedLength = 10_000;

type Validations = WeakMap<DocumentNode, readonly GraphQLError[]>;

export class Documents {
  readonly #schema: GraphQLSchema;
  readonly #maxTokens: number;
  readonly #hasIntrospection: boolean;
  readonly #rules: Record<'everything' | 'noIntrospection', readonly ValidationRule[]>;
  readonly #parsed = createLRUCache<DocumentNode | GraphQLError>({ max: maxCachedDocuments });
  readonly #validations: Record<'everything' | 'noIntrospection', Validations> = {
    everything: new WeakMap(),
    noIntrospection: new WeakMap(),
  };

  constructor(schema: GraphQLSchema, limits: Limits, { hasIntrospection }: { hasIntrospection: boolean }) {
    this.#schema = schema;
    this.#maxTokens = limits.documentTokens;
    this.#hasIntrospection = hasIntrospection;
    const everything = [...specifiedRules, ...documentRules(limits)];
    this.#rules = { everything, noIntrospection: [...everything, NoSchemaIntrospectionCustomRule] };
  }

  /** Returns the syntax error of a text that is no document. The same text gives the same object while it is cached. */
  parse(text: string): DocumentNode | GraphQLError {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    const parsed = this.#parse(text);
    if (text.length <= maxCachedLength) this.#parsed.set(text, parsed);
    return parsed;
  }

  /** The errors of the document; empty if it may run. `mayIntrospect` matters only where introspection is off. */
  validate(document: DocumentNode, mayIntrospect: boolean): readonly GraphQLError[] {
    const policy = this.#hasIntrospection || mayIntrospect ? 'everything' : 'noIntrospection';
    const known = this.#validations[policy].get(document);
    if (known !== undefined) return known;
    // Suggestions would name what introspection hides.
    const options = { hideSuggestions: !this.#hasIntrospection };
    const errors = validate(this.#schema, document, this.#rules[policy], options);
    for (const error of errors) addExtensions(error, 'GRAPHQL_VALIDATION_FAILED');
    this.#validations[policy].set(document, errors);
    return errors;
  }

  #parse(text: string): DocumentNode | GraphQLError {
    try {
      return parse(text, { maxTokens: this.#maxTokens });
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      addExtensions(error, 'GRAPHQL_PARSE_FAILED');
      return error;
    }
  }
}

/** `spec`: as GraphQL over HTTP says, the status is 400 unless the client takes application/json, which gets 200. */
function addExtensions(error: GraphQLError, code: string): void {
  error.extensions['code'] ??= code;
  error.extensions['http'] ??= { spec: true, status: 400 };
}
