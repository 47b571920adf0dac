/** `npm run keys`, which creates the first admin key: its output, errors and exit codes. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { globalId } from '../support/global-id.ts';
import { gql } from '../support/http.ts';
import { newDataFolder, startLikeness } from '../support/likeness.ts';
import { runKeys } from '../support/process.ts';

let folder: ReturnType<typeof newDataFolder>;
beforeAll(() => {
  folder = newDataFolder();
});
afterAll(() => folder.remove());
const keys = (...args: string[]) => runKeys({ DATA_DIR: folder.dataDir }, ...args);
const create = (...args: string[]) => keys('create', '--name', 'first', '--scopes', 'admin', ...args);

test('create prints only the key, list shows it without its secret, and revoke revokes it', async () => {
  const made = await keys('create', '--name', 'The bot', '--scopes', 'write,act-as', '--expires', '2199-01-31');
  expect(made).toEqual({ code: 0, stdout: expect.stringMatching(/^lk_[\w-]{43}\n$/), stderr: '' });
  const key = made.stdout.trim();
  const listed = await keys('list');
  expect(listed).toMatchObject({ code: 0, stderr: '' });
  const id = listed.stdout.split(' ')[0] ?? '';
  expect(listed.stdout).toBe(`${id}  …${key.slice(-4)}  active  WRITE,ACT_AS  never used  The bot\n`);

  expect(await keys('revoke', id)).toEqual({ code: 0, stdout: 'The bot is revoked.\n', stderr: '' });
  expect(await keys('revoke', id)).toMatchObject({ code: 0, stdout: 'The bot is revoked.\n' });
  expect((await keys('list')).stdout).toContain('  revoked  ');
});

test('a server accepts the keys of the operator and of an end user; while a server runs, the command fails', async () => {
  const admin = (await create()).stdout.trim();
  const ada = (await create('--user', 'ada', '--name', 'of Ada')).stdout.trim();
  const env = { PUBLIC_URL: 'https://likeness.example' };
  const likeness = await startLikeness({ dataDir: folder.dataDir, env });
  try {
    const callerOf = async (key: string, headers: Record<string, string> = {}) =>
      (
        await gql<{ viewer: { id: string } }>(
          likeness.url,
          '{ viewer { id externalId } users(externalId: "ada") { edges { node { id } } } }',
          {},
          { authorization: `Bearer ${key}`, ...headers },
        )
      ).data;
    const operator = globalId('User', localViewer.id);
    expect(await callerOf(admin)).toMatchObject({ viewer: { id: operator, externalId: null } });
    const asAda = await callerOf(ada);
    expect(asAda).toMatchObject({ viewer: { externalId: 'ada' } });
    expect(asAda).toMatchObject({ users: { edges: [{ node: { id: asAda?.viewer.id } }] } });
    // The operator's keys act for the same user under this external id.
    const acting = await gql(likeness.url, '{ viewer { id } }', {}, { ...likeness.headers, 'x-likeness-user': 'ada' });
    expect(acting.data).toEqual({ viewer: { id: asAda?.viewer.id } });

    const { code, stdout, stderr } = await create();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^The data folder .+ is in use by another Likeness server \(process \d+\)\. .+\n$/);
  } finally {
    await likeness.close();
  }
  expect((await keys('list')).stdout).toContain('  of Ada\n');
});

describe('an error prints one sentence, exits with 1, and creates no key:', () => {
  let before: string;
  beforeAll(async () => {
    before = (await keys('list')).stdout;
  });
  test.each<[string, string[], RegExp]>([
    [
      'an unknown scope',
      ['create', '--name', 'x', '--scopes', 'read,root'],
      /There is no scope ROOT\. Use READ, WRITE, ADMIN, ACT_AS\./,
    ],
    ['no name', ['create', '--scopes', 'read'], /--name <name>' not specified/],
    ['an empty name', ['create', '--name', ' ', '--scopes', 'read'], /^name: Give the key a name\.$/m],
    [
      'an invalid time',
      ['create', '--name', 'x', '--scopes', 'read', '--expires', 'soon'],
      /Use a time such as 2027-01-31/,
    ],
    [
      'a time in the past',
      ['create', '--name', 'x', '--scopes', 'read', '--expires', '2020-01-31'],
      /^expiresAt: Must be/m,
    ],
    ['an invalid id', ['revoke', 'first'], /^This is not the id of a key\./m],
    ['an unknown id', ['revoke', localViewer.id], /^There is no such API key\.$/m],
  ])('%s', async (_what, args, sentence) => {
    const { code, stdout, stderr } = await keys(...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\bat .+\.ts:\d+/);
  });

  test.each<[string, () => Record<string, string>, RegExp]>([
    ['a setting', () => ({ PORT: 'http' }), /^PORT: /],
    [
      'a data folder that is a file',
      () => ({ DATA_DIR: join(folder.dataDir, 'database', 'PG_VERSION') }),
      /^DATA_DIR: /,
    ],
    ['an unreachable database', () => ({ DATABASE_URL: 'postgresql://l:secret@127.0.0.1:1/l' }), /^DATABASE_URL: /],
  ])('%s', async (_what, env, sentence) => {
    const { code, stdout, stderr } = await runKeys({ DATA_DIR: folder.dataDir, ...env() }, 'list');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\bat .+\.ts:\d+|secret/);
  });

  test('an external id with a space', async () => {
    const { code, stdout } = await create('--user', 'Ada Lovelace');
    expect([code, stdout]).toEqual([1, '']);
  });

  test('no key was created', async () => {
    const after = (await keys('list')).stdout.split('\n');
    expect(after.filter((line) => !before.split('\n').includes(line) && !line.endsWith('  first'))).toEqual([]);
  });
});
