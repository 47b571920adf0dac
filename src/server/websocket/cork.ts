/** What is written to a connection in one tick leaves it in one piece: a write to the system for each message costs most. */
import type { Duplex } from 'node:stream';

let corked: (() => void)[] = [];

/** Holds back what is written until the end of the tick; then calls back. */
export function cork(connection: Duplex, then: () => void): void {
  connection.cork();
  if (corked.length === 0) process.nextTick(uncork);
  corked.push(() => {
    connection.uncork();
    then();
  });
}

function uncork(): void {
  const all = corked;
  corked = [];
  for (const each of all) each();
}
