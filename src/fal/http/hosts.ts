/** fal's hosts: of its API, and of the files of results. */

/** fal.run, fal.ai, fal.media and their subdomains. */
export function isFalHost({ hostname }: URL): boolean {
  return /(^|\.)fal\.(run|ai|media)$/.test(hostname);
}

/**
 * Whether fal serves the file of a result from this URL. fal also served LoRA files from its buckets at Google Cloud
 * Storage: many public programs name `fal-flux-lora`.
 */
export function isFalFile(url: URL): boolean {
  if (url.protocol !== 'https:' || url.username !== '' || url.port !== '') return false;
  return (
    isFalHost(url) ||
    (url.hostname === 'storage.googleapis.com' && /^\/(fal-flux-lora|falserverless)\//.test(url.pathname))
  );
}
