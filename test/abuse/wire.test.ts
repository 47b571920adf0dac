/**
 * Raw requests that no client would send: forged Host headers, path traversal, and request smuggling.
 * test/storage/serve.test.ts tests signed URLs, test/server/http/webhooks.test.ts who may call a webhook.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { converse } from '../support/raw.ts';
import { alive, failuresOf, guarded, startGuarded } from './attack.ts';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: guarded });
});
afterAll(() => likeness.close());

/** Sends raw bytes, and waits until the server closes the connection. */
async function raw(text: string, to = likeness.url): Promise<string> {
  const { answer, closed } = converse(to, text);
  await closed;
  return answer();
}
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
const get = (target: string, host = 'localhost', more = '') =>
  raw(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`);

describe('the Host header', () => {
  const key = () => `Authorization: ${likeness.headers['authorization']}\r\n`;
  const query = '/graphql?query={viewer{id}}';
  test.each([
    ['evil.example', 421],
    ['likeness.example.evil.example', 421],
    ['evil-likeness.example', 421],
    ['likeness.example@evil.example', 421],
    ['localhost.evil.example', 421],
    ['evil.example#.localhost', 421],
    ['evil.example; localhost', 421],
    ['likeness.example:99999', 421],
    ['', 421],
    ['likeness.example/elsewhere?', 404],
    ['likeness.example#', 404],
  ])('%j gets %i and no data', async (host, status) => {
    const answer = await get(query, host, key());
    expect(statusOf(answer)).toBe(status);
    expect(answer).not.toContain('"data"');
  });

  test('sent twice counts by its first value', async () => {
    expect(statusOf(await get(query, 'localhost\r\nHost: evil.example', key()))).toBe(200);
    expect(statusOf(await get(query, 'evil.example\r\nHost: localhost', key()))).toBe(421);
  });

  test('does not appear in signed URLs', async () => {
    const answer = await get(
      '/graphql?query={generations{edges{node{images{url}}}}}',
      'localhost',
      `X-Forwarded-Host: evil.example\r\n${key()}`,
    );
    expect([statusOf(answer), answer.includes('evil')]).toEqual([200, false]);
    expect(likeness.app.urls.sign('/files/photos/x').host).toBe('likeness.example');
  });

  test('does not change the content security policy', async () => {
    const answer = await get('/graphql', 'evil.example; script-src *', 'Accept: text/html\r\n');
    expect(/^content-security-policy:.*/im.exec(answer)?.[0] ?? '').not.toContain('evil.example');
  });
});

describe('a path', () => {
  test.each([
    ['/files/../graphql?query={viewer{id}}', 404],
    ['/files/%2e%2e/%2e%2e/etc/passwd', 404],
    ['/files/photos/..%5c..%5cetc%5cpasswd', 404],
    ['/files/photos/....//....//etc/passwd', 404],
    ['/files/photos/00000000-0000-4000-8000-000000000001%00.jpg', 404],
    ['/files//etc/passwd', 404],
    ['/files/photos/00000000-0000-4000-8000-000000000001?expires=9999999999&signature=', 403],
    ['/files/photos/00000000-0000-4000-8000-000000000001?expires=NaN&signature=x', 403],
    ['/webhooks/../graphql', 405],
    ['/webhooks/fal/../../graphql?query={viewer{id}}', 405],
    ['/graphql/../health', 404],
    ['/graphql;/../health', 404],
    ['//graphql?query={viewer{id}}', 404],
    ['/GRAPHQL?query={viewer{id}}', 404],
    ['/graphql%2f', 404],
    ['http://evil.example/files/x', 404],
    ['/\\evil.example', 404],
  ])('%s gets %i', async (target, status) => {
    const answer = await get(target);
    expect(statusOf(answer)).toBe(status);
    expect(answer).not.toMatch(/root:|"data"|location:/i);
  });
});

describe('a smuggled request', () => {
  const head = 'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n';
  test.each([
    [
      'after two Content-Length headers',
      `${head}Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    ],
    [
      'after Content-Length with Transfer-Encoding',
      `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    ],
    ['after chunked as an inner coding', `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`],
    ['after an unknown transfer coding', `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['after a header name with a space', `${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['after a folded header', `${head}Content-Length: 0\r\n X: y\r\nX\r\n : 1\r\n\r\n${hidden}`],
    ['after a signed Content-Length', `${head}Content-Length: +0\r\n\r\n${hidden}`],
    ['after a negative Content-Length', `${head}Content-Length: -1\r\n\r\n${hidden}`],
    ['after a malformed chunk size', `${head}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${hidden}`],
    ['after a chunk size that overflows', `${head}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n${hidden}`],
    ['after a header line with a bare CR', `${head}X: a\rContent-Length: 0\r\n\r\n${hidden}`],
    ['after a header with NUL', `${head}X: a\0b\r\n\r\n${hidden}`],
    ['after a request without Host', `GET /health HTTP/1.1\r\n\r\n${hidden}`],
    ['after 20 KB of headers', `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n${hidden}`],
    ['after CONNECT', `CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n${hidden}`],
    [
      'after an upgrade to another protocol',
      `GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n${hidden}`,
    ],
  ])('%s is not answered, and the server closes the connection', async (_how, text) => {
    const answer = await raw(text);
    expect(answer.match(/HTTP\/1\.1 \d+/g) ?? []).toHaveLength(answer === '' ? 0 : 1);
    expect(answer).not.toMatch(/^HTTP\/1\.1 [23]/);
    expect(likeness.logged.join('')).not.toContain('/hidden');
    expect(await alive(likeness)).toBe(true);
  });
});

test('headers that arrive slowly without end are cut off', async () => {
  const { url } = await startGuarded({ limits: { headersTimeoutMs: 300 } });
  const { closed, send, answer } = converse(url, 'GET /health HTTP/1.1\r\nHost: localhost\r\n');
  const dripping = setInterval(() => send('X: 1\r\n'), 20);
  await closed;
  clearInterval(dripping);
  expect(answer()).not.toContain('200 OK');
});

test('none of these attacks was logged as an error of the server', () => {
  expect(failuresOf(likeness)).toEqual([]);
});
