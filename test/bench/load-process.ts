/** The process of load.ts: told what to send, it sends it and says how much of it was answered. */
import autocannon from 'autocannon';
import type { Load } from './load.ts';

process.on('message', (load: Load) => {
  void send(load).then((answer) => process.send?.(answer));
});

async function send({ url, body, connections, seconds }: Load): Promise<{ perSecond: number; failed: number }> {
  const headers = { 'content-type': 'application/json' };
  // An error has status 200 here and there: one answer is read before the others are counted.
  const first = (await (await fetch(url, { method: 'POST', headers, body })).json()) as { errors?: unknown };
  if (first.errors !== undefined) throw new Error(`${url} answers ${JSON.stringify(first.errors)}`);
  const result = await autocannon({ url, method: 'POST', headers, body, connections, duration: seconds });
  return { perSecond: result['2xx'] / result.duration, failed: result.errors + result.timeouts + result.non2xx };
}
