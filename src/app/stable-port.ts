/** A loopback port that stays the same across restarts. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';

/**
 * Returns the port that the file names if it is free, so that URLs from before a restart keep working. Otherwise returns
 * another free port and writes it to the file.
 */
export async function stablePort(file: string): Promise<number> {
  const before = Number(await readFile(file, 'utf8').catch(() => '0'));
  const port = await freePort(before).catch(() => freePort(0));
  await writeFile(file, String(port));
  return port;
}

/** Throws when the port is taken; 0 takes any free one. */
async function freePort(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return free;
}
