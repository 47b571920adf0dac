/** The whole API: imports each feature's schema, and prints itself when run. It defines no type. */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import './node/schema.ts';
import './avatar/schema.ts';
import './avatar/mutation/schema.ts';
import './photo/schema.ts';
import './photo/mutation/schema.ts';
import './training/schema.ts';
import './training/mutation/schema.ts';
import './generation/schema.ts';
import './generation/mutation/schema.ts';
import './image/schema.ts';
import './job/schema.ts';
import './job/history/schema.ts';
import './job/mutation/schema.ts';
import './retry/schema.ts';
import './ledger/schema.ts';
import './generation/preview/schema.ts';
import './training/preview/schema.ts';
import './user/schema.ts';
import './user/mutation/schema.ts';
import './ledger/mutation/schema.ts';
import './apikey/schema.ts';
import './apikey/mutation/schema.ts';
import './instance/schema.ts';
import { withAccess } from './access/description.ts';
import { builder } from './builder.ts';

export const schema: GraphQLSchema = withAccess(builder.toSchema());

/** What schema.graphql holds. */
export const printedSchema = (): string => `${printSchema(lexicographicSortSchema(schema))}\n`;

if (basename(process.argv[1] ?? '') === 'schema.ts') {
  writeFileSync(join(import.meta.dirname, '../schema.graphql'), printedSchema());
}
