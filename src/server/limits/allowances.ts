/** How much of the server one owner and one address may take, by the minute and at once. */
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import type { Logger } from 'pino';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { HttpError } from '../http/http-error.ts';
import type { LimitName, ServerSeen } from '../http/metrics-hooks.ts';
import type { Limits } from './limits.ts';
import type { RateStore } from './rate-store.ts';

export class Allowances {
  readonly #limits: Limits;
  readonly #log: Logger;
  readonly #operations: RateLimiterAbstract;
  readonly #requests: RateLimiterAbstract;
  readonly #sockets: Counters;
  readonly #uploads: Counters;
  readonly #onRefused: ServerSeen['onRefused'];

  constructor(limits: Limits, store: RateStore, log: Logger, onRefused: ServerSeen['onRefused']) {
    this.#limits = limits;
    this.#log = log;
    this.#onRefused = onRefused;
    this.#sockets = new Counters(() => onRefused('sockets'));
    this.#uploads = new Counters(() => onRefused('uploads'));
    this.#operations = store('operations', limits.operationsPerMinute);
    this.#requests = store('requests', limits.requestsPerAddress);
  }

  /** One more operation of an owner's. Throws HttpError 429. */
  async operation(ownerId: string): Promise<void> {
    await this.#take(
      'operations',
      this.#operations,
      ownerId,
      `${this.#limits.operationsPerMinute} operations a minute`,
    );
  }

  /** One more request, or socket, of an address, before it is asked who it is. Throws HttpError 429. */
  async request(address: string): Promise<void> {
    await this.#take(
      'requests',
      this.#requests,
      address,
      `${this.#limits.requestsPerAddress} requests a minute from one address`,
    );
  }

  /** A WebSocket or an event stream. Returns how to give it back. Throws HttpError 429. */
  socket(ownerId: string): () => void {
    return this.#sockets.take(ownerId, this.#limits.socketsPerOwner, 'sockets and event streams at a time');
  }

  /** Returns how to give it back. Throws HttpError 429. */
  upload(ownerId: string): () => void {
    return this.#uploads.take(ownerId, this.#limits.uploadsPerOwner, 'uploads at a time');
  }

  async #take(name: LimitName, limiter: RateLimiterAbstract, key: string, what: string): Promise<void> {
    try {
      await limiter.consume(key);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) {
        // A store that is gone is no reason to be gone as well.
        this.#log.warn({ err: error }, 'a budget could not be counted');
        return;
      }
      this.#onRefused(name);
      throw tooMany(`Takes ${what}.`, Math.max(1, Math.ceil(error.msBeforeNext / 1000)));
    }
  }
}

/** Who has how many of something open. */
class Counters {
  readonly #open = new Map<string, number>();
  readonly #onRefused: () => void;

  constructor(onRefused: () => void) {
    this.#onRefused = onRefused;
  }

  take(key: string, most: number, what: string): () => void {
    const open = this.#open.get(key) ?? 0;
    if (open >= most) {
      this.#onRefused();
      throw tooMany(`Takes ${most} ${what}.`, 1);
    }
    this.#open.set(key, open + 1);
    let isBack = false;
    return () => {
      if (isBack) return;
      isBack = true;
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left === 0) this.#open.delete(key);
      else this.#open.set(key, left);
    };
  }
}

const tooMany = (message: string, retryAfterSeconds: number) =>
  new HttpError(429, 'RATE_LIMITED', `${message} Try again in ${retryAfterSeconds} s.`, {
    'retry-after': String(retryAfterSeconds),
  });

/**
 * Who a connection comes from. Behind `trustedProxies` of them it is what the outermost of those wrote in
 * X-Forwarded-For: what stands before that, anybody can write. Of an IPv6 address its /64, which is one customer's.
 */
export function addressOf(request: IncomingMessage, trustedProxies: number): string {
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((hop) => hop.trim())
    .filter((hop) => hop !== '');
  const hops = [...forwarded, request.socket.remoteAddress ?? 'unknown'];
  return networkOf(hops.at(-1 - Math.min(trustedProxies, hops.length - 1)) ?? 'unknown');
}

/** One text for an address, however it is written: IPv4 in IPv6, in capitals, or with a port, as some proxies have it. */
function networkOf(hop: string): string {
  const text = /^\[(.+)\](:\d+)?$/.exec(hop)?.[1] ?? hop.replace(/^([\d.]+):\d+$/, '$1');
  if (!ipaddr.isValid(text)) return hop;
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.toString();
  const network = address.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
