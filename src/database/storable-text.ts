/** Texts that are kept and sent on: what PostgreSQL can store, and no longer than they may be. */
import { z } from 'zod';

/** Without NUL and halves of surrogate pairs: neither `text` nor `jsonb` takes them. */
export const isStorable = (text: string) => !/[\0\p{Cs}]/u.test(text);

/** NUL and halves of surrogate pairs become U+FFFD: neither `text` nor `jsonb` takes them. */
export function storable(text: string): string {
  return text.replace(/[\0\p{Cs}]/gu, '\uFFFD');
}

/** At most so many characters: its beginning and its end, with an ellipsis where the middle was. */
export function abridge(text: string, most: number): string {
  const half = Math.floor((most - 1) / 2);
  return text.length <= most ? text : storable(`${text.slice(0, half)}…${text.slice(-half)}`);
}

/** At most so many characters, the last of them an ellipsis where some were left out. */
export function clip(text: string, most: number): string {
  return text.length <= most ? text : `${storable(text.slice(0, most - 1))}…`;
}

// Line breaks and other control characters, and lone surrogates, which PostgreSQL cannot store.
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** One line of text, trimmed. Counts code points as PostgreSQL does, so an emoji counts once. */
export function line(what: string, min: number, max: number) {
  return z
    .string()
    .trim()
    .refine((text) => lengthOf(text) >= min && lengthOf(text) <= max, `${what} has ${min} to ${max} characters.`)
    .refine((text) => !unprintable.test(text), `${what} has no line breaks or other control characters.`);
}

const lengthOf = (text: string) => Array.from(text).length;
