/** Two hundred schedules, of a fixed seed and of one that nobody has seen. `npm run interleavings` sets the environment. */
import { describeSimulation } from './suite.ts';

const env = (name: string) => process.env[`SIMULATION_${name}`];
const fresh = Number(env('SEED') ?? Date.now() % 1_000_000);

describeSimulation(
  [
    ['a fixed seed', 20_261_121],
    [`the fresh seed ${fresh}`, fresh],
  ],
  { runs: Number(env('RUNS') ?? 100), repeated: 8, path: env('PATH') },
);
