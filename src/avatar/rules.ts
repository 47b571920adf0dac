/** Pure: what an avatar may be called, what may stand for it in prompts, and what may be imported as its model. */
import { z } from 'zod';
import { type FalMode, urlForFal } from '../fal/url.ts';

// Line breaks and other control characters, and halves of surrogate pairs: nothing that is typed into a line of text.
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** One line of text, trimmed. Lengths are in characters as PostgreSQL counts them, so an emoji is one. */
export function line(what: string, min: number, max: number) {
  return z
    .string()
    .trim()
    .refine((text) => isBetween(min, Array.from(text).length, max), `${what} has ${min} to ${max} characters.`)
    .refine((text) => !unprintable.test(text), `${what} has no line breaks or other control characters.`);
}

const name = line('A name', 2, 50).refine(
  (text) => !/[<>:"/\\|?*]/.test(text),
  'A name has none of the characters <>:"/\\|?*.',
);
const trigger = line('A trigger', 1, 100);
const finetuneId = line('A finetune id', 1, 200);

/** What stands for an avatar in prompts when its owner named nothing. */
export function defaultTrigger(avatarId: string): string {
  return `TOK_${avatarId.slice(0, 8)}`;
}

export const newName = z.object({ name });

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

function isBetween(min: number, value: number, max: number): boolean {
  return min <= value && value <= max;
}
