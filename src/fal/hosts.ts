/** Which hosts are fal's: for the API and for the files of results. */

/** fal.run, fal.ai and fal.media with all below them. */
export function isFalHost({ hostname }: URL): boolean {
  return /(^|\.)fal\.(run|ai|media)$/.test(hostname);
}

/**
 * Where results lie. LoRA files were also given out from buckets of fal's at Google: `fal-flux-lora` is in thousands of
 * public programs.
 */
export function isFalFile(url: URL): boolean {
  if (url.protocol !== 'https:' || url.username !== '' || url.port !== '') return false;
  return (
    isFalHost(url) ||
    (url.hostname === 'storage.googleapis.com' && /^\/(fal-flux-lora|falserverless)\//.test(url.pathname))
  );
}
