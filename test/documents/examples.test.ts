/** The examples in the documents work: programs run against a server, and GraphQL is valid for schema.graphql. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buildSchema, parse, validate } from 'graphql';
import { expect, onTestFinished, test } from 'vitest';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { blocksOf, documents, read, root } from './documents.ts';

/** Runs a program as `node --input-type=module` would, and returns its exit code and everything that it printed. */
async function run(program: string, likeness: TestLikeness, argument: string): Promise<[code: number, output: string]> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, 'example.mjs', argument], {
    cwd: root,
    env: { ...process.env, LIKENESS_URL: `${likeness.url.replace('http', 'ws')}/graphql` },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const [code] = (await once(child, 'close')) as [number];
  return [code, output];
}

async function startWithStyle(): Promise<TestLikeness & { avatarId: string }> {
  const likeness = await startLikeness();
  onTestFinished(() => likeness.close());
  const { data } = await likeness.gql<{ importAvatar: { id: string } }>(
    'mutation { importAvatar(input: { style: { name: "Ink", finetuneId: "ink", triggerWord: "INK" } }) { ... on StyleAvatar { id } } }',
  );
  return { ...likeness, avatarId: data?.importAvatar.id ?? '' };
}

test('README.md: the program in 20 lines starts a generation, follows it to its end and reads its pictures', async () => {
  const [program = ''] = blocksOf('README.md', 'js');
  expect(program.trimEnd().split('\n').length).toBeLessThanOrEqual(20);
  const [code, output] = await run(program, await startWithStyle(), 'a lighthouse at dusk');
  expect([code, output]).toEqual([0, expect.stringMatching(/JobQueued.*JobSubmitted.*Job(Succeeded|Failed).*\]/s)]);
});

test('docs/api-guide.md: the program that resumes follows a job to its end', async () => {
  const likeness = await startWithStyle();
  const { data } = await likeness.gql<{ startGeneration: { id: string } }>(
    'mutation ($input: StartGenerationInput!) { startGeneration(input: $input) { ... on Generation { id } } }',
    { input: { avatarId: likeness.avatarId, prompt: 'a fox' } },
  );
  const [program = ''] = blocksOf('docs/api-guide.md', 'js');
  const [code, output] = await run(program, likeness, data?.startGeneration.id ?? '');
  expect([code, output]).toEqual([0, expect.stringMatching(/JobQueued.*JobSubmitted.*Job(Succeeded|Failed)/s)]);
});

test('the GraphQL of every shell example is valid', async () => {
  const schema = buildSchema(read('schema.graphql'));
  const queries = documents.flatMap((path) =>
    blocksOf(path, 'sh').flatMap((block) =>
      [...block.matchAll(/"query": ("(?:[^"\\]|\\.)*")/g)].map(([, query = '']) => JSON.parse(query) as string),
    ),
  );
  expect(queries.length).toBeGreaterThan(4);
  expect(queries.flatMap((query) => validate(schema, parse(query)).map(({ message }) => message))).toEqual([]);
});
