/** A loopback port that stays the same over restarts. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';

/**
 * The port that the file names, when it is free: URLs that were given out with it go on working. Otherwise another that
 * is free, which the file then names.
 */
export async function sameFreePort(file: string): Promise<number> {
  const before = Number(await readFile(file, 'utf8').catch(() => '0'));
  const port = await freePort(before).catch(() => freePort(0));
  await writeFile(file, String(port));
  return port;
}

async function freePort(wished: number): Promise<number> {
  const server = createServer().listen(wished, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
