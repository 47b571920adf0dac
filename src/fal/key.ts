/** fal's key: `id:secret`, in a header of every request and nowhere else. */

/** Throws for what cannot stand in a header, without repeating it: the HTTP library's own complaint would. */
export function readKey(key: string): string {
  const trimmed = key.trim();
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new Error("fal's key is empty or holds a character that no key has.");
  return trimmed;
}

/** Takes the key and its halves out of a text. Shorter ones are no secret, and taking them out would cut words. */
export function redactionOf(key: string): (text: string) => string {
  const secrets = [key, ...key.split(':')].filter((part) => part.length >= 8);
  return (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '[key]'), text);
}
