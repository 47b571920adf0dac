/** A process with nothing but PGlite. It opens a folder, executes one query, reports that and exits. */
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
