/** URLs of our files: signed, expiring, minted per read. */
export interface SignedUrls {
  /** An absolute URL for one path and its parameters, good for one hour. */
  sign(path: string, parameters?: Record<string, string>): URL;
}
