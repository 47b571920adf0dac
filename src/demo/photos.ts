/** A folder of photos, and their way to an avatar. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Api, made } from './api.ts';
import { type Avatar, addPhotos } from './operations.ts';
import { Trouble } from './trouble.ts';

/** Files of one request: a picture takes up to 20 MB, and is held in memory here until it is sent. */
const filesPerRequest = 4;

/** The paths of the folder's files, by name. What no camera made is the server's to find; hidden files are nobody's. */
export async function photosIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new Trouble(
      error.code === 'ENOENT' ? `There is no folder ${folder}.` : `${folder} cannot be read as a folder.`,
    );
  });
  const names = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map((entry) => entry.name);
  if (names.length === 0) throw new Trouble(`The folder ${folder} has no photos.`);
  return names.sort().map((name) => join(folder, name));
}

/** Sends the photos until the avatar has all that it may have. Throws Trouble when those are too few to train it. */
export async function sendPhotos(
  api: Api,
  avatar: Avatar,
  paths: string[],
  show: { kept: (count: number) => void; refused: (verdict: string) => void },
): Promise<void> {
  let sent = 0;
  while (sent < paths.length) {
    const files = await Promise.all(paths.slice(sent, sent + filesPerRequest).map(read));
    const { verdicts, avatar: now } = made((await api.upload(addPhotos, avatar.id, files)).addPhotos);
    for (const { fileName, problems, message } of verdicts) {
      if (problems.length > 0) show.refused(`${fileName}: ${message}`);
    }
    sent += files.length;
    const { photoCount, maxPhotos, ready, missing } = now.readiness;
    show.kept(photoCount);
    if (photoCount >= maxPhotos) return;
    if (sent >= paths.length && !ready) throw new Trouble(missing.join(' '));
  }
}

const read = async (path: string) => ({
  name: path.slice(path.lastIndexOf('/') + 1),
  content: new Uint8Array(await readFile(path)),
});
