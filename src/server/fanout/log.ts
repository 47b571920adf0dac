/** What a broadcast tells of: numbered events, 1, 2, 3 …, that can be followed from anywhere. */
export type Numbered = { sequence: number };

export type Log = AsyncIterator<Numbered, unknown, undefined> & {
  /** Another way through it, from behind an event that there is. */
  from: (place: number) => Log;
};

/** What an event is answered with: JSON, a character for each byte of it. */
export type Answer = (event: Numbered) => Promise<string> | string;
