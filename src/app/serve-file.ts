/** Serves photos and generated images under /files, by URLs that this server signed. */

import { findImageFile } from '../image/image-file.ts';
import { findPhotoFile } from '../photo/photo-file.ts';
import { type FileRequest, type FileResponse, refuse, serveSigned } from '../storage/serve.ts';
import type { App } from './app.ts';

const finders = { photos: findPhotoFile, images: findImageFile };
const route = /^\/files\/(photos|images)\/([\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12})$/;

/** The signed URL is the permission: no credentials are needed. Files of a deleted avatar are not found. */
export async function serveFile(
  app: Pick<App, 'prisma' | 'files' | 'urls' | 'now'>,
  request: FileRequest,
): Promise<FileResponse> {
  const [, kind, id] = route.exec(request.url.pathname) ?? [];
  if (kind === undefined || id === undefined) return refuse(404, 'There is no such file.');
  return await serveSigned(app, request, () => finders[kind as keyof typeof finders](app, id));
}
