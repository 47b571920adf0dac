/**
 * Many subscribers in a process of their own, on sockets that only count what comes: no client library, whose parsing
 * would be what is measured. It is told over IPC whom to follow, and says there how many messages have come.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventsDocument, operationId } from './document.ts';
import { nowUs } from './memory-log.ts';

export type Way = 'graphql' | 'bare' | 'sse';

export type CrowdOrder =
  | { do: 'follow'; way: Way; port: number; jobs: string[] }
  /** How many have had a message since they came. */
  | { do: 'reached' }
  /** From now on keeps how long each message took; without, the times so far are given and forgotten. */
  | { do: 'time' }
  | { do: 'times' }
  /** One message, as it came. */
  | { do: 'sample' }
  | { do: 'leave' };

/** `times` are pairs of tenths of a millisecond, and how many messages took so long. */
export type CrowdReport =
  | { came: number }
  | { following: number }
  | { reached: number }
  | { times: [number, number][] }
  | { sample: string };

const followers: Follower[] = [];
const unsaid = { came: 0 };
let times: Map<number, number> | undefined;
let sample = '';

const told = Buffer.from('told at ');
const nextEvent = 'event: next\n';

/** A frame as a client sends it, under a mask that changes nothing. */
function frame(opcode: number, text: string): Buffer {
  const body = Buffer.from(text);
  const length = body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), body]);
}

class Follower {
  readonly #socket: Socket;
  readonly #way: Way;
  readonly #subscribe: string;
  #head = '';
  #isOpen = false;
  #isFollowing = false;
  #rest: Buffer | undefined;
  #tail = '';
  isReached = false;
  readonly following: Promise<void>;
  #follow: () => void = () => undefined;

  constructor(way: Way, port: number, job: string, buffer: Buffer) {
    this.#way = way;
    this.following = new Promise((resolve) => {
      this.#follow = resolve;
    });
    const payload = { query: eventsDocument, variables: { jobId: job } };
    this.#subscribe = JSON.stringify({ id: operationId(followers.length), type: 'subscribe', payload });
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
      way === 'sse'
        ? `POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
        : `GET /${way === 'bare' ? job : 'graphql'} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${way === 'graphql' ? 'sec-websocket-protocol: graphql-transport-ws\r\n' : ''}\r\n`;
    this.#socket.write(headers);
  }

  leave(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    if (this.#isOpen) {
      if (this.#way === 'sse') this.#readEvents(bytes);
      else this.#readFrames(bytes);
      return;
    }
    this.#head += bytes.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return;
    this.#isOpen = true;
    if (this.#way === 'graphql') this.#socket.write(frame(1, '{"type":"connection_init"}'));
    else this.#began();
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
    if (this.#way === 'graphql' && !this.#isFollowing) {
      this.#socket.write(frame(1, this.#subscribe));
      this.#began();
      return;
    }
    this.#came(1);
    if (sample === '') sample = bytes.toString('utf8', from, to);
    if (times !== undefined) time(bytes.subarray(from, to), 0);
  }

  #readEvents(bytes: Buffer): void {
    const text = this.#tail + bytes.toString('latin1');
    this.#came(text.split(nextEvent).length - 1);
    this.#tail = text.slice(1 - nextEvent.length);
    if (times === undefined) return;
    for (let at = bytes.indexOf(told); at >= 0; at = bytes.indexOf(told, at + 1)) time(bytes, at);
  }

  #began(): void {
    this.#isFollowing = true;
    this.#follow();
  }

  #came(count: number): void {
    if (count > 0) this.isReached = true;
    unsaid.came += count;
  }
}

/** How long the message took that says from there on when it was told. */
function time(bytes: Buffer, from: number): void {
  const at = bytes.indexOf(told, from) + told.length;
  const toldUs = Number(bytes.toString('latin1', at, at + 15));
  if (Number.isNaN(toldUs) || times === undefined) return;
  const tenths = Math.floor((nowUs() - toldUs) / 100);
  times.set(tenths, (times.get(tenths) ?? 0) + 1);
}

async function follow({ way, port, jobs }: Extract<CrowdOrder, { do: 'follow' }>, buffer: Buffer): Promise<void> {
  for (let n = 0; n < jobs.length; n += 100) {
    const some = jobs.slice(n, n + 100).map((job) => {
      const follower = new Follower(way, port, job, buffer);
      followers.push(follower);
      return follower;
    });
    await Promise.all(some.map(async ({ following }) => following));
  }
}

if (process.argv[1] === import.meta.filename) {
  const report = (said: CrowdReport) => process.send?.(said);
  // One for all: what is read is looked at before anybody reads again.
  const buffer = Buffer.alloc(65_536);
  setInterval(() => {
    if (unsaid.came > 0) report({ came: unsaid.came });
    unsaid.came = 0;
  }, 2);
  process.on('message', (order: CrowdOrder) => {
    if (order.do === 'follow') void follow(order, buffer).then(() => report({ following: followers.length }));
    else if (order.do === 'reached')
      report({ reached: followers.reduce((count, { isReached }) => count + (isReached ? 1 : 0), 0) });
    else if (order.do === 'time') {
      times = new Map();
      report({ times: [] });
    } else if (order.do === 'times') {
      report({ times: [...(times ?? [])] });
      times = undefined;
    } else if (order.do === 'sample') {
      report({ sample });
      sample = '';
    } else {
      for (const follower of followers.splice(0)) follower.leave();
      sample = '';
      report({ following: 0 });
    }
  });
  await once(process, 'disconnect');
  process.exit(0);
}
