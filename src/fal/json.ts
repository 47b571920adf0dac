/** JSON as fal writes it: seeds are integers of up to 64 bits, which JSON.parse would round, and strings can hold anything. */
import { storable } from '../database/storable-text.ts';

/** A string of JSON, which is left alone, or a number. Only ever run over text that JSON.parse accepted. */
const stringOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** What text can only hold escaped: NUL, and half a surrogate pair. */
const unstorable = /\\u(?:0000|d[89a-f])/i;

/** Integers beyond 2^53 become strings of their digits, and every string is one that can be stored. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  const reviver = unstorable.test(text) ? storableString : undefined;
  const value: unknown = JSON.parse(text, reviver);
  if (!/\d{16}/.test(text)) return value;
  return JSON.parse(
    text.replace(stringOrNumber, (token) =>
      /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token,
    ),
    reviver,
  );
}

function storableString(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? storable(value) : value;
}
