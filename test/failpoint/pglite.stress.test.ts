import { databases } from '../support/databases.ts';
import { describeSweep } from './suite.ts';

for (const pglite of databases.slice(0, 1)) describeSweep(...pglite);
