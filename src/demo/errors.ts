/** The errors that end the demo early. */

/** A failure that the user can understand from its message alone, which is one line. */
export class DemoError extends Error {}

const signalNumbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

export type StopSignal = keyof typeof signalNumbers;
export const stopSignals = Object.keys(signalNumbers) as StopSignal[];

/** The user pressed Ctrl-C, or a signal asked the demo to stop. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: StopSignal) {
    super(signal);
    this.exitCode = 128 + signalNumbers[signal];
  }
}
