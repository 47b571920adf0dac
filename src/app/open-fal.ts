/** Opens the fal that the settings choose: the real one, or a simulator inside this process. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { lockFolder } from '../database/folder-lock.ts';
import { createFal, type FalOptions } from '../fal/client.ts';
import type { Fal } from '../fal/port.ts';
import { falJwksUrl } from '../fal/webhook/jwks.ts';
import { simulatorKey, startSimulator } from '../fal-simulator/server.ts';
import { isLoopbackHost } from '../runtime/loopback.ts';
import type { Settings } from './config.ts';
import { stablePort } from './stable-port.ts';

export type OpenFal = {
  client: Fal;
  key: string;
  /** Where fal publishes the keys that it signs webhooks with. */
  jwksUrl: string;
  /** Whether fal is on this machine, so that its files have loopback URLs. */
  isLoopback: boolean;
  close(): Promise<void>;
};

export async function openFal(
  settings: Settings,
  { dataDir, log, ...options }: { dataDir: string; log: Logger } & Pick<FalOptions, 'acquireRead' | 'onCall'>,
): Promise<OpenFal> {
  const { key, baseUrl, close } =
    settings.FAL_MODE === 'live'
      ? { key: settings.FAL_KEY ?? '', baseUrl: settings.FAL_BASE_URL, close: () => Promise.resolve() }
      : await openSimulator(settings, dataDir, log);
  const client = createFal({ key, baseUrl, log, ...options });
  return {
    client,
    key,
    // A fal at another base URL signs with its own keys.
    jwksUrl: settings.FAL_JWKS_URL ?? (baseUrl && new URL('/.well-known/jwks.json', baseUrl).href) ?? falJwksUrl,
    isLoopback: baseUrl !== undefined && isLoopbackHost(new URL(baseUrl).hostname),
    async close() {
      try {
        await client.close();
      } finally {
        await close();
      }
    },
  };
}

async function openSimulator(settings: Settings, dataDir: string, log: Logger) {
  const folder = join(dataDir, 'simulated-fal');
  mkdirSync(folder, { recursive: true });
  // Only one server may use the folder. Servers that share a database share one simulator: `npm run simulator` and FAL_BASE_URL.
  const unlock = lockFolder(folder);
  try {
    const simulator = await startSimulator({
      dataDir: folder,
      port: await stablePort(join(dataDir, 'simulated-fal.port')),
      speed: settings.FAL_SIMULATOR_SPEED,
      log: (line) => log.debug(line, 'simulated fal'),
    });
    return {
      key: simulatorKey,
      baseUrl: simulator.url,
      async close() {
        try {
          await simulator.close();
        } finally {
          unlock();
        }
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}
