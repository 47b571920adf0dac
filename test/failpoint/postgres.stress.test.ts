import { databases, tellSkipped } from '../support/databases.ts';
import { describeSweep } from './suite.ts';

tellSkipped();
for (const postgres of databases.slice(1)) describeSweep(...postgres);
