/** Uploads: where they go, what is refused and how, and what is left behind. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createServer } from '../../../src/server/server.ts';
import { gql, upload } from '../../support/http.ts';
import { converse } from '../../support/raw.ts';
import { openWorld } from '../world.ts';

const save = 'mutation ($file: File!) { save(file: $file) { fileName byteSize isTruncated sha256 } }';
const saveAll = 'mutation ($files: [File!]!) { saveAll(files: $files) { fileName byteSize isTruncated } }';
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const nulls = (count: number) => ({ files: Array.from({ length: count }, () => null) });
const files = (contents: string[]) =>
  contents.map((content, index) => ({ path: `variables.files.${index}`, name: `${index}.jpg`, content }));

type Part = [name: string, content: string, fileName?: string];

const boundary = 'a-boundary';
const body = (parts: Part[], end = `--${boundary}--\r\n`) =>
  parts
    .map(([name, content, fileName]) => {
      const file = fileName === undefined ? '' : `; filename="${fileName}"\r\nContent-Type: image/png`;
      return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${content}\r\n`;
    })
    .join('') + end;

const post = (url: string, text: string, contentType = `multipart/form-data; boundary=${boundary}`) =>
  fetch(`${url}/graphql`, { method: 'POST', headers: { 'content-type': contentType }, body: text });

describe('what comes through', () => {
  test('files, with their names and every byte, in the order of the places they were sent to', async () => {
    const { url, uploadsFolder } = await openWorld();
    const bytes = 'x'.repeat(300_000);
    const one = await upload(url, save, { file: null }, [
      { path: 'variables.file', name: '../../été "1".png', content: bytes },
    ]);
    expect(one.data).toEqual({
      save: { fileName: 'été %221%22.png', byteSize: 300_000, isTruncated: false, sha256: sha256(bytes) },
    });
    const all = await upload(url, saveAll, nulls(3), files(['a', 'bb', '']));
    expect(all.data?.['saveAll']).toEqual([
      { fileName: '0.jpg', byteSize: 1, isTruncated: false },
      { fileName: '1.jpg', byteSize: 2, isTruncated: false },
      { fileName: '2.jpg', byteSize: 0, isTruncated: false },
    ]);
    const nested = 'mutation ($input: SaveInput!) { saveNested(input: $input) { fileName } }';
    const path = 'variables.input.files.0';
    expect((await upload(url, nested, { input: { files: [null] } }, [{ path, name: 'n', content: 'n' }])).data).toEqual(
      {
        saveNested: [{ fileName: 'n' }],
      },
    );
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toEqual([]));
  });

  test('a file over the limit is cut off and the others go on; one of exactly the limit is whole', async () => {
    const { url } = await openWorld({ limits: { fileBytes: 100_000 } });
    const contents = ['x'.repeat(100_000), 'x'.repeat(100_001), 'x'.repeat(900_000), 'y'];
    const { data } = await upload(url, saveAll, nulls(4), files(contents));
    expect(data?.['saveAll']).toMatchObject([
      { byteSize: 100_000, isTruncated: false },
      { isTruncated: true },
      { isTruncated: true },
      { byteSize: 1, isTruncated: false },
    ]);
  });

  test('one file for two places, and files that the map does not name are read past', async () => {
    const { url } = await openWorld();
    const operations = JSON.stringify({ query: saveAll, variables: nulls(2) });
    const map = JSON.stringify({ a: ['variables.files.0', 'variables.files.1'] });
    const answer = await post(
      url,
      body([
        ['operations', operations],
        ['map', map],
        ['b', 'no', 'b'],
        ['a', 'yes', 'a'],
      ]),
    );
    expect(await answer.json()).toMatchObject({
      data: { saveAll: [{ fileName: 'a', byteSize: 3 }, { fileName: 'a' }] },
    });
  });

  test('200 MB pass through without being kept in memory', async () => {
    const { url, uploadsFolder } = await openWorld();
    const chunk = Buffer.alloc(1_000_000, 7);
    const map = Object.fromEntries(nulls(10).files.map((_null, index) => [index, [`variables.files.${index}`]]));
    const operations = JSON.stringify({ query: saveAll, variables: nulls(10) });
    const fields: Part[] = [
      ['operations', operations],
      ['map', JSON.stringify(map)],
    ];
    const partHead = (file: number) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${file}"; filename="${file}"\r\n\r\n`;
    const length = body(fields).length + 10 * (partHead(0).length + 20_000_000 + 2);
    const { answer, sent, leave } = converse(url, uploadHead(length) + body(fields, ''));
    const before = process.memoryUsage.rss();
    let peak = 0;
    for (let file = 0; file < 10; file += 1) {
      await sent(partHead(file));
      for (let megabyte = 0; megabyte < 20; megabyte += 1) {
        await sent(chunk);
        peak = Math.max(peak, process.memoryUsage.rss());
      }
      await sent('\r\n');
    }
    expect(await readdir(uploadsFolder)).toHaveLength(1);
    await sent(`--${boundary}--\r\n`);
    await vi.waitFor(() => expect(answer()).toContain('"9","byteSize":20000000,"isTruncated":false}]}}'));
    leave();
    expect((peak - before) / 1_000_000).toBeLessThan(60);
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toEqual([]));
  });
});

describe('what is refused', () => {
  const operations: Part = ['operations', JSON.stringify({ query: save, variables: { file: null } })];
  const map: Part = ['map', '{"0":["variables.file"]}'];
  const file: Part = ['0', 'abc', 'a.png'];

  test.each<[what: string, parts: Part[]]>([
    ...['null', '1', '"s"', 'true', '[]', '{', '', '[{"query":"{hello}"}]'].map((text): [string, Part[]] => [
      `operations ${text}`,
      [['operations', text], map, file],
    ]),
    ...[
      'null',
      '1',
      '"s"',
      'true',
      '[]',
      '{',
      '',
      '{"0":"variables.file"}',
      '{"0":[1]}',
      '{"0":[]}',
      '{"0":[null]}',
    ].map((text): [string, Part[]] => [`map ${text}`, [operations, ['map', text], file]]),
    ['a map to nowhere', [operations, ['map', '{"0":["variables.nowhere"]}'], file]],
    ['a map to below a null', [operations, ['map', '{"0":["variables.file.path"]}'], file]],
    ['a map to the empty path', [operations, ['map', '{"0":[""]}'], file]],
    ['a map to a prototype', [operations, ['map', '{"0":["__proto__.polluted"]}'], file]],
    ['a map to a constructor', [operations, ['map', '{"0":["variables.constructor.prototype"]}'], file]],
    ['a map to what is no null', [operations, ['map', '{"0":["query"]}'], file]],
    [
      'one place twice',
      [operations, ['map', '{"0":["variables.file"],"1":["variables.file"]}'], file, ['1', 'b', 'b']],
    ],
    ['no operations', [map, file]],
    ['no map', [operations]],
    ['no map but a file', [operations, file]],
    ['no file', [operations, map]],
    ['another file than the map says', [operations, map, ['1', 'abc', 'a.png']]],
    ['text in the place of a file', [operations, map, ['0', 'abc']]],
    ['operations twice', [operations, operations, map, file]],
    ['map twice', [operations, map, map, file]],
    ['a file twice', [operations, map, file, file]],
    ['map before operations', [map, operations, file]],
    ['a file before the map', [operations, file, map]],
    ['a file before all', [file, operations, map]],
    ['operations as a file', [['operations', operations[1], 'operations.json'], map, file]],
    ['many fields', [operations, map, ['x', '1'], ['y', '1'], ['z', '1'], file]],
    ['nothing', []],
    ['an operation without a query', [['operations', '{"variables":{"file":null}}'], map, file]],
    ['an operation that is no GraphQL', [['operations', '{"query":"{","variables":{"file":null}}'], map, file]],
  ])('%s: 400', async (_what, parts) => {
    const { url, uploadsFolder, lines } = await openWorld();
    const answer = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': `multipart/form-data; boundary=${boundary}`,
        accept: 'application/graphql-response+json, application/json',
      },
      body: body(parts),
    });
    const { errors } = (await answer.json()) as { errors: { message: string; extensions: { code: string } }[] };
    expect(answer.status).toBe(400);
    expect(errors[0]?.message).toMatch(/.{10}/);
    expect(lines.filter((line) => (line['level'] as number) >= 50)).toEqual([]);
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toEqual([]));
    expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
  });

  test.each([
    ['no boundary', 'multipart/form-data', 'x'],
    ['another boundary', 'multipart/form-data; boundary=other', body([operations, map, file])],
    ['a body that breaks off', undefined, body([operations, map, file], '')],
    ['no multipart at all', undefined, '{"query":"{ hello }"}'],
    ['an empty body', undefined, ''],
    ['a broken part header', undefined, `--${boundary}\r\nContent-Disposition\r\n\r\nx\r\n--${boundary}--\r\n`],
  ])('%s: 400', async (_what, contentType, text) => {
    const { url, uploadsFolder } = await openWorld();
    const answer = await post(url, text, contentType);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toEqual([]));
  });

  test('a value for File that is no upload, even one that looks like it', async () => {
    const { url } = await openWorld();
    const fake = { fileName: 'passwd', path: '/etc/passwd', byteSize: 10, isTruncated: false };
    for (const value of [fake, 'text', 1, true, {}, []]) {
      const { data, errors } = await gql(url, save, { file: value });
      expect(data).toBe(undefined);
      expect(errors?.[0]?.message).toContain('multipart');
    }
    const { errors } = await gql(url, 'mutation { save(file: "text") { fileName } }');
    expect(errors?.[0]?.message).toContain('multipart');
  });

  test('too many files, by the map or by the parts', async () => {
    const { url } = await openWorld({ limits: { uploadFiles: 3 } });
    expect((await upload(url, saveAll, nulls(3), files(['', '', '']))).status).toBe(200);
    const four = await upload(url, saveAll, nulls(4), files(['', '', '', '']));
    expect(four).toMatchObject({ status: 400, errors: [{ message: 'A request may have at most 3 files.' }] });
    const unnamed = [1, 2, 3].map((index): Part => [`extra${index}`, '', 'x']);
    expect((await post(url, body([operations, map, ...unnamed, file]))).status).toBe(400);
  });

  test('a field over its limit: 413', async () => {
    const { url } = await openWorld({ limits: { requestBytes: 1_000 } });
    const long = JSON.stringify({ query: save, variables: { file: null, long: 'x'.repeat(2_000) } });
    expect((await post(url, body([['operations', long], map, file]))).status).toBe(413);
  });
});

test('a full disk is the server’s failure: 500, logged, no detail in the answer', async () => {
  const { url, uploadsFolder, lines } = await openWorld();
  await rm(uploadsFolder, { recursive: true });
  const answer = await upload(url, save, { file: null }, [{ path: 'variables.file', name: 'a', content: 'abc' }]);
  expect(answer).toEqual({
    status: 500,
    errors: [{ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
  });
  expect(lines).toContainEqual(expect.objectContaining({ level: 50 }));
});

test('what a killed server left of its uploads is gone when the next one starts, and nothing else', async () => {
  const { options, uploadsFolder, server } = await openWorld();
  await server.close(0);
  await mkdir(join(uploadsFolder, 'upload-left'));
  await writeFile(join(uploadsFolder, 'upload-left', '0'), 'x');
  await writeFile(join(uploadsFolder, 'other'), 'x');
  const next = createServer(options);
  await next.listen();
  expect(await readdir(uploadsFolder)).toEqual(['other']);
  await next.close(0);
});

describe('a request over its limit', () => {
  const head = [
    'POST /graphql HTTP/1.1',
    'Host: localhost',
    `Content-Type: multipart/form-data; boundary=${boundary}`,
    '',
  ].join('\r\n');

  test('is refused by its content-length, before its body', async () => {
    const { url } = await openWorld({ limits: { uploadBytes: 1_000_000 } });
    const { answer, closed } = converse(url, `${head}Content-Length: 1000001\r\nExpect: 100-continue\r\n\r\n`);
    await vi.waitFor(() => expect(answer()).toMatch(/^HTTP\/1.1 413 /));
    expect(answer()).not.toContain('100 Continue');
    expect(answer()).toContain('REQUEST_TOO_LARGE');
    await closed;
  });

  test('is asked for when it is within', async () => {
    const { url } = await openWorld();
    const { answer, send } = converse(url, `${head}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n`);
    await vi.waitFor(() => expect(answer()).toBe('HTTP/1.1 100 Continue\r\n\r\n'));
    send('abc');
    await vi.waitFor(() => expect(answer()).toContain('HTTP/1.1 400 Bad Request'));
  });

  test('is refused at the byte that passes it, and the connection closed while more is sent', async () => {
    const { url, uploadsFolder } = await openWorld({ limits: { uploadBytes: 1_000_000 } });
    const { answer, closed, send } = converse(url, `${head}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const sending = setInterval(() => send(chunk), 1);
    await vi.waitFor(() => expect(answer()).toMatch(/^HTTP\/1.1 413 /));
    await closed;
    clearInterval(sending);
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toEqual([]));
  });
});

describe('a client that does not stay', () => {
  const start = (length: number) =>
    body(
      [
        [
          'operations',
          JSON.stringify({
            query: 'mutation ($file: File!) { hold(file: $file) { sha256 } }',
            variables: { file: null },
          }),
        ],
        ['map', '{"0":["variables.file"]}'],
      ],
      '',
    ) + `--${boundary}\r\nContent-Disposition: form-data; name="0"; filename="0"\r\n\r\n${'x'.repeat(length)}`;

  test('leaves nothing behind when it leaves in the middle of a file', async () => {
    const { url, uploadsFolder, lines } = await openWorld();
    const { leave } = converse(url, uploadHead(1_000_000) + start(1_000));
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toHaveLength(1));
    leave();
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toEqual([]));
    expect(lines.filter((line) => (line['level'] as number) >= 50)).toEqual([]);
  });

  test('leaves its files to the mutation that is reading them, and then nothing', async () => {
    const { url, uploadsFolder, gate, lines } = await openWorld();
    let open: () => void = () => undefined;
    gate.open = new Promise((resolve) => {
      open = resolve;
    });
    const text = `${start(1_000)}\r\n--${boundary}--\r\n`;
    const { leave } = converse(url, uploadHead(text.length) + text);
    await vi.waitFor(() => expect(gate.waiting).toBe(1));
    leave();
    expect(await readdir(uploadsFolder)).toHaveLength(1);
    open();
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toEqual([]));
    expect(lines.filter((line) => (line['level'] as number) >= 50)).toEqual([]);
  });

  test('is cut off when it stops sending', async () => {
    const { url, uploadsFolder } = await openWorld({ limits: { stallTimeoutMs: 300 } });
    const { closed } = converse(url, uploadHead(1_000_000) + start(1_000));
    await closed;
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toEqual([]));
  });

  test('is cut off when it takes too long, however busy', async () => {
    const { url, uploadsFolder } = await openWorld({ limits: { uploadTimeoutMs: 400 } });
    const { closed, send } = converse(url, uploadHead(1_000_000) + start(1_000));
    const sending = setInterval(() => send('x'), 20);
    await closed;
    clearInterval(sending);
    await vi.waitFor(async () => expect(await readdir(uploadsFolder)).toEqual([]));
  });
});

const uploadHead = (length: number) =>
  `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: ${length}\r\n\r\n`;
