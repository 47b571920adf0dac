/** Where the answers of one operation go: to its client, each as a message under the client's own id. */
import type { Client } from './client.ts';
import { bytesOf, frameHead } from './frame.ts';
import { clientIdOf } from './operation-ids.ts';
import type { Taker } from './socket.ts';

export class FrameWriter {
  readonly #client: Client;
  readonly #beginning: string;

  /** `inner` is the operation's id here. */
  constructor(client: Client, inner: string) {
    this.#client = client;
    this.#beginning = bytesOf(`{"id":${JSON.stringify(clientIdOf(inner))},"type":"next","payload":`);
  }

  send(answers: readonly string[], taker: Taker): boolean {
    const beginning = this.#beginning;
    let frames = '';
    for (const answer of answers) frames += `${frameHead(beginning.length + answer.length + 1)}${beginning}${answer}}`;
    return this.#client.write(frames, taker);
  }
}
