/**
 * Malicious files, sent with addPhotos, from the upload form to the response that a browser gets. Elsewhere:
 * test/photo/inspect.test.ts tests the verdict on each picture of test/photos, test/training/dataset.test.ts that fal gets
 * neither EXIF nor GPS, and test/storage/serve.test.ts the same for renditions.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { globalId } from '../support/global-id.ts';
import { multipartForm } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { photoPath } from '../support/photos.ts';
import { alive, failuresOf, guarded, newKey, outcomeOf } from './attack.ts';

const addPhotos = `mutation ($input: AddPhotosInput!) { addPhotos(input: $input) { ... on Error { message }
  ... on AddPhotosPayload { verdicts { fileName problems photo { fileName url small: url(width: 64) } } } } }`;
type Verdict = { fileName: string; problems: string[]; photo: { fileName: string; url: string; small: string } | null };

let likeness: TestLikeness;
let user: Awaited<ReturnType<typeof newKey>>;
let folders: string[];
beforeAll(async () => {
  likeness = await startLikeness({ manual: true, env: guarded });
  user = await newKey(likeness);
  // The first request pays for what the server initializes once.
  await add(jpeg);
  folders = readdirSync(likeness.dataDir);
});
afterAll(() => likeness.close());

/** Adds the file to a new avatar, so that it is never a duplicate and the avatar never full. */
async function add(content: Buffer | string, name = 'photo.jpg', disposition?: string) {
  const { id } = await likeness.app.prisma.avatar.create({
    data: { ownerId: user.ownerId, kind: 'PORTRAIT', name: 'Ada', triggerPhrase: 'TOK_1' },
  });
  const avatarId = globalId('PortraitAvatar', id);
  const variables = { input: { avatarId, files: [null] } };
  const form = multipartForm(addPhotos, variables, [
    { path: 'variables.input.files.0', name, content: new Uint8Array(Buffer.from(content)) },
  ]);
  const request = new Request(`${user.url}/graphql`, { method: 'POST', headers: user.headers, body: form });
  // The form writes the disposition, unless the test gives one.
  const text = Buffer.from(await request.arrayBuffer()).toString('latin1');
  const body = Buffer.from(disposition === undefined ? text : text.replace(/filename="[^"]*"/, disposition), 'latin1');
  const before = process.cpuUsage();
  const response = await fetch(request.url, { method: 'POST', headers: request.headers, body });
  const found = await outcomeOf(response, before);
  const [verdict] = (found.data as { addPhotos: { verdicts: Verdict[] } } | undefined)?.addPhotos.verdicts ?? [];
  if (verdict === undefined) throw new Error(found.text);
  return { ...verdict, cpuMs: found.cpuMs };
}

/** Fetches a signed URL from this server instead of its public host. */
const serve = (url: string) => fetch(url.replace(guarded.PUBLIC_URL, likeness.url));
const storedFiles = () =>
  readdirSync(join(likeness.dataDir, 'files'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
const uploads = () => readdirSync(join(likeness.dataDir, 'uploads'));

const jpeg = readFileSync(photoPath('good/02.jpg'));
const script = '<script>alert(document.domain)</script>';
const chunk = (type: string, data: Buffer) => {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
};
const pngHead = (width: number, height: number) => {
  const head = Buffer.from('00000000000000000802000000', 'hex');
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head)]);
};
const end = chunk('IEND', Buffer.alloc(0));
/** A JPEG whose header declares these dimensions. */
const jpegOf = (width: number, height: number) => {
  const bytes = Buffer.from(jpeg);
  const frame = bytes.findIndex((byte, index) => byte === 0xff && [0xc0, 0xc2].includes(bytes[index + 1] ?? 0));
  bytes.writeUInt16BE(height, frame + 5);
  bytes.writeUInt16BE(width, frame + 7);
  return bytes;
};

