/** A raw TCP connection, for what no HTTP client would do. */
import { connect } from 'node:net';

export function converse(url: string, text: string) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let heard = '';
  socket.on('data', (data) => {
    heard += data.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.write(text);
  return {
    /** What was heard so far. */
    answer: () => heard,
    /** The moment when the other side has closed it. */
    closed,
    send: (more: string) => socket.write(more),
    /** Resolves when the connection has taken it. */
    sent: (more: string | Uint8Array) => new Promise<void>((resolve) => socket.write(more, () => resolve())),
    /** Stops reading, until `resume`. */
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    leave: () => socket.destroy(),
  };
}
