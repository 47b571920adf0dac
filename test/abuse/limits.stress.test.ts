/** The limit per address behind proxies, which a client cannot evade by forging X-Forwarded-For. */
import { describe, expect, test } from 'vitest';
import { startGuarded } from './attack.ts';

describe('an address', () => {
  const from = (url: string, forwarded?: string) =>
    fetch(`${url}/graphql?query={viewer{id}}`, {
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    });
  /** The statuses of requests with these X-Forwarded-For headers. */
  async function statuses(proxies: number, forwarded: (string | undefined)[]): Promise<number[]> {
    const { url } = await startGuarded({
      env: { TRUSTED_PROXIES: String(proxies) },
      limits: { requestsPerAddress: 3 },
    });
    const found: number[] = [];
    for (const hops of forwarded) found.push((await from(url, hops)).status);
    return found;
  }

  test.each<[what: string, proxies: number, forwarded: (string | undefined)[], last: number]>([
    ['no proxy is trusted, and the header is forged', 0, ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'], 429],
    [
      'one proxy is trusted, and the hops before it are forged',
      1,
      ['1.1.1.1, 9.9.9.9', '2.2.2.2,9.9.9.9', ', ,9.9.9.9', 'x,9.9.9.9'],
      429,
    ],
    ['one proxy is trusted, and the header is missing', 1, [undefined, undefined, '', ' , '], 429],
    [
      'one proxy is trusted, and one customer uses many addresses of an IPv6 network',
      1,
      ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::', '2001:db8::1:2:3:4'],
      429,
    ],
    [
      'one proxy is trusted, and reports four different addresses',
      1,
      ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'],
      401,
    ],
    [
      'two proxies are trusted, and the third hop is forged',
      2,
      ['1.1.1.1,9.9.9.9,8.8.8.8', '2.2.2.2,9.9.9.9,8.8.8.8', '9.9.9.9,7.7.7.7', '3.3.3.3,9.9.9.9,6.6.6.6'],
      429,
    ],
    ['two proxies are trusted, and one hop is missing', 2, ['9.9.9.9', '9.9.9.9', '9.9.9.9', '9.9.9.9'], 429],
  ])('cannot be forged: %s', async (_what, proxies, forwarded, last) => {
    expect(await statuses(proxies, forwarded)).toEqual([401, 401, 401, last]);
  });

  test('in IPv6 is the same in every notation', async () => {
    const spelled = ['2001:db8::1', '2001:0DB8::1', '2001:db8:0:0::1', '2001:0db8:0000:0000::1'];
    expect((await statuses(1, spelled)).at(-1)).toBe(429);
  });
});
