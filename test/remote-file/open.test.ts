import { createPrivateKey, X509Certificate } from 'node:crypto';
import { getEventListeners, once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, createServer as createRawServer, type LookupFunction, Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as secure } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type OutsideOptions, openOutside, Unreadable } from '../../src/remote-file/open.ts';
import { assertPublicUrl, isPublicAddress, NotPublic } from '../../src/remote-file/ssrf-guard.ts';

vi.mock('node:net', async (original) => {
  const net = await original<typeof import('node:net')>();
  return { ...net, connect: vi.fn<typeof net.connect>(net.connect) };
});
vi.mock('node:tls', async (original) => {
  const tls = await original<typeof import('node:tls')>();
  return { ...tls, connect: vi.fn<typeof tls.connect>(tls.connect) };
});
const { connect: connectReally } = await vi.importActual<typeof import('node:net')>('node:net');
const { connect: secureReally } = await vi.importActual<typeof import('node:tls')>('node:tls');

const servers: Server[] = [];
const sockets = new Set<Socket>();

beforeEach(() => {
  vi.mocked(connect).mockReset().mockImplementation(connectReally);
  vi.mocked(secure).mockReset().mockImplementation(secureReally);
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map(async (server) => new Promise((resolve) => server.close(resolve))));
});

describe('a URL is rejected by its text', () => {
  it.each([
    // Loopback
    'https://127.0.0.1/',
    'https://127.0.0.1./',
    'https://127.0.0.1../',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.0.0.1/',
    'https://0177.0.0.1/',
    'https://017700000001/',
    'https://127.255.255.254/',
    'https://①②⑦.0.0.1/',
    'https://127%2e0.0.1/',
    'https://[::1]/',
    'https://[0:0:0:0:0:0:0:1]/',
    // Private, link-local, CGNAT, unspecified, multicast, reserved
    'https://10.1.2.3/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.168.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://0xa9fea9fe/',
    'https://100.64.0.1/',
    'https://100.100.100.200/',
    'https://0.0.0.0/',
    'https://0/',
    'https://0.1.2.3/',
    'https://224.0.0.1/',
    'https://240.0.0.1/',
    'https://255.255.255.255/',
    'https://192.0.0.8/',
    'https://192.0.2.1/',
    'https://192.88.99.1/',
    'https://198.18.0.1/',
    'https://203.0.113.9/',
    'https://[::]/',
    'https://[fe80::1]/',
    'https://[fec0::1]/',
    'https://[fc00::1]/',
    'https://[fd00:ec2::254]/',
    'https://[ff02::1]/',
    'https://[100::1]/',
    'https://[2001:db8::1]/',
    'https://[3fff::1]/',
    // IPv4 within IPv6
    'https://[::127.0.0.1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::ffff:0:10.0.0.1]/',
    'https://[64:ff9b::10.0.0.1]/',
    'https://[64:ff9b:1::10.0.0.1]/',
    'https://[2002:7f00:1::]/',
    'https://[2001:0:7f00:1::]/',
    'https://[2606:4700::5efe:10.0.0.1]/',
    'https://[2606:4700::200:5efe:10.0.0.1]/',
    // Names
    'https://localhost/',
    'https://LOCALHOST./',
    'https://a.localhost/',
    'https://a.localhost../',
    'https://printer.local/',
    'https://printer.local./',
    'https://metadata.google.internal/',
    'https://metadata.google.internal./',
    'https://router.home.arpa/',
    'https://home.arpa/',
    'https://router/',
    'https://router./',
    'https://2130706433../',
    'https://a..example.com/',
    'https://a$b.example.com/',
  ])('%s', async (text) => {
    const url = new URL(text);
    expect(() => assertPublicUrl(url, { allowLoopback: false })).toThrow(NotPublic);
    const lookup = lookupOf(['1.1.1.1']);
    expect(await failure(openOutside(url, { ...limits, allowLoopback: false, lookup }))).toBeInstanceOf(NotPublic);
    expect(lookup).not.toHaveBeenCalled();
    expect(connect).not.toHaveBeenCalled();
  });

  it.each([
    ['http://example.com/', 'Only https is taken, not http.'],
    ['ftp://example.com/', 'Only https is taken, not ftp.'],
    ['file:///etc/passwd', 'Only https is taken, not file.'],
    ['data:text/plain,a', 'Only https is taken, not data.'],
    ['https://example.com:8443/', 'Only the port 443 of https is taken, not 8443.'],
    ['https://example.com:22/', 'Only the port 443 of https is taken, not 22.'],
    ['https://ada@example.com/', 'A URL with a user name or a password in it is not taken.'],
    ['https://:secret@example.com/', 'A URL with a user name or a password in it is not taken.'],
    ['https://10.0.0.1/?token=secret', '10.0.0.1 is not a public address.'],
    ['https://router/?token=secret', '"router" is not a public host name.'],
  ])('%s: %s', (url, message) => {
    for (const allowLoopback of [false, true]) {
      expect(() => assertPublicUrl(new URL(url), { allowLoopback })).toThrow(new NotPublic(message));
    }
  });

  it.each([
    'https://example.com/a.zip?b#c',
    'https://example.com:443/',
    'https://example.com./',
    'https://EXAMPLE.com/',
    'https://bücher.example.com/',
    'https://a_b.1.example.xn--p1ai/',
    'https://notlocalhost.com/',
    'https://internal.example.com/',
    'https://1.1.1.1/',
    'https://0x01010101/',
    'https://172.32.0.1/',
    'https://[2606:4700::1111]/',
    'https://[2606:4700::5efe:1.1.1.1]/',
  ])('but not %s', (url) => {
    expect(() => assertPublicUrl(new URL(url), { allowLoopback: false })).not.toThrow();
  });
});

