/** A file of a multipart request, already on disk in a temporary folder that goes when the request is answered. */
export type UploadedFile = {
  /** As the client named it; any text. Never a path. */
  fileName: string;
  /** Where its bytes lie until the request is answered. */
  path: string;
  byteSize: number;
  /** The file went on past the limit of one file; what lies on disk is cut off there. */
  isCutOff: boolean;
};
