/** Queries per second over HTTP: the cheapest query, and a page of data from the database. */
import { startProcess } from '../support/process.ts';
import { type BaselineServer, type Running, startBaselineServer } from './baseline-server.ts';
import { openBenchDatabase, versionOfPostgres } from './database.ts';
import { openLoader } from './load.ts';
import { page, readPage } from './page.ts';
import type { Figure, PartOptions } from './part.ts';
import { inTurns, median, ratio, round } from './rounds.ts';
import { versioned } from './versions.ts';

const cheapestQuery = '{ __typename }';
const fastestServer = `${versioned('mercurius')} with JIT on ${versioned('fastify')}`;

export async function measure({ isQuick, report }: PartOptions): Promise<Figure[]> {
  const rounds = isQuick ? { count: 2, seconds: 1 } : { count: 5, seconds: 3 };
  const database = await openBenchDatabase({ generations: 20_000, ofViewer: 10_000, imagesEach: 2 });
  const databaseUrl = database.url;
  const { sql, response } = await readPage(databaseUrl, database.folder());
  const server = await startProcess({ DATABASE_URL: databaseUrl, DATA_DIR: database.folder() });
  const running: Running[] = [];
  const loader = openLoader();
  try {
    const compare = async (query: string, connections: number, baselines: Record<string, BaselineServer>) => {
      const urls = new Map([['likeness', `${server.url}/graphql`]]);
      for (const [name, baseline] of Object.entries(baselines)) {
        const started = await startBaselineServer(baseline);
        running.push(started);
        urls.set(name, `${started.url}/graphql`);
      }
      const body = JSON.stringify({ query });
      const run = (url: string, seconds: number) => loader.run({ url, body, connections, seconds });
      for (const url of urls.values()) await run(url, 1);
      const perSecond = await inTurns(
        rounds.count,
        [...urls].map(([name, url]) => ({ name, run: () => run(url, rounds.seconds) })),
      );
      for (const [name, numbers] of perSecond) report(`${name}: ${round(median(numbers), 0)} per second`);
      for (const { end } of running.splice(0)) await end();
      return perSecond;
    };

    const cheapest = await compare(cheapestQuery, 10, {
      bare: { kind: 'bytes', response: '{"data":{"__typename":"Query"}}' },
      yoga: { kind: 'yoga' },
      mercurius: { kind: 'mercurius' },
    });
    const ours = { databaseUrl, dataDir: '' };
    const pageRates = await compare(page, 4, {
      bare: { kind: 'bytes', response },
      sql: { kind: 'sql', databaseUrl, statements: sql },
      yoga: { kind: 'our-yoga', ...ours, dataDir: database.folder() },
      mercurius: { kind: 'our-mercurius', ...ours, dataDir: database.folder() },
    });

    const times = (number: number) => `${round(number)} times as many per second`;
    const postgres = await versionOfPostgres(database);
    const toYoga = ratio(cheapest, 'likeness', 'yoga');
    const toMercurius = ratio(cheapest, 'likeness', 'mercurius');
    const toSql = ratio(pageRates, 'sql', 'likeness');
    const pageToMercurius = ratio(pageRates, 'likeness', 'mercurius');
    const atLeast = (figure: number, minimum: number) => ({ figure: times(figure), isMet: figure >= minimum });
    return [
      {
        label: '`{ __typename }`',
        against: `${versioned('graphql-yoga')} unchanged, one field`,
        goal: 'at least 4',
        ...atLeast(toYoga, 4),
      },
      {
        label: '`{ __typename }`',
        against: `${fastestServer}, one field`,
        goal: 'at least 0.6',
        ...atLeast(toMercurius, 0.6),
      },
      {
        label: '`{ __typename }`',
        against: 'node:http with the same bytes as a constant',
        goal: '',
        figure: times(ratio(cheapest, 'likeness', 'bare')),
        isMet: undefined,
      },
      {
        label: 'a page of 50 generations with avatar, images and cost',
        figure: `${round(toSql)} times as long`,
        against: `the same SQL with ${versioned('pg')} on ${postgres} and JSON.stringify`,
        goal: 'at most 1.3',
        isMet: toSql <= 1.3,
      },
      {
        label: 'the same page',
        against: `${fastestServer}, the same schema and resolvers`,
        goal: 'more than 1',
        ...atLeast(pageToMercurius, 1),
      },
      {
        label: 'the same page',
        against: `${versioned('graphql-yoga')} unchanged, the same schema and resolvers`,
        goal: 'more than 1',
        ...atLeast(ratio(pageRates, 'likeness', 'yoga'), 1),
      },
      {
        label: 'the same page',
        figure: `${sql.length} SQL ${sql.length === 1 ? 'statement' : 'statements'}`,
        against: '',
        goal: 'at most 1',
        isMet: sql.length <= 1,
      },
    ];
  } finally {
    loader.end();
    for (const { end } of running) await end();
    await server.end('SIGTERM');
    await database.remove();
  }
}
