/** The whole API: imports every *.graphql.ts and defines no type itself. Run as a script, it writes schema.graphql. */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import '../graphql/node.ts';
import '../graphql/scalars.ts';
import '../avatar/avatar.graphql.ts';
import '../avatar/avatar-mutations.graphql.ts';
import '../photo/photo.graphql.ts';
import '../training/training.graphql.ts';
import '../training/training-mutations.graphql.ts';
import '../generation/generation.graphql.ts';
import '../generation/generation-mutations.graphql.ts';
import '../image/image.graphql.ts';
import '../job/job.graphql.ts';
import '../job/job-events.graphql.ts';
import '../job/job-mutations.graphql.ts';
import '../job/retry.graphql.ts';
import '../ledger/ledger.graphql.ts';
import '../ledger/price.graphql.ts';
import '../generation/plan.graphql.ts';
import '../training/plan.graphql.ts';
import '../user/user.graphql.ts';
import '../apikey/apikey.graphql.ts';
import '../instance/server.graphql.ts';
import { withAccess } from '../graphql/access-descriptions.ts';
import { builder } from '../graphql/builder.ts';

export const schema: GraphQLSchema = withAccess(builder.toSchema());

/** The content of schema.graphql. */
export const printedSchema = (): string => `${printSchema(lexicographicSortSchema(schema))}\n`;

if (basename(process.argv[1] ?? '') === 'schema.ts') {
  writeFileSync(join(import.meta.dirname, '../../schema.graphql'), printedSchema());
}
