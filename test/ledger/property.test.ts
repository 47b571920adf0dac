/** Five hundred operations for every change; `npm run test:stress` runs ten thousand. */
import { onPglite } from './opened.ts';
import { describeLedger } from './suite.ts';

describeLedger([['PGlite, one after another', onPglite, 500]]);
