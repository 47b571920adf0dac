/** How the times of one page query and of startGeneration grow from 1,000 to 100,000 and 1,000,000 generations, on PostgreSQL. */
import { type ServerProcess, startProcess } from '../support/process.ts';
import { execute, startGeneration } from './client.ts';
import { type BenchDatabase, openBenchDatabase, versionOfPostgres } from './database.ts';
import { openLoader } from './load.ts';
import { page } from './page.ts';
import type { Figure, PartOptions } from './part.ts';
import { inTurns, median, ratio, round } from './rounds.ts';
import { type FalProcess, startFal } from './simulated-fal.ts';

/** The goal: at most 25 % slower than with the fewest generations. */
const maxRatio = 1.25;
const settings = 'fluxLora: { numInferenceSteps: 1 }';

type Setup = { size: number; database: BenchDatabase; server: ServerProcess; avatarId: string };

export async function measure({ isQuick, report }: PartOptions): Promise<Figure[]> {
  const rounds = isQuick ? { count: 2, seconds: 1, starts: 10 } : { count: 7, seconds: 2, starts: 25 };
  const setups: Setup[] = [];
  const loader = openLoader();
  let fal: FalProcess | undefined;
  try {
    for (const size of [1_000, 100_000, ...(isQuick ? [] : [1_000_000])]) {
      report(`filling ${size.toLocaleString('en')}`);
      // Half of the generations belong to the caller.
      const database = await openBenchDatabase({ generations: size, ofViewer: size / 2, imagesEach: 2 });
      fal ??= await startFal(database.folder(), 'stopped');
      const server = await startProcess({ ...fal.env, DATABASE_URL: database.url, DATA_DIR: database.folder() });
      const { avatars } = await execute<{ avatars: { edges: { node: { id: string } }[] } }>(
        server.url,
        '{ avatars(first: 1) { edges { node { ... on AvatarProfile { id } } } } }',
      );
      setups.push({ size, database, server, avatarId: avatars.edges[0]?.node.id ?? '' });
    }
    const name = (subject: string, size: number) => `${subject} at ${size.toLocaleString('en')}`;
    const pageMs = async ({ server }: Setup, seconds: number) =>
      1000 /
      (await loader.run({
        url: `${server.url}/graphql`,
        body: JSON.stringify({ query: page }),
        connections: 1,
        seconds,
      }));
    const startMs = async ({ server, avatarId }: Setup) => {
      const began = performance.now();
      for (let n = 0; n < rounds.starts; n += 1) await startGeneration(server.url, avatarId, `number ${n}`, settings);
      return (performance.now() - began) / rounds.starts;
    };
    for (const setup of setups) await pageMs(setup, 2);
    const ms = new Map([
      ...(await inTurns(
        rounds.count,
        setups.map((setup) => ({ name: name('page', setup.size), run: () => pageMs(setup, rounds.seconds) })),
      )),
      ...(await inTurns(
        rounds.count,
        setups.map((setup) => ({ name: name('start', setup.size), run: () => startMs(setup) })),
      )),
    ]);
    for (const [measurement, numbers] of ms) report(`${measurement}: ${round(median(numbers))} ms`);
    const [smallest, ...others] = setups.map(({ size }) => size);
    const postgres = setups[0] ? await versionOfPostgres(setups[0].database) : '';
    const figures = (subject: string, label: string): Figure[] =>
      others.map((size) => {
        const times = ratio(ms, name(subject, size), name(subject, smallest ?? 0));
        return {
          label: `${label}, at ${size.toLocaleString('en')} generations`,
          figure: `${round(times)} times as long, ${round(median(ms.get(name(subject, size)) ?? []), 1)} ms`,
          against: `at ${smallest?.toLocaleString('en')}, ${postgres}`,
          goal: `at most ${maxRatio}`,
          isMet: times <= maxRatio,
        };
      });
    return [
      ...figures('page', 'a page of 50 generations with avatar, images and cost'),
      ...figures('start', 'startGeneration'),
    ];
  } finally {
    loader.end();
    for (const { server, database } of setups) {
      await server.end('SIGKILL');
      await database.remove();
    }
    await fal?.end();
  }
}
