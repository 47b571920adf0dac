/** The log that a shared subscription follows: events numbered 1, 2, 3 …, readable from any number on. */
export type NumberedEvent = { sequence: number };

export type EventLog = AsyncIterator<NumberedEvent, unknown, undefined> & {
  /** A second reader of the same log, which starts after event number `after`. */
  from: (after: number) => EventLog;
};
