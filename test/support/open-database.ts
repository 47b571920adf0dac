/** Run alone: opens the database of the folder it is given, says so, and holds it until it is killed. */
import { openEmbeddedDatabase } from '../../src/database/embedded-database.ts';

await openEmbeddedDatabase(process.argv[2] ?? '');
process.stdout.write('open\n');
setInterval(() => undefined, 60_000);
