/** Complete replies with wrong content. */
import { z } from 'zod';
import { readWhole } from '../http/reply.ts';
import { callFault, type FaultType, type Middleware, wholeKinds } from './fault.ts';

const none = z.object({});

export const contentFaults: [FaultType, ...FaultType[]] = [
  callFault('malformed', wholeKinds, none, () =>
    rewriting(() => ({ bytes: Buffer.from('{"detail": <html>upstream</html>') })),
  ),
  callFault('truncated', wholeKinds, none, () =>
    rewriting(({ bytes }) => ({ bytes: bytes.subarray(0, Math.floor(bytes.length / 2)) })),
  ),
  callFault('empty', wholeKinds, none, () => rewriting(() => ({ bytes: Buffer.alloc(0) }))),
  callFault(
    'wrong-type',
    wholeKinds,
    z.object({ contentType: z.string().min(1).default('text/html') }),
    ({ contentType }) => rewriting(() => ({ headers: { 'content-type': contentType } })),
  ),
  // Trailing spaces keep JSON valid.
  callFault(
    'huge',
    wholeKinds,
    z.object({
      bytes: z
        .int()
        .positive()
        .default(64 * 2 ** 20),
    }),
    ({ bytes: total }) =>
      async (call, next) => {
        const reply = await next(call);
        const { headers, bytes } = await readWhole(reply);
        const { 'content-length': _, ...rest } = headers;
        return { status: reply.status, headers: rest, body: padded(bytes, total) };
      },
  ),
  // The first bytes of a picture, which give its type, then zeros.
  callFault('corrupt', ['download'], none, () =>
    rewriting(({ bytes }) => ({ bytes: Buffer.concat([bytes.subarray(0, 64)], bytes.length) })),
  ),
  callFault(
    'patch',
    wholeKinds,
    z.object({
      set: z.record(z.string(), z.json()).default({}),
      remove: z.array(z.string()).default([]),
    }),
    ({ set, remove }) =>
      rewritingJson((body) => {
        const members = Object.entries({ ...body, ...set }).filter(([name]) => !remove.includes(name));
        return Object.fromEntries(members);
      }),
  ),
  callFault('images', ['result'], z.object({ keep: z.int().nonnegative() }), ({ keep }) =>
    rewritingJson((body) => ({
      ...body,
      ...firstOf(body, 'images', keep),
      ...firstOf(body, 'has_nsfw_concepts', keep),
    })),
  ),
];

type Whole = { headers: Record<string, string | number>; bytes: Buffer };

/** Changes the bytes or headers of the reply and sets the right length. */
function rewriting(rewrite: (whole: Whole) => Partial<Whole>): Middleware {
  return async (call, next) => {
    const reply = await next(call);
    const whole = await readWhole(reply);
    const { headers = {}, bytes = whole.bytes } = rewrite(whole);
    return {
      status: reply.status,
      headers: { ...whole.headers, ...headers, 'content-length': bytes.length },
      body: bytes,
    };
  };
}

/** Changes a JSON object; leaves other replies alone. */
function rewritingJson(rewrite: (body: Record<string, unknown>) => object): Middleware {
  return rewriting(({ bytes }) => {
    const text = bytes.toString('utf8');
    // A seed can have more digits than a JavaScript number holds, so it stays text.
    const [tail = '', seed = ''] = /,"seed":(\d+)\}$/.exec(text) ?? [];
    const body = parsed(tail === '' ? text : `${text.slice(0, -tail.length)},"seed":"${seed}"}`);
    if (body === undefined) return {};
    const json = JSON.stringify(rewrite(body));
    return { bytes: Buffer.from(seed === '' ? json : json.replace(`"seed":"${seed}"`, `"seed":${seed}`)) };
  });
}

function firstOf(body: Record<string, unknown>, name: string, count: number): object {
  const list = body[name];
  return Array.isArray(list) ? { [name]: list.slice(0, count) } : {};
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function* padded(bytes: Buffer, total: number): AsyncGenerator<Buffer> {
  yield bytes;
  for (let left = total - bytes.length; left > 0; left -= spaces.length) yield spaces.subarray(0, left);
}

const spaces = Buffer.alloc(2 ** 16, ' ');
