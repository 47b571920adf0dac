/** The pictures that the demo draws, and the files it saves them to. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Api } from './api.ts';
import { type Avatar, images, type Kind } from './operations.ts';

export const presets = ['FAST', 'BALANCED', 'QUALITY', 'ULTRA', 'PORTRAIT', 'LANDSCAPE', 'ARTISTIC', 'PHOTOREALISTIC'];

const prompts: Record<Kind, string[]> = {
  portrait: [
    'as an astronaut, studio portrait, soft light',
    'reading in an old library, oil painting',
    'on a ridge above the sea at sunset',
    'in a garden after the rain',
  ],
  style: [
    'a lighthouse in a storm',
    'a fox in the snow under a full moon',
    'a harbour at dawn with fishing boats',
    'a city of towers seen from a balloon',
  ],
};

export type Picture = { avatar: Avatar; preset: string; prompt: string };

/** One picture per preset. ULTRA draws styles only, so a portrait gets none. */
export function picturesOf(kind: Kind, avatar: Avatar, chosen: string[]): Picture[] {
  return chosen
    .filter((preset) => kind === 'style' || preset !== 'ULTRA')
    .map((preset, i) => ({ avatar, preset, prompt: prompts[kind][i % prompts[kind].length] ?? '' }));
}

export type SavedPicture = { path: string; width: number; height: number };

/** Saves a generation's image. Replaces a file of the same name in one step, so no file is ever incomplete. */
export async function savePicture(
  api: Api,
  generationId: string,
  { avatar, preset }: Picture,
  folder: string,
): Promise<SavedPicture> {
  const { node } = await api.run(images, { id: generationId });
  const [image] = node?.images ?? [];
  if (image === undefined) throw new Error(`Generation ${generationId} succeeded without an image.`);
  const extension = image.contentType === 'image/png' ? 'png' : 'jpg';
  const path = join(folder, `${avatar.name}-${preset}.${extension}`.toLowerCase());
  const content = await api.download(image.url);
  await mkdir(folder, { recursive: true });
  await writeFile(`${path}.part`, content);
  await rename(`${path}.part`, path);
  return { path: shortest(path), width: image.width, height: image.height };
}

function shortest(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}
