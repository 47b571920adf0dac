/** The process of load.ts. Receives a load, sends its requests, and reports the rate and the number of failed requests. */
import autocannon from 'autocannon';
import type { Load } from './load.ts';

process.on('message', (load: Load) => {
  void send(load).then((result) => process.send?.(result));
});

async function send({ url, body, connections, seconds }: Load): Promise<{ perSecond: number; failed: number }> {
  const headers = { 'content-type': 'application/json' };
  // Some servers respond to an error with status 200, so one response is checked before the load begins.
  const first = (await (await fetch(url, { method: 'POST', headers, body })).json()) as { errors?: unknown };
  if (first.errors !== undefined) throw new Error(`${url} responds with errors: ${JSON.stringify(first.errors)}`);
  const result = await autocannon({ url, method: 'POST', headers, body, connections, duration: seconds });
  return { perSecond: result['2xx'] / result.duration, failed: result.errors + result.timeouts + result.non2xx };
}