describe('the server rejects, and stores nothing of,', () => {
  test.each<[what: string, content: () => Buffer | string, problem: string]>([
    [
      'an SVG with a script',
      () => `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="900">${script}</svg>`,
      'UNSUPPORTED_FORMAT',
    ],
    [
      'an SVG that reads a file',
      () =>
        `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg width="900" height="900"><text>&x;</text></svg>`,
      'UNSUPPORTED_FORMAT',
    ],
    [
      'an SVG with a billion-laughs entity',
      () =>
        `<!DOCTYPE svg [<!ENTITY a "ha">${Array.from('bcdefghij', (name, i) => `<!ENTITY ${name} "${`&${'abcdefghij'[i]};`.repeat(10)}">`).join('')}]><svg width="900" height="900">&j;</svg>`,
      'UNSUPPORTED_FORMAT',
    ],
    ['a GIF that is a script', () => `GIF89a=0/*${'\0'.repeat(20)}*/;alert(1)//`, 'UNSUPPORTED_FORMAT'],
    ['a BMP that is a script', () => `BM=0/*${'\0'.repeat(60)}*/;alert(1)//`, 'UNSUPPORTED_FORMAT'],
    ['an HTML page', () => `<!doctype html>${script}`, 'NOT_AN_IMAGE'],
    [
      'an archive',
      () =>
        Buffer.from(
          'UEsDBBQAAAAAAAAAIQAAAAAAAAAAAAAAAAABAAAAYVBLAQIUABQAAAAAAAAAIQAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAABhUEsFBgAAAAABAAEALwAAAB8AAAAAAA==',
          'base64',
        ),
      'NOT_AN_IMAGE',
    ],
    ['an ELF program', () => Buffer.from('7f454c4602010100000000000000000002003e0001', 'hex'), 'NOT_AN_IMAGE'],
    ['PostScript', () => '%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file', 'NOT_AN_IMAGE'],
    [
      'an ImageMagick MVG script',
      () => 'push graphic-context\nfill url(https://evil.example/)\npop graphic-context',
      'NOT_AN_IMAGE',
    ],
    [
      'a PNG that declares 65,535 × 65,535 pixels',
      () => Buffer.concat([pngHead(65_535, 65_535), chunk('IDAT', deflateSync(Buffer.alloc(1_000_000))), end]),
      'TOO_MANY_PIXELS',
    ],
    [
      'a PNG one pixel high and 2^31 - 1 wide',
      () => Buffer.concat([pngHead(2 ** 31 - 1, 1), chunk('IDAT', deflateSync(Buffer.alloc(1_000))), end]),
      'CORRUPT',
    ],
    ['a JPEG that declares 65,500 × 65,500 pixels', () => jpegOf(65_500, 65_500), 'TOO_MANY_PIXELS'],
    ['a JPEG that declares more pixels than it has', () => jpegOf(5_000, 9_000), 'CORRUPT'],
    [
      'a PNG whose pixels unpack to 300 MB',
      () => Buffer.concat([pngHead(600, 600), chunk('IDAT', deflateSync(Buffer.alloc(300_000_000, 7))), end]),
      'CORRUPT',
    ],
  ])('%s', async (_what, content, problem) => {
    const files = storedFiles().length;
    const bytes = content();
    const memory = process.memoryUsage.rss();
    const { problems, photo, cpuMs } = await add(Buffer.from(bytes));
    expect([problems, photo]).toEqual([[problem], null]);
    expect(cpuMs).toBeLessThan(2_000);
    expect((process.memoryUsage.rss() - memory) / 1_000_000).toBeLessThan(200);
    expect(storedFiles().length).toBe(files);
    expect(await alive(likeness)).toBe(true);
  });
});

