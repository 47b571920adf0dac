/** What ends the demo before its end. */

/** Its message, one line, is all that the user needs. */
export class Trouble extends Error {}

const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

export type StopSignal = keyof typeof numbers;
export const stopSignals = Object.keys(numbers) as StopSignal[];

/** The user pressed Ctrl-C, or somebody else asked the demo to end. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: StopSignal) {
    super(signal);
    this.exitCode = 128 + numbers[signal];
  }
}
