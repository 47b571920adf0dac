/** Run alone: opens the database of the folder it is given, says so, and holds it until it is killed. */
import { openDatabase } from '../../src/database/client.ts';

await openDatabase(process.argv[2] ?? '');
process.stdout.write('open\n');
setInterval(() => undefined, 60_000);
