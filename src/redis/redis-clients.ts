/**
 * Redis, where several processes have one: it carries nudges and counts minutes, and holds nothing that must be kept. While
 * it is gone, nudges come late and each process counts for itself.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import { within } from '../runtime/timers.ts';

export type RedisClients = {
  /** For commands. While Redis is gone they fail at once. */
  commands: Redis;
  /** For what it listens to, which it takes up again by itself. */
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
  for (const client of [commands, listener]) tellOutages(client, log);
  // Of a connection whose other end is gone without a word, nothing is heard for as long as TCP takes to notice.
  const pinging = setInterval(() => {
    for (const client of [commands, listener]) void reconnectIfMute(client);
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

async function reconnectIfMute(client: Redis): Promise<void> {
  if (client.status !== 'ready') return;
  await within(pingEveryMs / 2, client.ping()).catch(() => client.disconnect(true));
}

/** Once for each outage, and at its end. */
function tellOutages(client: Redis, log: Logger): void {
  let isAway = false;
  client.on('error', (error: Error) => {
    // Not the error whole: it holds the command, and that may be AUTH with the password.
    if (!isAway) {
      log.warn({ reason: error.message }, 'Redis cannot be reached: other processes hear of events two seconds late');
    }
    isAway = true;
  });
  client.on('ready', () => {
    if (isAway) log.info('Redis is back');
    isAway = false;
  });
}
