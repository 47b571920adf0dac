/** Where the limits per minute are counted: in this process, or in PostgreSQL or Redis for all processes together. */
import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRedis,
} from 'rate-limiter-flexible';

/** `points` a minute for each key. */
export type RateStore = (name: string, points: number) => RateLimiterAbstract;

const durationSeconds = 60;

export const inMemory: RateStore = (name, points) =>
  new RateLimiterMemory({ keyPrefix: name, points, duration: durationSeconds });

/** While the database does not answer, each process counts for itself. */
export const inPostgres =
  (pool: Pool): RateStore =>
  (name, points) =>
    new RateLimiterPostgres({
      storeClient: pool,
      tableName: 'RateLimit',
      tableCreated: true,
      clearExpiredByTimeout: true,
      keyPrefix: name,
      points,
      duration: durationSeconds,
      // A key over its limit is refused from memory, without asking the database again.
      inMemoryBlockOnConsumed: points + 1,
      insuranceLimiter: inMemory(name, points),
    });

/** While Redis does not answer, each process counts for itself. Installations that share a Redis differ in `prefix`. */
export const inRedis =
  (redis: Redis, prefix: string): RateStore =>
  (name, points) =>
    new RateLimiterRedis({
      storeClient: redis,
      rejectIfRedisNotReady: true,
      keyPrefix: `${prefix}:${name}`,
      points,
      duration: durationSeconds,
      inMemoryBlockOnConsumed: points + 1,
      insuranceLimiter: inMemory(name, points),
    });

/** The fastest store that all processes share. */
export function rateStoreOf(pool: Pool | undefined, redis: Redis | undefined, installation: string): RateStore {
  if (redis !== undefined) return inRedis(redis, `likeness:${installation}`);
  return pool === undefined ? inMemory : inPostgres(pool);
}
