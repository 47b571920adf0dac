/** A process with nothing but PGlite: opens the folder that it is given, asks it one thing, says so and ends. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { PGlite } from '@electric-sql/pglite';

const folder = process.argv[2] ?? '';
mkdirSync(dirname(folder), { recursive: true });
const pglite = new PGlite({ dataDir: folder });
await pglite.query('SELECT 1');
process.send?.('open');
await pglite.close();
process.exit();
