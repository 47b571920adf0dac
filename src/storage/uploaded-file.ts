/**
 * A file of a multipart request, on disk in a temporary folder that is removed when the request is answered. Only the
 * server makes instances, from bytes that it received. The scalar File accepts nothing else: a path that a client writes
 * into its variables is refused.
 */
export class UploadedFile {
  /** The client's name for the file: any text. Never used as a path. */
  readonly fileName: string;
  /** The path of its bytes until the request is answered. */
  readonly path: string;
  readonly byteSize: number;
  /** The file was larger than the limit for one file; only the first bytes are on disk. */
  readonly isTruncated: boolean;

  constructor(file: { fileName: string; path: string; byteSize: number; isTruncated: boolean }) {
    this.fileName = file.fileName;
    this.path = file.path;
    this.byteSize = file.byteSize;
    this.isTruncated = file.isTruncated;
  }
}
