/** The limits per owner and per address: how many per minute, and how many at once. */
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import type { Logger } from 'pino';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { Limits } from '../../runtime/limits.ts';
import { HttpError } from '../http/http-error.ts';
import type { LimitName, ServerMetrics } from '../http/metrics-hooks.ts';
import type { RateStore } from './rate-store.ts';

export class Allowances {
  readonly #limits: Limits;
  readonly #log: Logger;
  readonly #operations: RateLimiterAbstract;
  readonly #requests: RateLimiterAbstract;
  readonly #sockets: Counters;
  readonly #uploads: Counters;
  readonly #onRefused: ServerMetrics['onRefused'];

  constructor(limits: Limits, store: RateStore, log: Logger, { onRefused }: ServerMetrics) {
    this.#limits = limits;
    this.#log = log;
    this.#onRefused = onRefused;
    this.#sockets = new Counters(() => onRefused('sockets'));
    this.#uploads = new Counters(() => onRefused('uploads'));
    this.#operations = store('operations', limits.operationsPerMinute);
    this.#requests = store('requests', limits.requestsPerAddress);
  }

  /** Counts one operation of the owner. Throws HttpError 429. */
  async operation(ownerId: string): Promise<void> {
    await this.#consume(
      'operations',
      this.#operations,
      ownerId,
      `${this.#limits.operationsPerMinute} operations a minute`,
    );
  }

  /** Counts one request or WebSocket of the address, before its caller is authenticated. Throws HttpError 429. */
  async request(address: string): Promise<void> {
    await this.#consume(
      'requests',
      this.#requests,
      address,
      `${this.#limits.requestsPerAddress} requests a minute from one address`,
    );
  }

  /** Counts an open WebSocket or event stream of the owner. Returns a function that releases it. Throws HttpError 429. */
  socket(ownerId: string): () => void {
    return this.#sockets.take(ownerId, this.#limits.socketsPerOwner, 'sockets and event streams at a time');
  }

  /** Counts an upload of the owner. Returns a function that releases it. Throws HttpError 429. */
  upload(ownerId: string): () => void {
    return this.#uploads.take(ownerId, this.#limits.uploadsPerOwner, 'uploads at a time');
  }

  async #consume(name: LimitName, limiter: RateLimiterAbstract, key: string, what: string): Promise<void> {
    try {
      await limiter.consume(key);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) {
        // Without its store the limit is not applied: the server goes on.
        this.#log.warn({ err: error }, 'a rate limit could not be counted');
        return;
      }
      this.#onRefused(name);
      throw tooMany(`Takes ${what}.`, Math.max(1, Math.ceil(error.msBeforeNext / 1000)));
    }
  }
}

/** How many of something each key has open. */
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
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
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
 * The address of the client. Behind `trustedProxies` proxies it is the entry of X-Forwarded-For that the outermost of them
 * wrote; entries before that can be forged. An IPv6 address is cut to its /64, which belongs to one customer.
 */
export function addressOf(request: IncomingMessage, trustedProxies: number): string {
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((hop) => hop.trim())
    .filter((hop) => hop !== '');
  const hops = [...forwarded, request.socket.remoteAddress ?? 'unknown'];
  return networkOf(hops.at(-1 - Math.min(trustedProxies, hops.length - 1)) ?? 'unknown');
}

/** Normalises an address: IPv4 in IPv6, capitals, and the port that some proxies add. */
function networkOf(hop: string): string {
  const text = /^\[(.+)\](:\d+)?$/.exec(hop)?.[1] ?? hop.replace(/^([\d.]+):\d+$/, '$1');
  if (!ipaddr.isValid(text)) return hop;
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.toString();
  const network = address.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
