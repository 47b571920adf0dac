/** A few schedules for every change; `npm run test:stress` and `npm run interleavings` play the rest. */
import { describeSimulation } from './suite.ts';

describeSimulation([['a fixed seed', 20_261_121]], { runs: 8, repeated: 2 });
