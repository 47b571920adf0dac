/** fal's JSON: seeds are integers of up to 64 bits, which JSON.parse would round, and strings can hold any character. */
import { storable } from '../../database/storable-text.ts';

/** Matches a JSON string or a number, in text that JSON.parse has accepted. */
const stringOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Escapes of characters that the database cannot store: NUL and lone surrogates. */
const unstorable = /\\u(?:0000|d[89a-f])/i;

/** Integers beyond 2^53 become strings of their digits. Every string can be stored in the database. Throws SyntaxError. */
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
