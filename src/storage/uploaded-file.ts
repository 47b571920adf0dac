/**
 * A file of a multipart request, already on disk in a temporary folder that goes when the request is answered. Only the
 * server makes one, from bytes that it received: the scalar File takes nothing else, least of all a path that a client
 * wrote into its variables.
 */
export class UploadedFile {
  /** As the client named it; any text. Never a path. */
  readonly fileName: string;
  /** Where its bytes lie until the request is answered. */
  readonly path: string;
  readonly byteSize: number;
  /** The file went on past the limit of one file; what lies on disk is cut off there. */
  readonly isTruncated: boolean;

  constructor(file: { fileName: string; path: string; byteSize: number; isTruncated: boolean }) {
    this.fileName = file.fileName;
    this.path = file.path;
    this.byteSize = file.byteSize;
    this.isTruncated = file.isTruncated;
  }
}
