/** Reads a folder of photos and uploads them to an avatar. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Api, unwrap } from './api.ts';
import { DemoError } from './errors.ts';
import { type Avatar, addPhotos } from './operations.ts';

/** Files per request. A photo has up to 20 MB and stays in memory until it is sent. */
const filesPerRequest = 4;

/** The paths of the folder's files, sorted by name, without hidden files. The server decides which are photos. */
export async function photosIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new DemoError(
      error.code === 'ENOENT' ? `The folder ${folder} does not exist.` : `Cannot read ${folder} as a folder.`,
    );
  });
  const names = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map((entry) => entry.name);
  if (names.length === 0) throw new DemoError(`The folder ${folder} contains no photos.`);
  return names.sort().map((name) => join(folder, name));
}

/** Uploads photos until the avatar is full or the folder is done. Throws DemoError if they are too few to train it. */
export async function uploadPhotos(
  api: Api,
  avatar: Avatar,
  paths: string[],
  show: { kept: (count: number) => void; refused: (verdict: string) => void },
): Promise<void> {
  let sent = 0;
  while (sent < paths.length) {
    const files = await Promise.all(paths.slice(sent, sent + filesPerRequest).map(read));
    const { verdicts, avatar: now } = unwrap((await api.upload(addPhotos, avatar.id, files)).addPhotos);
    for (const { fileName, problems, message } of verdicts) {
      if (problems.length > 0) show.refused(`${fileName}: ${message}`);
    }
    sent += files.length;
    const { photoCount, maxPhotos, ready, missing } = now.readiness;
    show.kept(photoCount);
    if (photoCount >= maxPhotos) return;
    if (sent >= paths.length && !ready) throw new DemoError(missing.join(' '));
  }
}

const read = async (path: string) => ({
  name: path.slice(path.lastIndexOf('/') + 1),
  content: new Uint8Array(await readFile(path)),
});
