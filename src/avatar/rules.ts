/** Pure: the inputs of the avatar commands. */
import { z } from 'zod';
import { line } from '../database/storable-text.ts';
import { type FalMode, urlForFal } from '../fal/url.ts';

const name = line('A name', 2, 50).refine(
  (text) => !/[<>:"/\\|?*]/.test(text),
  'A name has none of the characters <>:"/\\|?*.',
);
const trigger = line('A trigger', 1, 100);
const finetuneId = line('A finetune id', 1, 200);

/** The trigger of an avatar whose owner chose none. */
export function defaultTrigger(avatarId: string): string {
  return `TOK_${avatarId.slice(0, 8)}`;
}

export const renameAvatarInput = z.object({ name });

export const createAvatarInput = z.object({
  portrait: z.object({ name, triggerPhrase: trigger.nullish() }).nullish(),
  style: z.object({ name, triggerWord: trigger.nullish() }).nullish(),
});

export function importAvatarInput(mode: FalMode) {
  return z.object({
    portrait: z.object({ name, diffusersLoraFileUrl: urlForFal(mode), triggerPhrase: trigger }).nullish(),
    style: z.object({ name, finetuneId, triggerWord: trigger }).nullish(),
  });
}
