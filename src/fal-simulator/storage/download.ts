/**
 * fal's file host: anyone may read a file by its URL, whole or a range of it. A picture is drawn when it is first read,
 * and again when it is read again: it is the same each time.
 */

import type { Clock } from '../clock.ts';
import type { Reply } from '../http/reply.ts';
import { draw } from '../pictures/draw.ts';
import { picturesOf } from '../queue/result.ts';
import { progressAt } from '../queue/timeline.ts';
import { planOf } from '../queue/timings.ts';
import { openSemaphore } from '../semaphore.ts';
import type { Storage } from './files.ts';
import type { Store } from './store.ts';

const path = /^\/files\/b\/[0-9a-f]{8}\/([0-9a-f-]{36})_([\w.-]*)$/;
const notFound: Reply = { status: 404, body: { detail: 'Not Found' } };

export type Downloads = (pathname: string, range: string | undefined) => Promise<Reply>;

export function openDownloads(store: Store, storage: Storage, clock: Clock): Downloads {
  // Two at a time: drawing shares its threads with everything else that reads or writes files.
  const gate = openSemaphore(2);
  return async (pathname, range) => {
    const [, id = '', name = ''] = path.exec(pathname) ?? [];
    const file = storage.find(id);
    if (file !== undefined) return ranged(file.size, file.contentType, range, (part) => storage.read(file, part));
    const picture = pictureOf(id, name);
    if (picture === undefined) return notFound;
    const bytes = await gate(() => draw(picture));
    const cut = ({ start, end } = { start: 0, end: bytes.length - 1 }) => bytes.subarray(start, end + 1);
    return ranged(bytes.length, `image/${picture.format}`, range, cut);
  };

  /** The picture that the URL names, once its request has been COMPLETED. */
  function pictureOf(id: string, name: string) {
    const request = store.request(id);
    const number = /^(\d)\.(?:jpeg|png)$/.exec(name)?.[1];
    if (request === undefined || number === undefined || request.failure !== undefined) return undefined;
    const progress = progressAt(request, planOf(request), clock.now());
    if (progress.status !== 'COMPLETED' || progress.cancelled) return undefined;
    return picturesOf(request)[Number(number) - 1];
  }
}

/** The whole file, the part that was asked for, or 416 when there is no such part. */
function ranged(
  size: number,
  contentType: string,
  range: string | undefined,
  read: (part?: { start: number; end: number }) => NonNullable<Reply['body']>,
): Reply {
  const common = { 'content-type': contentType, 'accept-ranges': 'bytes', 'x-content-type-options': 'nosniff' };
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') {
    return { status: 200, headers: { ...common, 'content-length': size }, body: read() };
  }
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end) return { status: 416, headers: { 'content-range': `bytes */${size}` } };
  const headers = { ...common, 'content-length': end - start + 1, 'content-range': `bytes ${start}-${end}/${size}` };
  return { status: 206, headers, body: read({ start, end }) };
}
