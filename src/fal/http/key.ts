/** fal's API key, `id:secret`. It appears in a request header and nowhere else. */

/** Throws for a key that cannot be a header value. The message does not repeat the key, as the HTTP library's would. */
export function readKey(key: string): string {
  const trimmed = key.trim();
  if (!/^[\x21-\x7e]+$/.test(trimmed))
    throw new Error("fal's key is empty or contains a character that is not allowed in a key.");
  return trimmed;
}

/** Replaces the key and its two halves in a text. Parts of less than eight characters are not secret and stay. */
export function redactionOf(key: string): (text: string) => string {
  const secrets = [key, ...key.split(':')].filter((part) => part.length >= 8);
  return (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '[key]'), text);
}
