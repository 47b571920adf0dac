/**
 * Many subscribers in one process. Their sockets only count messages, because the parsing of a client library would
 * dominate the measurement. The process receives orders over IPC, and reports every 2 ms how many messages have arrived.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { nowUs } from './memory-log.ts';
import { eventsDocument, operationId } from './subscription.ts';

export type Transport = 'graphql' | 'bare' | 'sse';

export type SubscribersOrder =
  | { do: 'subscribe'; transport: Transport; port: number; jobs: string[] }
  /** Counts the subscribers that have received a message. */
  | { do: 'countReached' }
  /** Records the latency of each message from now on. */
  | { do: 'startTiming' }
  /** Reports the recorded latencies and forgets them. */
  | { do: 'stopTiming' }
  /** Reports the first message since the last sample, as it arrived. */
  | { do: 'sample' }
  | { do: 'unsubscribe' };

/** `latencies` are pairs: tenths of a millisecond, and the number of messages that took so long. */
export type SubscribersReport =
  | { received: number }
  | { subscribed: number }
  | { reached: number }
  | { latencies: [number, number][] }
  | { sample: string };

const subscribers: Subscriber[] = [];
let unreported = 0;
let latencies: Map<number, number> | undefined;
let sample = '';

const timeLabel = Buffer.from('sent at ');
const nextEvent = 'event: next\n';

/** A WebSocket frame of a client. The mask is zero, which leaves the bytes as they are. */
function frame(opcode: number, text: string): Buffer {
  const body = Buffer.from(text);
  const length = body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), body]);
}

class Subscriber {
  readonly #socket: Socket;
  readonly #transport: Transport;
  readonly #subscribe: string;
  #head = '';
  #isOpen = false;
  #isSubscribed = false;
  #rest: Buffer | undefined;
  #tail = '';
  isReached = false;
  readonly subscribed: Promise<void>;
  #resolveSubscribed: () => void = () => undefined;

  constructor(transport: Transport, port: number, job: string, buffer: Buffer) {
    this.#transport = transport;
    this.subscribed = new Promise((resolve) => {
      this.#resolveSubscribed = resolve;
    });
    const payload = { query: eventsDocument, variables: { jobId: job } };
    this.#subscribe = JSON.stringify({ id: operationId(subscribers.length), type: 'subscribe', payload });
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer,
        callback: (count, bytes) => {
          this.#read(Buffer.from(bytes.buffer, bytes.byteOffset, count));
          return true;
        },
      },
    });
    this.#socket.on('error', () => undefined);
    const body = JSON.stringify(payload);
    const headers =
      transport === 'sse'
        ? `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
        : `GET /${transport === 'bare' ? job : 'graphql'} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${transport === 'graphql' ? 'sec-websocket-protocol: graphql-transport-ws\r\n' : ''}\r\n`;
    this.#socket.write(headers);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    if (this.#isOpen) {
      if (this.#transport === 'sse') this.#readEvents(bytes);
      else this.#readFrames(bytes);
      return;
    }
    this.#head += bytes.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return;
    this.#isOpen = true;
    if (this.#transport === 'graphql') this.#socket.write(frame(1, '{"type":"connection_init"}'));
    else this.#markSubscribed();
    const rest = Buffer.from(this.#head.slice(end + 4), 'latin1');
    this.#head = '';
    if (rest.length > 0) this.#read(rest);
  }

  #readFrames(read: Buffer): void {
    const bytes = this.#rest === undefined ? read : Buffer.concat([this.#rest, read]);
    let at = 0;
    while (at + 4 <= bytes.length) {
      const short = (bytes[at + 1] ?? 0) & 127;
      const head = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (at + head > bytes.length) break;
      const size =
        short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short;
      const end = at + head + size;
      if (end > bytes.length) break;
      const opcode = (bytes[at] ?? 0) & 15;
      if (opcode === 9) this.#socket.write(frame(10, ''));
      else if (opcode === 1) this.#message(bytes, at + head, end);
      at = end;
    }
    this.#rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : undefined;
  }

  #message(bytes: Buffer, from: number, to: number): void {
    if (this.#transport === 'graphql' && !this.#isSubscribed) {
      this.#socket.write(frame(1, this.#subscribe));
      this.#markSubscribed();
      return;
    }
    this.#count(1);
    if (sample === '') sample = bytes.toString('utf8', from, to);
    if (latencies !== undefined) recordLatency(bytes.subarray(from, to), 0);
  }

  #readEvents(bytes: Buffer): void {
    const text = this.#tail + bytes.toString('latin1');
    this.#count(text.split(nextEvent).length - 1);
    this.#tail = text.slice(1 - nextEvent.length);
    if (latencies === undefined) return;
    for (let at = bytes.indexOf(timeLabel); at >= 0; at = bytes.indexOf(timeLabel, at + 1)) recordLatency(bytes, at);
  }

  #markSubscribed(): void {
    this.#isSubscribed = true;
    this.#resolveSubscribed();
  }

  #count(count: number): void {
    if (count > 0) this.isReached = true;
    unreported += count;
  }
}

/** Records the latency of the first message that has its sending time at or after the offset `from`. */
function recordLatency(bytes: Buffer, from: number): void {
  const at = bytes.indexOf(timeLabel, from) + timeLabel.length;
  const sentUs = Number(bytes.toString('latin1', at, at + 15));
  if (Number.isNaN(sentUs) || latencies === undefined) return;
  const tenths = Math.floor((nowUs() - sentUs) / 100);
  latencies.set(tenths, (latencies.get(tenths) ?? 0) + 1);
}

/** Opens the subscriptions, 100 at a time. */
async function subscribe(
  { transport, port, jobs }: Extract<SubscribersOrder, { do: 'subscribe' }>,
  buffer: Buffer,
): Promise<void> {
  for (let n = 0; n < jobs.length; n += 100) {
    const batch = jobs.slice(n, n + 100).map((job) => {
      const subscriber = new Subscriber(transport, port, job, buffer);
      subscribers.push(subscriber);
      return subscriber;
    });
    await Promise.all(batch.map(async ({ subscribed }) => subscribed));
  }
}

if (process.argv[1] === import.meta.filename) {
  const send = (report: SubscribersReport) => process.send?.(report);
  // All sockets share one buffer: a read is processed before the next one begins.
  const buffer = Buffer.alloc(65_536);
  setInterval(() => {
    if (unreported > 0) send({ received: unreported });
    unreported = 0;
  }, 2);
  process.on('message', (order: SubscribersOrder) => {
    if (order.do === 'subscribe') void subscribe(order, buffer).then(() => send({ subscribed: subscribers.length }));
    else if (order.do === 'countReached') send({ reached: subscribers.filter(({ isReached }) => isReached).length });
    else if (order.do === 'startTiming') {
      latencies = new Map();
      send({ latencies: [] });
    } else if (order.do === 'stopTiming') {
      send({ latencies: [...(latencies ?? [])] });
      latencies = undefined;
    } else if (order.do === 'sample') {
      send({ sample });
      sample = '';
    } else {
      for (const subscriber of subscribers.splice(0)) subscriber.close();
      sample = '';
      send({ subscribed: 0 });
    }
  });
  await once(process, 'disconnect');
  process.exit(0);
}
