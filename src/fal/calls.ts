/** The requests that fal is sent, by what they are for, and how one that is seen from outside is told of. */

export const callNames = ['submit', 'status', 'stream', 'result', 'cancel', 'upload', 'download'] as const;
export type CallName = (typeof callNames)[number];

/** fal's HTTP status, or why there was none. */
export type CallEnd = { status: number } | { error: unknown };

/** A call begins. What is returned says how it ended; said twice, the first holds. */
export type See = (call: CallName) => (end: CallEnd) => void;
