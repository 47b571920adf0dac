/** Writes the events of one operation to its WebSocket, each as a `next` message under the client's own id. */
import { type DrainListener, type FrameWriter, type Payload, toByteString } from '../fanout/frame-writer.ts';
import type { Client } from './client.ts';
import { frameHead } from './frame.ts';
import { clientIdOf } from './operation-ids.ts';

export class SocketFrameWriter implements FrameWriter {
  readonly #client: Client;
  readonly #beginning: string;

  constructor(client: Client, uniqueId: string) {
    this.#client = client;
    this.#beginning = toByteString(`{"id":${JSON.stringify(clientIdOf(uniqueId))},"type":"next","payload":`);
  }

  write(payloads: readonly Payload[], listener: DrainListener): boolean {
    const beginning = this.#beginning;
    let frames = '';
    for (const payload of payloads) {
      frames += `${frameHead(beginning.length + payload.length + 1)}${beginning}${payload}}`;
    }
    return this.#client.write(frames, listener);
  }
}
