/** One log line for each HTTP request and each operation of a WebSocket: at debug, or at warn if it failed. Never a variable. */
import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { clip } from '../../database/storable-text.ts';
import type { OperationOutcome } from '../graphql/operation.ts';

/** In characters. */
const maxNameLength = 100;

export class RequestLog {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Writes the line when the answer is sent or the client has left. Returns a function that adds the operation's outcome. */
  watch(response: ServerResponse, path: string): (outcome: OperationOutcome) => void {
    const startedAt = performance.now();
    let outcome: OperationOutcome | undefined;
    response.on('close', () => {
      const answer = {
        method: response.req.method,
        path,
        status: response.statusCode,
        sent: response.writableFinished,
      };
      this.#write(response.statusCode >= 400, answer, outcome, startedAt);
    });
    return (added) => {
      outcome = added;
    };
  }

  /** Starts the clock of one operation of a WebSocket. The returned function writes its line. */
  start(): (outcome: OperationOutcome) => void {
    const startedAt = performance.now();
    return (outcome) => this.#write(false, { transport: 'websocket' }, outcome, startedAt);
  }

  #write(isFailed: boolean, answer: object, outcome: OperationOutcome | undefined, startedAt: number): void {
    const codes = outcome?.errors.map((error) => error.extensions['code'] ?? 'GRAPHQL_ERROR') ?? [];
    const level = isFailed || codes.length > 0 ? 'warn' : 'debug';
    if (!this.#log.isLevelEnabled(level)) return;
    const operation = outcome?.name && clip(outcome.name, maxNameLength);
    const fields = { ...answer, operation, ms: Math.round(performance.now() - startedAt) };
    this.#log[level](codes.length > 0 ? { ...fields, codes } : fields, 'request');
  }
}
