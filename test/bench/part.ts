/** A part of the benchmark: a file of this folder that exports `measure`. main.ts runs it by its name. */

/** One row of the table. */
export type Figure = {
  label: string;
  /** The result with its unit. */
  figure: string;
  /** What it was compared with, as name@version. */
  against: string;
  /** '' without a goal. Then `isMet` is undefined. */
  goal: string;
  isMet: boolean | undefined;
};

export type PartOptions = {
  /** Measure fewer and shorter rounds. */
  isQuick: boolean;
  /** Prints a line of progress. */
  report: (line: string) => void;
};

export type Part = { measure(options: PartOptions): Promise<Figure[]> };
