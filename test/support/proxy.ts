/** A TCP proxy in front of PostgreSQL that a test can cut: every connection breaks, and none is taken until it is mended. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Proxy = { url: string; cut(): Promise<void>; mend(): Promise<void>; close(): Promise<void> };

/** `target` is a PostgreSQL URL, with a socket's folder as its `host` parameter or a host and port of its own. */
export async function openProxy(target: string): Promise<Proxy> {
  const url = new URL(target);
  const folder = url.searchParams.get('host');
  const port = Number(url.port || 5432);
  const onward = () => (folder === null ? connect(port, url.hostname) : connect(`${folder}/.s.PGSQL.${port}`));
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = onward();
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        database.destroy();
      });
    }
    client.pipe(database).pipe(client);
  });
  const listen = async (at: number) => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const own = await listen(0);
  const cut = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  url.searchParams.delete('host');
  url.hostname = '127.0.0.1';
  url.port = String(own);
  return {
    url: url.href,
    cut,
    async mend() {
      await listen(own);
    },
    close: cut,
  };
}
