/** Signed URLs over HTTP: each is valid for one file and at most an hour, and cannot be changed to reach another file. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { globalId } from '../support/global-id.ts';
import { photoPath } from '../support/photos.ts';
import { idsOf, leaksIn, openTableServer, type TableServer } from './table-server.ts';

const minuteMs = 60_000;
const kinds = ['Photo', 'GeneratedImage'] as const;
type Kind = (typeof kinds)[number];

let server: TableServer;
beforeAll(async () => {
  server = await openTableServer();
});
afterAll(() => server.close());

const document = `query ($ids: [ID!]!) { nodes(ids: $ids) {
  ... on Photo { url small: url(width: 64) } ... on GeneratedImage { url small: url(width: 64) } } }`;

/** The signed URLs that the owner gets now. */
async function urlsOf(kind: Kind): Promise<{ url: URL; small: URL }> {
  const id = globalId(kind, server.owner.rows[kind][0]?.id ?? '');
  const { text } = await server.send('owner', { document, given: { ids: [id] } });
  const { data } = JSON.parse(text) as { data: { nodes: { url: string; small: string }[] } };
  const [node] = data.nodes;
  return { url: new URL(node?.url ?? ''), small: new URL(node?.small ?? '') };
}

/** Fetches the URL from the test server instead of its public host. */
async function fetched({ pathname, search }: URL, credentials: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${pathname}${search}`, { headers: credentials });
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
}

const changed = (url: URL, change: (copy: URL) => void): URL => {
  const copy = new URL(url);
  change(copy);
  return copy;
};
/** Changes the last character but one: some bits of the last one are not part of the signature. */
const corrupted = (text: string) => `${text.slice(0, -2)}${text.at(-2) === 'A' ? 'B' : 'A'}${text.at(-1)}`;

describe.each(kinds)('the URL of a %s', (kind) => {
  const other = kind === 'Photo' ? 'GeneratedImage' : 'Photo';

  test('has the public host, serves that file, and contains only its id, expiry and signature', async () => {
    const { url } = await urlsOf(kind);
    const id = server.owner.rows[kind][0]?.id;
    expect(url.origin).toBe('https://likeness.example');
    expect(url.pathname).toBe(`/files/${kind === 'Photo' ? 'photos' : 'images'}/${id}`);
    expect([...url.searchParams.keys()]).toEqual(['expires', 'signature']);
    const { status, bytes } = await fetched(url);
    expect(status).toBe(200);
    expect(bytes.equals(readFileSync(photoPath(kind === 'Photo' ? 'good/01.jpg' : 'good/02.jpg')))).toBe(true);
  });

  test.each<[string, (copy: URL, of: { small: URL; foreign: URL; foreignSmall: URL }) => void]>([
    ['another id', (copy) => void (copy.pathname = copy.pathname.replace(/.$/, (end) => (end === '0' ? '1' : '0')))],
    ['the path of a file of the other kind', (copy, { foreign }) => void (copy.pathname = foreign.pathname)],
    [
      'the signature of a file of the other kind',
      (copy, { foreign }) => copy.searchParams.set('signature', foreign.searchParams.get('signature') ?? ''),
    ],
    ['the whole query of a file of the other kind', (copy, { foreign }) => void (copy.search = foreign.search)],
    [
      'the signature of a rendition',
      (copy, { small }) => copy.searchParams.set('signature', small.searchParams.get('signature') ?? ''),
    ],
    ['a width', (copy) => copy.searchParams.set('width', '64')],
    ['a format', (copy) => copy.searchParams.set('format', 'PNG')],
    [
      'a later expiry',
      (copy) => copy.searchParams.set('expires', String(Number(copy.searchParams.get('expires')) + 300)),
    ],
    ['a second, later expiry', (copy) => copy.searchParams.append('expires', '99999999999')],
    ['no expiry', (copy) => copy.searchParams.delete('expires')],
    [
      'a signature that differs in one character',
      (copy) => copy.searchParams.set('signature', corrupted(copy.searchParams.get('signature') ?? '')),
    ],
    ['an encoded character in its path', (copy) => void (copy.pathname = copy.pathname.replace('files/', 'files%2F'))],
  ])('changed to have %s gets 403 or 404, also for the owner', async (_what, change) => {
    const { url, small } = await urlsOf(kind);
    const { url: foreign, small: foreignSmall } = await urlsOf(other);
    const forged = changed(url, (copy) => change(copy, { small, foreign, foreignSmall }));
    expect(forged.href).not.toBe(url.href);
    for (const credentials of [{}, server.headers.owner, server.headers.admin]) {
      const { status, bytes } = await fetched(forged, credentials);
      expect([403, 404]).toContain(status);
      expect(leaksIn(bytes.toString(), 'nobody', server.owner)).toEqual([]);
    }
  });

  test('with a width is valid for that width only', async () => {
    const { small } = await urlsOf(kind);
    expect((await fetched(small)).status).toBe(200);
    for (const width of ['63', '4096']) {
      expect((await fetched(changed(small, (copy) => copy.searchParams.set('width', width)))).status).toBe(403);
    }
    expect((await fetched(changed(small, (copy) => copy.searchParams.delete('width')))).status).toBe(403);
  });

  test('is valid for at least 55 minutes and at most an hour', async () => {
    const { url, small } = await urlsOf(kind);
    const signedAt = server.clock.at;
    try {
      server.clock.at = signedAt + 55 * minuteMs - 1;
      expect([(await fetched(url)).status, (await fetched(small)).status]).toEqual([200, 200]);
      server.clock.at = signedAt + 60 * minuteMs;
      expect([(await fetched(url)).status, (await fetched(small)).status]).toEqual([403, 403]);
    } finally {
      server.clock.at = signedAt;
    }
  });
});

test('another user gets no URL for the id of the owner’s file', async () => {
  const { photo, image } = idsOf(server.owner);
  for (const role of ['stranger', 'guest', 'namesake', 'deputy', 'admin'] as const) {
    const { text } = await server.send(role, { document, given: { ids: [photo, image] } });
    expect([role, JSON.parse(text)]).toEqual([role, { data: { nodes: [null, null] } }]);
  }
});