describe('the server serves only as an image', () => {
  const comment = (text: string) => Buffer.concat([Buffer.from([0xff, 0xfe, 0, text.length + 2]), Buffer.from(text)]);
  test.each<[what: string, content: () => Promise<Buffer> | Buffer]>([
    ['a JPEG followed by an HTML page', () => Buffer.concat([jpeg, Buffer.from(script)])],
    [
      'a JPEG with an HTML page in a comment',
      () => Buffer.concat([jpeg.subarray(0, 2), comment(`<html>${script}`), jpeg.subarray(2)]),
    ],
    ['a JPEG followed by a ZIP archive', () => Buffer.concat([jpeg, Buffer.from('PK\x05\x06'), Buffer.alloc(18)])],
    [
      'a JPEG with a script in its EXIF',
      () =>
        sharp(jpeg)
          .withExif({ IFD0: { ImageDescription: script } })
          .jpeg()
          .toBuffer(),
    ],
    [
      'a PNG with an HTML page in a text chunk',
      async () => {
        const png = await sharp({ create: { width: 600, height: 600, channels: 3, background: '#808080' } })
          .png()
          .toBuffer();
        return Buffer.concat([png.subarray(0, 33), chunk('tEXt', Buffer.from(`Comment\0${script}`)), png.subarray(33)]);
      },
    ],
    [
      'a PNG with a text chunk that unpacks to 200 MB',
      async () => {
        const png = await sharp({ create: { width: 600, height: 600, channels: 3, background: '#707070' } })
          .png()
          .toBuffer();
        const text = Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(200_000_000, 65))]);
        return Buffer.concat([png.subarray(0, 33), chunk('zTXt', text), png.subarray(33)]);
      },
    ],
  ])('%s', async (_what, content) => {
    const bytes = await content();
    const { photo, cpuMs } = await add(bytes, 'page.html');
    expect(cpuMs).toBeLessThan(2_000);
    for (const url of [photo?.url, photo?.small]) {
      const response = await serve(url ?? '');
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': expect.stringMatching(/^image\/(jpeg|png|webp)$/) as string,
        'content-disposition': expect.stringMatching(/^inline; filename="page\.(jpg|png)"/) as string,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'",
      });
      const served = Buffer.from(await response.arrayBuffer());
      // The original is served as the user sent it; a rendition contains only pixels.
      const hasPayload = served.includes('alert(') || served.includes('PK\x05\x06');
      expect(url === photo?.small && hasPayload).toBe(false);
    }
  });
});

describe('a file name is shown and never used as a path or header:', () => {
  const names: [what: string, name: string, disposition?: string][] = [
    ['a relative path', '../../../../etc/cron.d/evil.jpg'],
    ['a Windows path', '..\\..\\windows\\system32\\evil.jpg'],
    ['an absolute path', '/etc/passwd'],
    ['two dots', '..'],
    ['right-to-left text', 'photo\u202Egpj.exe'],
    ['direction marks', '\u2066photo\u2069\u200F.jpg'],
    ['300 characters', `${'x'.repeat(300)}.jpg`],
    ['300 wide characters', '👩'.repeat(300)],
    ['line breaks', 'photo.jpg\r\nSet-Cookie: evil=1\r\n\r\n<html>'],
    ['quotes', 'photo.jpg"; filename="evil.html'],
    ['percent escapes', 'photo%0d%0aSet-Cookie:evil=1%22.html'],
    ['a Windows data stream', 'photo.jpg::$DATA'],
    ['a Windows device name', 'CON'],
    ['a script', `${script}.jpg`],
    ['__proto__', '__proto__'],
    ['an empty name', '', 'filename=""'],
    ['an escaped NUL', '', "filename*=UTF-8''photo.jpg%00.html"],
    ['an escaped path', '', "filename*=UTF-8''..%2F..%2Fetc%2Fpasswd"],
    ['an escaped line break', '', "filename*=UTF-8''photo%0D%0ASet-Cookie:evil.jpg"],
    ['invalid UTF-8', '', 'filename="\xff\xfe\xc0\xaf.jpg"'],
    ['two names', '', 'filename="photo.jpg"; filename="evil.html"'],
  ];
  test.each(names)('%s', async (_what, name, disposition) => {
    const { fileName, photo } = await add(jpeg, name, disposition);
    expect(fileName).not.toMatch(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u);
    expect(fileName.length).toBeGreaterThan(0);
    expect(Array.from(fileName).length).toBeLessThanOrEqual(255);
    expect(photo?.fileName).toBe(fileName);
    const response = await serve(photo?.url ?? '');
    expect(response.headers.get('content-type')).toBe('image/jpeg');
    expect(response.headers.get('content-disposition')).toMatch(
      /^inline; filename="[\w .-]+\.jpg"; filename\*=UTF-8''[\w%.!~-]+\.jpg$/,
    );
    expect(response.headers.has('set-cookie')).toBe(false);
    await response.body?.cancel();
    const ours = /[/]files[/](\w+[/])*[\da-f]{64}([/][\w-]+\.(jpeg|png))?$/;
    expect(storedFiles().filter((path) => !ours.test(path))).toEqual([]);
    expect(readdirSync(likeness.dataDir)).toEqual(folders);
  });
});

test('a raw NUL in a file name makes the form malformed', async () => {
  await expect(add(jpeg, 'photo.jpg\0.html')).rejects.toThrow('Malformed part header');
});

test('none of these attacks was logged as an error of the server, and no upload is left', async () => {
  expect(failuresOf(likeness)).toEqual([]);
  await vi.waitFor(() => expect(uploads()).toEqual([]));
});
