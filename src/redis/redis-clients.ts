/**
 * Redis, for several processes: it carries nudges and rate-limit counters, and nothing that must survive. While it is
 * unavailable, nudges arrive late and each process counts for itself.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { within } from '../runtime/timers.ts';

export type RedisClients = {
  /** For commands. While Redis is unavailable they fail at once. */
  commands: Redis;
  /** For channels, which it subscribes to again after a reconnect. */
  listener: Redis;
  close(): void;
};

const pingEveryMs = 5_000;

const options: RedisOptions = {
  connectTimeout: 5_000,
  keepAlive: 10_000,
  // 50 ms, 100 ms … 2 s.
  retryStrategy: (times) => Math.min(50 * times, 2_000),
};

/** Connects in the background, and again whenever the connection is lost. */
export function openRedis(url: string, log: Logger): RedisClients {
  const commands = new Redis(url, {
    ...options,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 1_000,
    enableAutoPipelining: true,
  });
  const listener = new Redis(url, { ...options, maxRetriesPerRequest: null });
  for (const client of [commands, listener]) logOutages(client, log);
  // TCP may take minutes to notice that the other end is gone.
  const pinging = setInterval(() => {
    for (const client of [commands, listener]) void reconnectIfSilent(client);
  }, pingEveryMs).unref();
  return {
    commands,
    listener,
    close() {
      clearInterval(pinging);
      commands.disconnect();
      listener.disconnect();
    },
  };
}

async function reconnectIfSilent(client: Redis): Promise<void> {
  if (client.status !== 'ready') return;
  await within(pingEveryMs / 2, client.ping()).catch(() => client.disconnect(true));
}

/** Logs each outage once when it starts, and once when it ends. */
function logOutages(client: Redis, log: Logger): void {
  let isUnavailable = false;
  client.on('error', (error: Error) => {
    // Only the message: the error holds the command, which may be AUTH with the password.
    if (!isUnavailable) {
      log.warn(
        { reason: error.message },
        'Redis cannot be reached: events of other processes arrive up to two seconds late',
      );
    }
    isUnavailable = true;
  });
  client.on('ready', () => {
    if (isUnavailable) log.info('Redis can be reached again');
    isUnavailable = false;
  });
}
