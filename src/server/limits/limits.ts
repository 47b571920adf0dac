/** What one client may take of the server. Bytes, milliseconds, numbers of things; a test makes them small. */
export const defaultLimits = {
  /** A request without files, and one WebSocket message. The longest document of a client is some tens of kilobytes. */
  requestBytes: 1_048_576,
  /** A document's tokens: a megabyte of braces would run the parser out of stack. Introspection takes some 350. */
  documentTokens: 2_000,
  /** Introspection, the deepest document that clients send, is 15. */
  documentDepth: 20,
  /** Fields under another name, in a document. Those that clients send have one or two. */
  documentAliases: 30,
  documentDirectives: 30,
  /** Fields of the answer at the most, each list counted as long as it may be. A page of 50 generations with their avatars and images is some 6,000. */
  documentCost: 50_000,
  /** A request with files, as a whole: 20 photos of the largest kind, and as many more that are refused. */
  uploadBytes: 850_000_000,
  uploadFiles: 40,
  /** One file; more is read past, not kept, and the file is marked as cut off. */
  fileBytes: 20_000_000,

  connections: 4_000,
  /** Operations under way on one WebSocket. */
  operationsPerSocket: 100,
  /** Open WebSockets and event streams of one owner, on one process. */
  socketsPerOwner: 200,
  /** Requests with files of one owner that are being received, on one process. */
  uploadsPerOwner: 4,
  /** Operations of one owner, over HTTP and WebSocket, in a minute. */
  operationsPerMinute: 1_200,
  /** Requests and sockets of one address, in a minute, whoever they say they are. */
  requestsPerAddress: 3_000,

  /** For the request line and the headers, from the connection's first moment. */
  headersTimeoutMs: 10_000,
  /** For the whole of a request without files. */
  requestTimeoutMs: 30_000,
  /** For the whole of a request with files, as long as it never pauses for `stallTimeoutMs`. */
  uploadTimeoutMs: 600_000,
  /** A connection without a request. Longer than the 60 s after which common proxies let go, so that they do so first. */
  keepAliveTimeoutMs: 65_000,
  /** A client whose turn it is to read or to send, and that does not: how long until it is cut off. */
  stallTimeoutMs: 15_000,

  /** For connection_init, after which the socket is closed with 4408. */
  connectionInitTimeoutMs: 3_000,
  /** A ping each; a peer that has not answered by the next is gone. */
  pingIntervalMs: 15_000,
  /** Waiting in a WebSocket's buffer; past it, no more is read from that client until it has taken what is its. */
  socketBufferBytes: 1_048_576,
  /** For the closing handshake of a WebSocket, after which its connection is cut. */
  closeTimeoutMs: 5_000,
};

export type Limits = typeof defaultLimits;
