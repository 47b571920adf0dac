/** What is served under /files: photos and generated images, to whoever holds a URL that this server signed. */

import { findImageFile } from '../image/image-file.ts';
import { findPhotoFile } from '../photo/photo-file.ts';
import { type FileRequest, type FileResponse, refuse, serveSigned } from '../storage/serve.ts';
import type { App } from './app.ts';

const finders = { photos: findPhotoFile, images: findImageFile };
const route = /^\/files\/(photos|images)\/([\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12})$/;

/** A signed URL is the permission: nobody is asked who they are, and a file of a deleted avatar is gone. */
export async function serveFile(
  app: Pick<App, 'prisma' | 'files' | 'urls' | 'now'>,
  request: FileRequest,
): Promise<FileResponse> {
  const [, kind, id] = route.exec(request.url.pathname) ?? [];
  if (kind === undefined || id === undefined) return refuse(404, 'There is no such file.');
  return await serveSigned(app, request, () => finders[kind as keyof typeof finders](app, id));
}
