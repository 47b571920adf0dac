/** A typical page of an app: 50 generations, each with its avatar, images and cost. */
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

/** Returns the SQL statements of the page query, without those of the first execution, and its response as JSON. */
export async function readPage(databaseUrl: string, dataDir: string): Promise<{ sql: Statement[]; response: string }> {
  const settings = readSettings({ PORT: '0', DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
  const likeness = await start({ settings, log: pino({ level: 'error' }), worker: { manual: true } });
  try {
    await gql(likeness.url, page);
    let response = '';
    const sql = await statementsOf(async () => {
      response = JSON.stringify(await gql<Page>(likeness.url, page));
    });
    return { sql, response };
  } finally {
    await likeness.close();
  }
}
