/** A page as an app shows it: fifty generations, each with its avatar, its images and its cost. */
import { pino } from 'pino';
import { readSettings } from '../../src/app/config.ts';
import { start } from '../../src/app/start.ts';
import { gql } from '../support/http.ts';
import { type Statement, statementsOf } from '../support/statements.ts';

export const page = `{
  generations(first: 50) {
    pageInfo { hasNextPage endCursor }
    edges {
      node {
        id prompt status createdAt finishedAt
        avatar { ... on AvatarProfile { id name status } }
        images { id url width height blurhash isFavorite }
        cost { price paid }
      }
    }
  }
}`;

export type Page = { generations: { edges: { node: { images: unknown[] } }[] } };

/** What it costs in SQL, and its answer. */
export async function readPage(databaseUrl: string, dataDir: string): Promise<{ sql: Statement[]; answer: string }> {
  const settings = readSettings({ PORT: '0', DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
  const likeness = await start({ settings, log: pino({ level: 'error' }), worker: { manual: true } });
  try {
    await gql(likeness.url, page);
    let answer = '';
    const sql = await statementsOf(async () => {
      answer = JSON.stringify(await gql<Page>(likeness.url, page));
    });
    return { sql, answer };
  } finally {
    await likeness.close();
  }
}
