/** Text that fal sends, as this server keeps it: whatever PostgreSQL cannot store has no way in. */

/** NUL and halves of surrogate pairs become U+FFFD: neither `text` nor `jsonb` takes them. */
export function storable(text: string): string {
  return text.replace(/[\0\p{Cs}]/gu, '\uFFFD');
}

/** At most so many characters, the last of them an ellipsis where some were left out. */
export function clip(text: string, most: number): string {
  return text.length <= most ? text : `${storable(text.slice(0, most - 1))}…`;
}
