/** Joins what is written to a connection in one tick into one system call, which is the dearest part of a message. */
import type { Duplex } from 'node:stream';

let corked: (() => void)[] = [];

/** Holds back what is written to the connection until the end of the tick, then calls back. */
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
