import { databases, tellSkipped } from '../support/databases.ts';
import { describeBucketOn } from './shared-bucket.ts';

tellSkipped();

for (const database of databases.slice(1)) describeBucketOn(...database);
