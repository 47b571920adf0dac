/** Makes text storable in PostgreSQL and limits its length. */
import { z } from 'zod';

/** False for text with NUL or lone surrogates: PostgreSQL accepts them neither in `text` nor in `jsonb`. */
export const isStorable = (text: string) => !/[\0\p{Cs}]/u.test(text);

/** Replaces NUL and lone surrogates, which PostgreSQL cannot store, by U+FFFD. */
export function storable(text: string): string {
  return text.replace(/[\0\p{Cs}]/gu, '\uFFFD');
}

/** Shortens text to `max` characters: keeps the beginning and the end, with an ellipsis between them. */
export function abridge(text: string, max: number): string {
  const half = Math.floor((max - 1) / 2);
  return text.length <= max ? text : storable(`${text.slice(0, half)}…${text.slice(-half)}`);
}

/** Shortens text to `max` characters: cuts the end off and adds an ellipsis. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${storable(text.slice(0, max - 1))}…`;
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
