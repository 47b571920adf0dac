/** The check of a remote file before its URL goes to fal, against a real server on loopback, as in simulated mode. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lookAt, type Wanted } from '../../src/remote-file/check-content.ts';
import { photoPath } from '../support/photos.ts';
import { zip } from '../support/simulator.ts';

let server: Server;
let url: string;
let answer: (response: ServerResponse) => void;
const signal = new AbortController().signal;

beforeAll(async () => {
  server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
});
afterAll(() => void server.close());

const safetensors = Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]);
const look = (wanted: Wanted, allowLoopback = true) => lookAt(url, wanted, { allowLoopback, signal });
const serve = (content: Uint8Array) => {
  answer = (response) => void response.end(content);
};

test.each<[Wanted, () => Promise<Uint8Array>]>([
  ['ZIP', async () => new Uint8Array(await (await zip({ 'a.txt': Buffer.from('a') })).arrayBuffer())],
  ['PICTURE', async () => readFileSync(photoPath('good/01.jpg'))],
  ['LORA', async () => safetensors],
])('a %s is accepted as such, and as nothing else', async (wanted, content) => {
  serve(await content());
  expect(await look(wanted)).toBeUndefined();
  const others = (['ZIP', 'PICTURE', 'LORA'] as const).filter((other) => other !== wanted);
  for (const other of others) expect(await look(other)).toMatch(/^The file is no /);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a page', Buffer.from('<!doctype html><title>Moved</title>')],
  ['what only begins like one', Buffer.from('PK')],
])('%s is rejected as each of them', async (_what, content) => {
  serve(content);
  for (const wanted of ['ZIP', 'PICTURE', 'LORA'] as const) expect(await look(wanted)).toMatch(/^The file is no /);
});

test('a file that is gone or too large is reported', async () => {
  answer = (response) => void response.writeHead(404).end();
  expect(await look('ZIP')).toBe('The server of the file answered 404.');
  answer = (response) => void response.writeHead(200, { 'content-length': 3 * 1024 ** 3 }).write('PK\x03\x04');
  expect(await look('ZIP')).toMatch(/larger than/);
});

test('a URL that leads to a private address is reported', async () => {
  answer = (response) => void response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end();
  expect(await look('ZIP')).toBe('Only https is taken, not http.');
  expect(await look('ZIP', false)).toBe('Only https is taken, not http.');
});

test('a file that this server cannot reach is left to fal', async () => {
  answer = (response) => void response.writeHead(503).end();
  expect(await look('ZIP')).toBeUndefined();
  answer = (response) => void response.destroy();
  expect(await look('ZIP')).toBeUndefined();
  expect(await lookAt('https://nobody.invalid/a.zip', 'ZIP', { allowLoopback: false, signal })).toBeUndefined();
});

test('the abort of the server is passed on', async () => {
  const stop = new AbortController();
  answer = () => stop.abort(new Error('stopping'));
  await expect(lookAt(url, 'ZIP', { allowLoopback: true, signal: stop.signal })).rejects.toThrow('stopping');
});
