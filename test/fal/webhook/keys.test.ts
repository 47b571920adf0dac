/** fal's keys, from a real HTTP server: how long they are cached, how often they are fetched, which responses are rejected. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fetchJwks, readJwks } from '../../../src/fal/webhook/jwks.ts';
import { KeysUnreachable, WebhookKeys } from '../../../src/fal/webhook/keys.ts';
import { type Act, hang, json, openScriptedFal, reset, type ScriptedFal, text } from '../../support/scripted-fal.ts';
import { jwkOf, newSigningKey } from '../../support/webhook.ts';

const route = 'GET /.well-known/jwks.json';
const key = newSigningKey();
const nextKey = newSigningKey();
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

const same = (a: KeyObject) => (b: KeyObject) => a.equals(b);
const isKey = same(key.publicKey);
const isNextKey = same(nextKey.publicKey);
const set = (...keys: object[]) => json(200, { keys });

let fal: ScriptedFal;
beforeEach(async () => {
  fal = await openScriptedFal();
});
afterEach(() => fal.close());
const url = () => `${fal.url}/.well-known/jwks.json`;

describe('the cached keys', () => {
  let time = 0;
  let keys: WebhookKeys;
  beforeEach(() => {
    time = 1_000;
    keys = new WebhookKeys({ load: () => fetchJwks(url()), elapsedMs: () => time });
  });
  const fetches = () => fal.at(route).length;

  test('are fetched at the first use only', async () => {
    fal.always(route, set(jwkOf(nextKey), jwkOf(key)));
    expect(fetches()).toBe(0);
    expect(await keys.some(isKey)).toBe(true);
    time += dayMs - 1;
    expect(await keys.some(isNextKey)).toBe(true);
    expect(fetches()).toBe(1);
  });

  test('are valid for a day', async () => {
    fal.script(route, set(jwkOf(key)), set(jwkOf(nextKey)));
    expect(await keys.some(isKey)).toBe(true);
    time += dayMs;
    expect(await keys.some(isKey)).toBe(false);
    expect(fetches()).toBe(2);
  });

  test('are fetched again if none matches, because fal may have changed them', async () => {
    fal.script(route, set(jwkOf(key)), set(jwkOf(nextKey)));
    expect(await keys.some(isKey)).toBe(true);
    time += minuteMs;
    expect(await keys.some(isNextKey)).toBe(true);
    expect(await keys.some(isKey)).toBe(false);
  });

  test('are fetched at most once per minute, however many signatures match no key', async () => {
    fal.always(route, set(jwkOf(key)));
    for (let n = 0; n < 100; n += 1) expect(await keys.some(isNextKey)).toBe(false);
    expect(fetches()).toBe(1);
    time += minuteMs - 1;
    expect(await keys.some(isNextKey)).toBe(false);
    expect(fetches()).toBe(1);
    time += 1;
    for (let n = 0; n < 100; n += 1) expect(await keys.some(isNextKey)).toBe(false);
    expect(fetches()).toBe(2);
  });

  test('are fetched once for many concurrent calls', async () => {
    fal.always(route, set(jwkOf(key)));
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => keys.some(n % 2 ? isKey : isNextKey)));
    expect(answers.filter(Boolean)).toHaveLength(50);
    expect(fetches()).toBe(1);
  });

  test('are not fetched a second time while the first response is late', async () => {
    let answer: (response: void) => void = () => undefined;
    fal.script(route, async (response) => {
      await new Promise((resolve) => {
        answer = resolve;
      });
      await set(jwkOf(key))(response, await fal.nth(route, 1));
    });
    const first = keys.some(isKey);
    await fal.nth(route, 1);
    time += minuteMs;
    const second = keys.some(isKey);
    answer();
    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect(fetches()).toBe(1);
  });

  test('that cannot be fetched leave every webhook unverified, and are not requested again for a minute', async () => {
    fal.script(route, json(503, {}), set(jwkOf(key)));
    await expect(keys.some(isKey)).rejects.toThrow(KeysUnreachable);
    await expect(keys.some(isKey)).rejects.toThrow(KeysUnreachable);
    expect(fetches()).toBe(1);
    time += minuteMs;
    expect(await keys.some(isKey)).toBe(true);
    expect(await keys.some(isNextKey)).toBe(false);
  });

  test('stay valid for their day while fal does not answer; a webhook that matches no key stays unverified', async () => {
    fal.script(route, set(jwkOf(key)), json(500, {}), json(500, {}));
    expect(await keys.some(isKey)).toBe(true);
    time += minuteMs;
    await expect(keys.some(isNextKey)).rejects.toThrow(KeysUnreachable);
    await expect(keys.some(isNextKey)).rejects.toThrow(KeysUnreachable);
    expect(await keys.some(isKey)).toBe(true);
    expect(fetches()).toBe(2);
    time += dayMs;
    await expect(keys.some(isKey)).rejects.toThrow(KeysUnreachable);
  });
});

describe('an answer that is not a key set', () => {
  const x25519 = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' });
  test.each<[string, Act, RegExp]>([
    ['a refusal', json(404, { keys: [jwkOf(key)] }), /status 404/],
    ['no JSON', text(200, '<html>'), /JSON/],
    ['no set', json(200, [jwkOf(key)]), /expected object/],
    ['an empty set', set(), /no Ed25519 key/],
    ['no Ed25519 key', set(x25519, { kty: 'RSA', n: 'x', e: 'AQAB' }), /no Ed25519 key/],
    ['a broken connection', reset, /fetch failed/],
    ['silence', hang, /timeout/],
    ['more bytes than a set has', set(jwkOf(key), { padding: 'x'.repeat(64 * 1024) }), /terminated/],
  ])('%s is rejected', async (_name, act, reason) => {
    fal.script(route, act);
    await expect(fetchJwks(url(), { timeoutMs: 500 })).rejects.toThrow(reason);
  });

  test('a redirect is not followed', async () => {
    fal.script(route, json(302, {}, { location: '/elsewhere' }));
    fal.always('GET /elsewhere', set(jwkOf(key)));
    await expect(fetchJwks(url())).rejects.toThrow('fetch failed');
    expect(fal.at('GET /elsewhere')).toEqual([]);
  });

  test('an endless body is cut off', async () => {
    fal.script(route, (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = () => {
        while (!response.destroyed && response.write('{"keys": ['.padEnd(16_384))) continue;
      };
      response.on('drain', more);
      more();
    });
    await expect(fetchJwks(url())).rejects.toThrow('terminated');
    await expect.poll(() => fal.openSockets()).toBe(0);
  });
});

test('no connection stays open after the fetch', async () => {
  fal.script(route, set(jwkOf(key)));
  await fetchJwks(url());
  await expect.poll(() => fal.openSockets()).toBe(0);
});

test('the usable keys of a mixed set are read', () => {
  const short = { ...jwkOf(key), x: Buffer.alloc(31).toString('base64url') };
  const broken = [null, 'x', {}, { kty: 'OKP', crv: 'Ed25519' }, { kty: 'OKP', crv: 'Ed25519', x: '' }, short];
  const keys = readJwks({ keys: [...broken, { ...jwkOf(key), kid: 'one', alg: 'EdDSA' }, jwkOf(nextKey)], more: true });
  expect(keys.map((one) => one.export({ format: 'jwk' }))).toEqual([
    key.publicKey.export({ format: 'jwk' }),
    nextKey.publicKey.export({ format: 'jwk' }),
  ]);
});
