/**
 * fal's file host: anyone may read a file by its URL, complete or as a range. Pictures are not stored: each read draws the
 * same picture again.
 */
import type { Clock } from '../clock.ts';
import type { Reply } from '../http/reply.ts';
import { draw } from '../pictures/draw.ts';
import { picturesOf } from '../queue/result.ts';
import { progressAt } from '../queue/timeline.ts';
import { timingsOf } from '../queue/timings.ts';
import { openSemaphore } from '../semaphore.ts';
import type { Storage } from './files.ts';
import type { Store } from './store.ts';

const path = /^\/files\/b\/[0-9a-f]{8}\/([0-9a-f-]{36})_([\w.-]*)$/;
const notFound: Reply = { status: 404, body: { detail: 'Not Found' } };

export type Downloads = (pathname: string, range: string | undefined) => Promise<Reply>;

export function openDownloads(store: Store, storage: Storage, clock: Clock): Downloads {
  // At most two, because drawing shares Node's thread pool with all file access.
  const semaphore = openSemaphore(2);
  return async (pathname, range) => {
    const [, id = '', name = ''] = path.exec(pathname) ?? [];
    const file = storage.find(id);
    if (file !== undefined) return ranged(file.size, file.contentType, range, (part) => storage.read(file, part));
    const picture = pictureOf(id, name);
    if (picture === undefined) return notFound;
    const bytes = await semaphore(() => draw(picture));
    const slice = ({ start, end } = { start: 0, end: bytes.length - 1 }) => bytes.subarray(start, end + 1);
    return ranged(bytes.length, `image/${picture.format}`, range, slice);
  };

  /** The picture at the URL; undefined before its request is COMPLETED. */
  function pictureOf(id: string, name: string) {
    const request = store.request(id);
    const number = /^(\d)\.(?:jpeg|png)$/.exec(name)?.[1];
    if (request === undefined || number === undefined || request.failure !== undefined) return undefined;
    const progress = progressAt(request, timingsOf(request), clock.now());
    if (progress.status !== 'COMPLETED' || progress.cancelled) return undefined;
    return picturesOf(request)[Number(number) - 1];
  }
}

/** The complete file, the requested range, or 416 when the range is outside the file. */
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