describe('with loopback allowed', () => {
  it.each([
    'http://127.0.0.1:4000/',
    'https://127.0.0.1:4000/',
    'http://127.9.9.9/',
    'http://[::1]:4000/',
    'http://localhost:4000/',
    'http://fal.localhost./',
    'https://example.com/',
  ])('%s is accepted', (url) => {
    expect(() => assertPublicUrl(new URL(url), { allowLoopback: true })).not.toThrow();
  });

  it.each([
    'http://0.0.0.0:4000/',
    'http://10.0.0.1/',
    'https://10.0.0.1/',
    'https://[::ffff:127.0.0.1]/',
    'http://example.com/',
    'http://localhost.example.com/',
    'http://ada@127.0.0.1:4000/',
    'ftp://localhost/',
    'https://printer.local/',
  ])('%s is rejected', (url) => {
    expect(() => assertPublicUrl(new URL(url), { allowLoopback: true })).toThrow(NotPublic);
  });
});

it.each([
  ['1.1.1.1', true],
  ['2606:4700::1111', true],
  ['10.0.0.1', false],
  ['fe80::1%eth0', false],
  ['::ffff:1.1.1.1', false],
  ['4000::1', false],
  ['example.com', false],
  ['0x01010101', false],
  ['01.1.1.1', false],
  ['[2606:4700::1111]', false],
  ['', false],
])('%j is a public address: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

describe('DNS', () => {
  const url = new URL('https://files.example.com/a.zip');

  it.each([
    [['1.1.1.1', '10.0.0.1']],
    [['10.0.0.1', '1.1.1.1']],
    [['2606:4700::1111', 'fd00::1', '1.1.1.1']],
    [['1.1.1.1', '::ffff:127.0.0.1']],
    [['1.1.1.1', '64:ff9b::a00:1']],
    [['127.0.0.1']],
  ])('that answers %j leads to no connection', async (addresses) => {
    const error = await failure(openOutside(url, { ...limits, lookup: lookupOf(addresses) }));
    expect(error).toEqual(new NotPublic('"files.example.com" leads to an address that is not public.'));
    expect(connect).not.toHaveBeenCalled();
  });

  it('that answers with a single address is checked too', async () => {
    const lookup: LookupFunction = (_host, _options, callback) => callback(null, '10.0.0.1', 4);
    expect(await failure(openOutside(url, { ...limits, lookup }))).toBeInstanceOf(NotPublic);
  });

  it('may lead a loopback name to loopback addresses only', async () => {
    const at = await serve((_request, response) => response.end('here'));
    const named = new URL(`http://fal.localhost:${at.port}/`);
    const { body } = await openOutside(named, { ...limits, lookup: lookupOf(['127.0.0.1']) });
    expect(String(await buffer(body))).toBe('here');
    for (const address of ['10.0.0.1', '1.1.1.1']) {
      const error = await failure(openOutside(named, { ...limits, lookup: lookupOf(['127.0.0.1', address]) }));
      expect(error).toBeInstanceOf(NotPublic);
    }
  });

  it('may return an unreachable address before a reachable one', async () => {
    const at = await serve((_request, response) => response.end('here'));
    const named = new URL(`http://fal.localhost:${at.port}/`);
    expect(String(await read(named, { ...limits, lookup: lookupOf(['::1', '127.0.0.1']) }))).toBe('here');
  });

  it('is the system’s by default', async () => {
    const at = await serve((_request, response) => response.end('here'));
    expect(String(await read(new URL(`http://localhost:${at.port}/`), limits))).toBe('here');
  });

  it('is queried once, and the connection goes to that answer even if a second one would differ', async () => {
    const at = await serveSecurely((_request, response) => response.end('here'));
    const connections = redirectConnections(at, '1.1.1.1');
    const lookup = lookupOf(['1.1.1.1', '2606:4700::1111'], ['127.0.0.1']);
    const { body } = await openOutside(url, { ...limits, lookup });
    expect(String(await buffer(body))).toBe('here');
    expect(lookup).toHaveBeenCalledTimes(1);
    const pinned = [
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ];
    expect(connections).toEqual([{ host: 'files.example.com', port: 443, first: pinned, second: pinned }]);
  });

  it.each(['127.0.0.1', '10.0.0.1', '::1'])('is not the only check: no byte is sent to a peer at %s', async (peer) => {
    const receivedBytes: Buffer[] = [];
    const raw = createRawServer((socket) => socket.on('data', (data) => receivedBytes.push(data)));
    const at = await listen(raw as Server, 'http');
    redirectConnections(at, peer);
    const connected = once(raw, 'connection') as Promise<[Socket]>;
    const error = await failure(openOutside(url, { ...limits, lookup: lookupOf(['1.1.1.1']) }));
    expect(error).toBeInstanceOf(NotPublic);
    await allClosed(await connected);
    expect(Buffer.concat(receivedBytes).length).toBe(0);
  });

  it.each([
    ['ENOTFOUND', false],
    ['EAI_AGAIN', true],
  ])('that fails with %s is transient: %s', async (code, transient) => {
    const lookup: LookupFunction = (_host, _options, callback) => callback(errorWithCode(code), []);
    expect(await failure(openOutside(url, { ...limits, lookup }))).toMatchObject({ name: 'Unreadable', transient });
  });

  it('without an address fails', async () => {
    const error = await failure(openOutside(url, { ...limits, lookup: lookupOf([]) }));
    expect(error).toEqual(new Unreadable('"files.example.com" has no address.', false));
  });

  it('that does not answer times out', async () => {
    const error = await failure(openOutside(url, { ...limits, idleMs: 30, lookup: () => undefined }));
    expect(error).toMatchObject({ name: 'Unreadable', transient: true });
  });
});

describe('https', () => {
  const lookup = lookupOf(['1.1.1.1']);

  it('asks for the host by its name', async () => {
    let servername: unknown;
    const at = await serveSecurely((request, response) => {
      servername = Reflect.get(request.socket, 'servername');
      response.end(request.headers.host);
    });
    redirectConnections(at, '1.1.1.1');
    const { body } = await openOutside(new URL('https://files.example.com./a'), { ...limits, lookup });
    expect(String(await buffer(body))).toBe('files.example.com.');
    expect(servername).toBe('files.example.com');
  });

  it.each([
    ['of another name', 'https://example.com/', true],
    ['for an address', 'https://1.1.1.1/', true],
    ['of an unknown authority', 'https://files.example.com/', false],
  ])('rejects a certificate %s', async (_what, url, isTrusted) => {
    const handle = vi.fn<RequestListener>();
    const at = await serveSecurely(handle);
    if (!isTrusted) vi.mocked(secure).mockImplementation(secureReally);
    redirectConnections(at, '1.1.1.1');
    expect(await failure(openOutside(new URL(url), { ...limits, lookup }))).toMatchObject({
      name: 'Unreadable',
      transient: false,
    });
    expect(handle).not.toHaveBeenCalled();
  });

  it('times out when the TLS handshake does not answer', async () => {
    const raw = createRawServer((socket) => socket.resume());
    redirectConnections(await listen(raw as Server, 'http'), '1.1.1.1');
    const connected = once(raw, 'connection') as Promise<[Socket]>;
    const error = await failure(openOutside(new URL('https://files.example.com/'), { ...limits, idleMs: 50, lookup }));
    expect(error).toMatchObject({ name: 'Unreadable', transient: true });
    await allClosed(await connected);
  });
});

describe('a file', () => {
  it('is opened with its type and length, by a request with a fixed set of headers', async () => {
    let received: IncomingMessage | undefined;
    const url = await serve((request, response) => {
      received = request;
      response.writeHead(200, { 'content-type': 'application/zip', 'content-length': 4 }).end('PK..');
    });
    const { body, ...metadata } = await openOutside(new URL('/a%20b.zip?c=d#e', url), limits);
    expect(metadata).toEqual({ contentType: 'application/zip', contentLength: 4 });
    expect(String(await buffer(body))).toBe('PK..');
    expect(received?.method).toBe('GET');
    expect(received?.url).toBe('/a%20b.zip?c=d');
    expect(received?.headers).toEqual({
      host: url.host,
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'Likeness',
      connection: 'close',
    });
  });

  it('is opened without a type or a length if the server sends none', async () => {
    const url = await serve((_request, response) => response.end('a'));
    const url2 = await serve((_request, response) => {
      response.write('a');
      response.end('b');
    });
    expect(await openOutside(url, limits)).toMatchObject({ contentType: undefined, contentLength: 1 });
    expect(await openOutside(url2, limits)).toMatchObject({ contentType: undefined, contentLength: undefined });
  });

  it('has its own connection, which closes with the body', async () => {
    const used: Socket[] = [];
    const url = await serve((request, response) => {
      used.push(request.socket);
      if (request.url === '/endless') response.write('a');
      else response.end('a');
    });
    await buffer((await openOutside(url, limits)).body);
    await allClosed(used);
    await buffer((await openOutside(url, limits)).body);
    (await openOutside(new URL('/endless', url), limits)).body.destroy();
    await allClosed(used);
    expect(new Set(used).size).toBe(3);
  });

  it('can be read completely after its connection has closed', async () => {
    const size = 300_000;
    const url = await serveRaw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\nconnection: close\r\n\r\n`);
      socket.end(Buffer.alloc(size));
    });
    const { body } = await openOutside(url, limits);
    await wait(50);
    expect((await buffer(body)).length).toBe(size);
  });

  it.each([
    ['by its length', 'content-length: 10\r\n\r\nabc'],
    ['by its chunks', 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('that is cut off ends with an error, detected %s', async (_how, rest) => {
    const url = await serveRaw((socket) => socket.end(`HTTP/1.1 200 OK\r\n${rest}`));
    const { body } = await openOutside(url, limits);
    expect(await failure(buffer(body))).toMatchObject({ name: 'Unreadable', transient: true });
  });

  it.each([
    [204, false],
    [206, false],
    [304, false],
    [401, false],
    [404, false],
    [410, false],
    [408, true],
    [425, true],
    [429, true],
    [500, true],
    [503, true],
  ])('cannot be opened after status %i, transient: %s', async (status, transient) => {
    const used: Socket[] = [];
    const url = await serve((request, response) => {
      used.push(request.socket);
      response.writeHead(status).end();
    });
    const error = await failure(openOutside(url, limits));
    expect(error).toEqual(new Unreadable(`The server of the file answered ${status}.`, transient));
    expect(error).toMatchObject({ transient });
    await allClosed(used);
  });

  it.each<[string, (socket: Socket) => unknown, boolean]>([
    ['a reset', (socket) => socket.resetAndDestroy(), true],
    ['a hang-up', (socket) => socket.end(), true],
    ['no HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'), false],
  ])('cannot be opened after %s', async (_what, act, transient) => {
    const url = await serveRaw(act);
    expect(await failure(openOutside(url, limits))).toMatchObject({ name: 'Unreadable', transient });
  });

  it('cannot be opened after a switch to another protocol', async () => {
    const used: Socket[] = [];
    const url = await serveRaw((socket) => {
      used.push(socket);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: a\r\n\r\n');
    });
    const error = await failure(openOutside(url, limits));
    expect(error).toEqual(new Unreadable('The server of the file answered 101.', false));
    await allClosed(used);
  });

  it('fails where nothing listens', async () => {
    const url = await serve(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect(await failure(openOutside(url, limits))).toMatchObject({ name: 'Unreadable', transient: true });
  });
});

describe('a redirect', () => {
  it('is followed up to three times, without a Referer', async () => {
    const seen: IncomingMessage[] = [];
    const url = await serve((request, response) => {
      seen.push(request);
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end('here');
      else response.writeHead(302, { location: `/${left - 1}`, 'set-cookie': 'a=b' }).end('there');
    });
    const { body } = await openOutside(new URL('/3', url), limits);
    expect(String(await buffer(body))).toBe('here');
    expect(seen.map((request) => request.url)).toEqual(['/3', '/2', '/1', '/0']);
    expect(Object.keys(seen.at(-1)?.headers ?? {}).sort()).toEqual(Object.keys(seen[0]?.headers ?? {}).sort());
    await allClosed(seen.map(({ socket }) => socket));
  });

  it('is followed without reading its body, however long that is', async () => {
    const used: Socket[] = [];
    const url = await serve((request, response) => {
      used.push(request.socket);
      if (request.url === '/') response.writeHead(302, { location: '/there' });
      response.write('more to come');
    });
    const { body } = await openOutside(url, limits);
    await allClosed(used.slice(0, 1));
    expect(used.map(({ closed }) => closed)).toEqual([true, false]);
    body.destroy();
  });

  it('fails after too many', async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests += 1;
      response.writeHead(307, { location: '/' }).end();
    });
    const error = await failure(openOutside(url, limits));
    expect(error).toEqual(new Unreadable('The file is redirected more than 3 times.', false));
    expect(error).toMatchObject({ transient: false });
    expect(requests).toBe(4);
  });

  it.each([
    'https://10.0.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    '//[::ffff:127.0.0.1]/',
    'http://example.com/',
    'https://example.com:8443/',
    'https://ada:secret@example.com/',
    'file:///etc/passwd',
    'https://printer.local/',
  ])('to %s is refused', async (location) => {
    const used: Socket[] = [];
    const url = await serve((request, response) => {
      used.push(request.socket);
      response.writeHead(301, { location }).end();
    });
    const lookup = lookupOf(['1.1.1.1']);
    expect(await failure(openOutside(url, { ...limits, lookup }))).toBeInstanceOf(NotPublic);
    expect(connect).toHaveBeenCalledTimes(1);
    expect(lookup).not.toHaveBeenCalled();
    await allClosed(used);
  });

  it('to a public name with a private address is rejected', async () => {
    const url = await serve((_request, response) =>
      response.writeHead(302, { location: 'https://files.example.com/' }).end(),
    );
    const error = await failure(openOutside(url, { ...limits, lookup: lookupOf(['127.0.0.1']) }));
    expect(error).toBeInstanceOf(NotPublic);
    expect(connect).toHaveBeenCalledTimes(1);
  });

  it.each([undefined, 'https://'])('to %s is rejected', async (location) => {
    const url = await serve((_request, response) => response.writeHead(302, location ? { location } : {}).end());
    expect(await failure(openOutside(url, limits))).toMatchObject({ name: 'Unreadable', transient: false });
  });
});

describe('a file of maxBytes', () => {
  const options = { ...limits, maxBytes: 1000 };
  const tooLarge = new Unreadable('The file is larger than 1000 bytes.', false);

  it.each<[string, RequestListener]>([
    ['its length', (_request, response) => response.writeHead(200, { 'content-length': 1000 }).end(Buffer.alloc(1000))],
    ['the count', (_request, response) => response.write(Buffer.alloc(400), () => response.end(Buffer.alloc(600)))],
  ])('is accepted, by %s', async (_how, handle) => {
    expect((await read(await serve(handle), options)).length).toBe(1000);
  });

  it('and one more byte is rejected by its length, before its content', async () => {
    const used: Socket[] = [];
    const url = await serve((request, response) => {
      used.push(request.socket);
      response.writeHead(200, { 'content-length': 1001 }).flushHeaders();
    });
    const error = await failure(openOutside(url, options));
    expect(error).toEqual(tooLarge);
    expect(error).toMatchObject({ transient: false });
    await allClosed(used);
  });

  it('and one more byte is rejected by the count of received bytes', async () => {
    const used: Socket[] = [];
    const url = await serve((request, response) => {
      used.push(request.socket);
      response.write(Buffer.alloc(400), () => response.write(Buffer.alloc(601)));
    });
    const { body } = await openOutside(url, options);
    const error = await failure(buffer(body));
    expect(error).toEqual(tooLarge);
    expect(error).toMatchObject({ transient: false });
    await allClosed(used);
  });
});

describe('the time limit', () => {
  it.each<[string, RequestListener]>([
    ['its headers', () => undefined],
    ['its body', (_request, response) => response.flushHeaders()],
    ['more of its body', (_request, response) => response.write('a')],
  ])('ends the request to a server that is silent before %s', async (_what, handle) => {
    const used: Socket[] = [];
    const url = await serve((request, response) => {
      used.push(request.socket);
      handle(request, response);
    });
    const error = await failure(read(url, { ...limits, idleMs: 50 }));
    expect(error).toEqual(new Unreadable('The server of the file was silent for 50 ms.', true));
    expect(error).toMatchObject({ transient: true });
    await allClosed(used);
  });

  it('ends a file that arrives too slowly', async () => {
    const used: Socket[] = [];
    const url = await serve((request, response) => {
      used.push(request.socket);
      const drip = setInterval(() => response.write('a'), 20);
      request.socket.once('close', () => clearInterval(drip));
    });
    const error = await failure(read(url, { ...limits, timeoutMs: 200, idleMs: 150 }));
    expect(error).toEqual(new Unreadable('The file was not read whole in 200 ms.', true));
    expect(error).toMatchObject({ transient: true });
    await allClosed(used);
  });

  it('applies to all redirects together', async () => {
    const url = await serve((_request, response) => {
      setTimeout(() => response.writeHead(302, { location: '/' }).end(), 60);
    });
    const error = await failure(openOutside(url, { ...limits, timeoutMs: 100 }));
    expect(error).toEqual(new Unreadable('The file was not read whole in 100 ms.', true));
  });

  it.each([
    1, 100_000, 4_000_000,
  ])('for silence does not apply while the reader is slow, with %i bytes', async (size) => {
    const url = await serve((_request, response) => response.end(Buffer.alloc(size)));
    const { body } = await openOutside(url, { ...limits, idleMs: 50 });
    await wait(180);
    expect((await buffer(body)).length).toBe(size);
  });

  it('for silence starts again when the reader continues', async () => {
    const url = await serve((_request, response) => {
      response.write(Buffer.alloc(60_000));
      setTimeout(() => response.end(Buffer.alloc(1)), 450);
    });
    const { body } = await openOutside(url, { ...limits, idleMs: 200 });
    await wait(300);
    expect((await buffer(body)).length).toBe(60_001);
  });

  it.each([1, 4_000_000])('ends an unread body of %i bytes', async (size) => {
    const used: Socket[] = [];
    const url = await serve((request, response) => {
      used.push(request.socket);
      response.end(Buffer.alloc(size));
    });
    const { body } = await openOutside(url, { ...limits, timeoutMs: 100 });
    await Promise.all([allClosed(used), new Promise((resolve) => body.once('close', resolve))]);
    expect(await failure(buffer(body))).toEqual(new Unreadable('The file was not read whole in 100 ms.', true));
  });

  it('ends the connection to an address that does not accept it', async () => {
    const socket = new Socket();
    vi.mocked(connect).mockImplementation(((options: ConnectOptions) =>
      addAbortSignal(options.signal, socket)) as typeof connect);
    const error = await failure(openOutside(new URL('https://1.1.1.1/'), { ...limits, idleMs: 50 }));
    expect(error).toEqual(new Unreadable('The server of the file was silent for 50 ms.', true));
    await allClosed([socket]);
  });
});

describe('the caller', () => {
  const reason = new Error('no longer wanted');

  it('that has already aborted opens no connection', async () => {
    const url = await serve((_request, response) => response.end());
    expect(await failure(openOutside(url, { ...limits, signal: AbortSignal.abort(reason) }))).toBe(reason);
    const named = new URL('https://files.example.com/');
    const lookup = lookupOf(['1.1.1.1']);
    expect(await failure(openOutside(named, { ...limits, lookup, signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(lookup).not.toHaveBeenCalled();
    expect(connect).not.toHaveBeenCalled();
  });

  it('can abort during DNS', async () => {
    const leaving = new AbortController();
    const lookup: LookupFunction = () => leaving.abort(reason);
    const opened = openOutside(new URL('https://files.example.com/'), { ...limits, lookup, signal: leaving.signal });
    expect(await failure(opened)).toBe(reason);
  });

  it.each([
    ['the headers', false],
    ['the end of the body', true],
  ])('can abort before %s', async (_what, withHeaders) => {
    const used: Socket[] = [];
    const leaving = new AbortController();
    const url = await serve((request, response) => {
      used.push(request.socket);
      if (withHeaders) response.write('a');
      setTimeout(() => leaving.abort(reason), 20);
    });
    expect(await failure(read(url, { ...limits, signal: leaving.signal }))).toBe(reason);
    await allClosed(used);
  });

  it.each<[string, RequestListener]>([
    ['a file', (_request, response) => response.end('a')],
    ['none', (_request, response) => response.writeHead(404).end()],
  ])('has no timers and no abort listeners left after %s', async (_what, handle) => {
    const { signal } = new AbortController();
    const set = vi.spyOn(globalThis, 'setTimeout');
    const cleared = vi.spyOn(globalThis, 'clearTimeout');
    await read(await serve(handle), { ...limits, timeoutMs: 54_321, idleMs: 54_322, signal }).catch(() => undefined);
    const timers = [54_321, 54_322].map((ms) => set.mock.calls.findIndex(([, delay]) => delay === ms));
    for (const timer of timers) expect(cleared).toHaveBeenCalledWith(set.mock.results[timer]?.value);
    vi.restoreAllMocks();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

/** Limits that a test does not reach unless it overrides them. */
const limits = { allowLoopback: true, maxBytes: 10_000_000, timeoutMs: 10_000, idleMs: 10_000 };

async function read(url: URL, options: OutsideOptions): Promise<Buffer> {
  return buffer((await openOutside(url, options)).body);
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('The promise did not reject.'),
    (error: unknown) => error,
  );
}

/** A DNS lookup that returns these answers in turn, and then the last one repeatedly. */
function lookupOf(...answers: string[][]) {
  return vi.fn<LookupFunction>((_host, _options, callback) => {
    const addresses = (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  });
}

function errorWithCode(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

/** Leads every connection to the server at `at`, with `peer` as its remote address. Returns the requested connections. */
function redirectConnections(at: URL, peer: string): object[] {
  const connections: object[] = [];
  vi.mocked(connect).mockImplementation(((options: ConnectOptions) => {
    const { host, port, lookup, signal } = options;
    const resolveHost = (): unknown => {
      let answer: unknown;
      lookup(host, { all: true }, (_error, addresses) => {
        answer = addresses;
      });
      return answer;
    };
    connections.push({ host, port, first: resolveHost(), second: resolveHost() });
    const socket = connectReally({ host: at.hostname, port: Number(at.port), signal });
    return Object.defineProperty(socket, 'remoteAddress', { value: peer });
  }) as typeof connect);
  return connections;
}

type ConnectOptions = { host: string; port: number; lookup: LookupFunction; signal: AbortSignal };

async function serve(handle: RequestListener): Promise<URL> {
  return listen(createServer(handle), 'http');
}

/** Serves HTTPS as files.example.com, with a certificate that the client trusts. */
async function serveSecurely(handle: RequestListener): Promise<URL> {
  const ca = new X509Certificate(Buffer.from(certificate, 'base64')).toString();
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
  vi.mocked(secure).mockImplementation(((options: object) => secureReally({ ...options, ca })) as typeof secure);
  const pem = key.export({ format: 'pem', type: 'pkcs8' });
  return listen(createSecureServer({ cert: ca, key: pem }, handle), 'https');
}

/** A TCP server that calls `act` when a connection has sent its first bytes. */
async function serveRaw(act: (socket: Socket) => unknown): Promise<URL> {
  const server = createRawServer((socket) => socket.once('data', () => act(socket)));
  return listen(server as Server, 'http');
}

async function listen(server: Server, scheme: string): Promise<URL> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

/** Resolves when the server's sockets are closed. */
async function allClosed(used: Socket[]): Promise<void> {
  await Promise.all(
    used.map(async (socket) => socket.closed || new Promise<void>((resolve) => socket.once('close', () => resolve()))),
  );
}

/** A key and a certificate for files.example.com, valid until 2120, used only by these tests. */
const privateKey =
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVxymtuM65c2dr+2PYAyC1R7XSmHPIAWlsfC878dnERChRANCAAScVHKUu2x1RV' +
  'yXJyWD5D/TdFrckqUr4+yBdU4tXS2xqBMfl7vsq8CB05nItUF8GjKITJwnvZXZm3vT6kQeK3zg';
const certificate =
  'MIIBQTCB56ADAgECAgEBMAoGCCqGSM49BAMCMBgxFjAUBgNVBAMMDWxpa2VuZXNzLXRlc3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMD' +
  'AwMDBaMBgxFjAUBgNVBAMMDWxpa2VuZXNzLXRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAScVHKUu2x1RVyXJyWD5D/TdFrckqUr4+yB' +
  'dU4tXS2xqBMfl7vsq8CB05nItUF8GjKITJwnvZXZm3vT6kQeK3zgoyAwHjAcBgNVHREEFTATghFmaWxlcy5leGFtcGxlLmNvbTAKBggqhkjOPQ' +
  'QDAgNJADBGAiEAqlf8tI7paO7hiP4pMbBZexJ4wPiNPWaaiNX1TQSQANkCIQCqu1IXc8A0ZI9wf07G4BWSxZAwOBk3cr0gWRzQW3ljUQ==';
