/** Five hundred random operations on credits; `npm run test:stress` runs ten thousand. */

import { describeLedger } from './describe-ledger.ts';
import { openOnPglite } from './open-server.ts';

describeLedger([['PGlite, one after another', openOnPglite, 500]]);
