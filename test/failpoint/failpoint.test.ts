/** One failpoint of each kind for every change. The whole sweep is `npm run failpoints`. */
import { databases } from '../support/databases.ts';
import { describeOneOfEach } from './suite.ts';

for (const pglite of databases.slice(0, 1)) describeOneOfEach(...pglite);
