/** The owner's signed URLs, over HTTP: each is one file's, for an hour, and nothing can be made of it for another. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { globalId } from '../support/api.ts';
import { photoPath } from '../support/photos.ts';
import { idsOf, leaksIn, openWorld, type World } from './table-world.ts';

const minuteMs = 60_000;
const kinds = ['Photo', 'GeneratedImage'] as const;
type Kind = (typeof kinds)[number];

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const document = `query ($ids: [ID!]!) { nodes(ids: $ids) {
  ... on Photo { url small: url(width: 64) } ... on GeneratedImage { url small: url(width: 64) } } }`;

/** As the owner is given them now, and where they lead to in a test. */
async function urlsOf(kind: Kind): Promise<{ url: URL; small: URL }> {
  const id = globalId(kind, world.owner.rows[kind][0]?.id ?? '');
  const { text } = await world.send('owner', { document, given: { ids: [id] } });
  const { data } = JSON.parse(text) as { data: { nodes: { url: string; small: string }[] } };
  const [node] = data.nodes;
  return { url: new URL(node?.url ?? ''), small: new URL(node?.small ?? '') };
}

/** `credentials` are those of the one who asks. */
async function fetched({ pathname, search }: URL, credentials: Record<string, string> = {}) {
  const response = await fetch(`${world.url}${pathname}${search}`, { headers: credentials });
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
}

const changed = (url: URL, change: (copy: URL) => void): URL => {
  const copy = new URL(url);
  change(copy);
  return copy;
};
/** The last character but one: of the last, some bits are none of the signature's. */
const turned = (text: string) => `${text.slice(0, -2)}${text.at(-2) === 'A' ? 'B' : 'A'}${text.at(-1)}`;

describe.each(kinds)('the URL of a %s', (kind) => {
  const other = kind === 'Photo' ? 'GeneratedImage' : 'Photo';

  test('is under the public name, leads to that file, and holds its id, its end and its signature alone', async () => {
    const { url } = await urlsOf(kind);
    const id = world.owner.rows[kind][0]?.id;
    expect(url.origin).toBe('https://likeness.example');
    expect(url.pathname).toBe(`/files/${kind === 'Photo' ? 'photos' : 'images'}/${id}`);
    expect([...url.searchParams.keys()]).toEqual(['expires', 'signature']);
    const { status, bytes } = await fetched(url);
    expect(status).toBe(200);
    expect(bytes.equals(readFileSync(photoPath(kind === 'Photo' ? 'good/01.jpg' : 'good/02.jpg')))).toBe(true);
  });

  test.each<[string, (copy: URL, of: { small: URL; foreign: URL; foreignSmall: URL }) => void]>([
    [
      'another file of the kind',
      (copy) => void (copy.pathname = copy.pathname.replace(/.$/, (end) => (end === '0' ? '1' : '0'))),
    ],
    ['the owner’s file of the other kind', (copy, { foreign }) => void (copy.pathname = foreign.pathname)],
    [
      'the signature of the other file',
      (copy, { foreign }) => copy.searchParams.set('signature', foreign.searchParams.get('signature') ?? ''),
    ],
    ['the whole query of the other file', (copy, { foreign }) => void (copy.search = foreign.search)],
    [
      'the signature of a rendition',
      (copy, { small }) => copy.searchParams.set('signature', small.searchParams.get('signature') ?? ''),
    ],
    ['a width', (copy) => copy.searchParams.set('width', '64')],
    ['a format', (copy) => copy.searchParams.set('format', 'PNG')],
    [
      'five minutes more',
      (copy) => copy.searchParams.set('expires', String(Number(copy.searchParams.get('expires')) + 300)),
    ],
    ['a second, later end', (copy) => copy.searchParams.append('expires', '99999999999')],
    ['no end', (copy) => copy.searchParams.delete('expires')],
    [
      'a signature that differs in one character',
      (copy) => copy.searchParams.set('signature', turned(copy.searchParams.get('signature') ?? '')),
    ],
    ['an encoded character in its path', (copy) => void (copy.pathname = copy.pathname.replace('files/', 'files%2F'))],
  ])('with %s leads nowhere, for the owner too', async (_what, change) => {
    const { url, small } = await urlsOf(kind);
    const { url: foreign, small: foreignSmall } = await urlsOf(other);
    const forged = changed(url, (copy) => change(copy, { small, foreign, foreignSmall }));
    expect(forged.href).not.toBe(url.href);
    for (const credentials of [{}, world.headers.owner, world.headers.admin]) {
      const { status, bytes } = await fetched(forged, credentials);
      expect([403, 404]).toContain(status);
      expect(leaksIn(bytes.toString(), 'nobody', world.owner)).toEqual([]);
    }
  });

  test('of a width is good for that width alone', async () => {
    const { small } = await urlsOf(kind);
    expect((await fetched(small)).status).toBe(200);
    for (const width of ['63', '4096']) {
      expect((await fetched(changed(small, (copy) => copy.searchParams.set('width', width)))).status).toBe(403);
    }
    expect((await fetched(changed(small, (copy) => copy.searchParams.delete('width')))).status).toBe(403);
  });

  test('is good for 55 minutes, and for no more than an hour', async () => {
    const { url, small } = await urlsOf(kind);
    const minted = world.clock.at;
    try {
      world.clock.at = minted + 55 * minuteMs - 1;
      expect([(await fetched(url)).status, (await fetched(small)).status]).toEqual([200, 200]);
      world.clock.at = minted + 60 * minuteMs;
      expect([(await fetched(url)).status, (await fetched(small)).status]).toEqual([403, 403]);
    } finally {
      world.clock.at = minted;
    }
  });
});

test('no URL is to be had by the id of a file that is somebody else’s', async () => {
  const { photo, image } = idsOf(world.owner);
  for (const role of ['stranger', 'guest', 'namesake', 'deputy', 'admin'] as const) {
    const { text } = await world.send(role, { document, given: { ids: [photo, image] } });
    expect([role, JSON.parse(text)]).toEqual([role, { data: { nodes: [null, null] } }]);
  }
});
