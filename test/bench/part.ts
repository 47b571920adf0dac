/** A part of the measurements: a file of this folder that main.ts runs by its name. */

/** One row of the table. */
export type Figure = {
  what: string;
  /** As it was measured, with its unit. */
  figure: string;
  /** What it ran beside, name@version. */
  against: string;
  /** Empty where there is none, and then `isMet` is undefined. */
  goal: string;
  isMet: boolean | undefined;
};

export type PartOptions = {
  /** Fewer and shorter rounds. */
  isQuick: boolean;
  /** For whoever waits. */
  say: (line: string) => void;
};

export type Part = { measure(options: PartOptions): Promise<Figure[]> };
