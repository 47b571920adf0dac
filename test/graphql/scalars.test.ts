import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true });
});
afterAll(() => likeness.close());

const importing = `mutation ($url: URL!) {
  importAvatar(input: { portrait: { name: "Ada", triggerPhrase: "TOK", diffusersLoraFileUrl: $url } }) {
    __typename
    ... on PortraitAvatar { diffusersLoraFileUrl }
  }
}`;

const notAUrl = 'A URL is a text such as "https://example.com/picture.jpg": absolute, http or https.';

describe('a URL', () => {
  it.each([
    ['https://example.com/a.safetensors', 'https://example.com/a.safetensors'],
    [' https://EXAMPLE.com ', 'https://example.com/'],
    ['https://example.com/ü', 'https://example.com/%C3%BC'],
    ['https://example.com/\0a', 'https://example.com/%00a'],
    ['https://example.com/\ud800', 'https://example.com/%EF%BF%BD'],
  ])('%j is valid', async (url, stored) => {
    expect((await likeness.gql(importing, { url })).data).toEqual({
      importAvatar: { __typename: 'PortraitAvatar', diffusersLoraFileUrl: stored },
    });
  });

  it.each([
    ['', notAUrl],
    ['example.com/a.safetensors', notAUrl],
    ['/a.safetensors', notAUrl],
    ['http://', notAUrl],
    ['__proto__', notAUrl],
    ['ftp://example.com/a', notAUrl],
    ['file:///etc/passwd', notAUrl],
    ['javascript:alert(1)', notAUrl],
    [7, notAUrl],
    [{}, notAUrl],
    [`https://example.com/${'a'.repeat(2029)}`, 'A URL has at most 2048 characters.'],
  ])('%j is invalid', async (url, message) => {
    const before = await likeness.app.prisma.avatar.count();
    const { data, errors } = await likeness.gql(importing, { url });
    expect(data).toBeUndefined();
    expect(errors?.[0]?.message).toContain('Variable "$url" got invalid value');
    expect(errors?.[0]?.message).toContain(message);
    expect(await likeness.app.prisma.avatar.count()).toBe(before);
  });

  it('is validated as a literal too', async () => {
    for (const url of ['"nowhere"', '7']) {
      const { errors } = await likeness.gql(importing.replace('($url: URL!)', '').replace('$url', url));
      expect(errors?.[0]?.message).toBe(notAUrl);
    }
  });
});

test('an invalid URL is an error of the caller: the server logs none of its own', () => {
  expect(likeness.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
});
