/** Validates every client document of a folder against a printed schema: `validate.ts schema.graphql folder`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, parse, validate } from 'graphql';

const [, , schemaPath = '', folder = ''] = process.argv;
const schema = buildSchema(readFileSync(schemaPath, 'utf8'));
const names = readdirSync(folder).filter((name) => name.endsWith('.graphql'));
const faults = names.flatMap((name) =>
  validate(schema, parse(readFileSync(join(folder, name), 'utf8'))).map(({ message }) => `${name}: ${message}`),
);
process.stdout.write(`${[...faults, `${names.length} documents, ${faults.length} faults`].join('\n')}\n`);
if (faults.length > 0 || names.length === 0) process.exitCode = 1;
