/**
 * The limits of one client, in bytes, milliseconds or counts. `server/` enforces them, and the API shows those that a client
 * can reach. Tests make them small.
 */
export const defaultLimits = {
  /** A request without files, or one WebSocket message. The longest documents of clients are some tens of kilobytes. */
  requestBytes: 1_048_576,
  /** Tokens of a document: a megabyte of braces would overflow the parser's stack. Introspection has some 350. */
  documentTokens: 2_000,
  /** Levels of fields. Introspection, the deepest document that clients send, has 15. */
  documentDepth: 20,
  /** Aliases in a document. Those that clients send have one or two. */
  documentAliases: 30,
  documentDirectives: 30,
  /** Fields that the answer could have, with each list as long as it may be. A page of 50 generations with avatars and images has some 6,000. */
  documentCost: 50_000,
  /** A whole request with files: 20 of the largest photos, and as many that are refused. */
  uploadBytes: 850_000_000,
  uploadFiles: 40,
  /** One file. What is longer is not stored, and the file is marked as cut off. */
  fileBytes: 20_000_000,

  connections: 4_000,
  /** Operations running on one WebSocket. */
  operationsPerSocket: 100,
  /** Open WebSockets and event streams of one owner, on one process. */
  socketsPerOwner: 200,
  /** Uploads of one owner that are being received, on one process. */
  uploadsPerOwner: 4,
  /** Operations of one owner in a minute, over every transport. */
  operationsPerMinute: 1_200,
  /** Requests and WebSockets of one address in a minute, whatever their credentials. */
  requestsPerAddress: 3_000,

  /** For the request line and the headers, from the connection's first moment. */
  headersTimeoutMs: 10_000,
  /** For the whole of a request without files. */
  requestTimeoutMs: 30_000,
  /** For the whole of a request with files, as long as it never pauses for `stallTimeoutMs`. */
  uploadTimeoutMs: 600_000,
  /** A connection between requests. Longer than the 60 s of common proxies, so that the proxy closes it first. */
  keepAliveTimeoutMs: 65_000,
  /**
   * A client that should read or send, and does not, is cut off after this: a WebSocket closes with 4440. It is also the
   * timeout of an HTTP connection on which nothing moves.
   */
  stallTimeoutMs: 15_000,

  /** For connection_init, after which the socket is closed with 4408. */
  connectionInitTimeoutMs: 3_000,
  /** Between pings. A peer that has not answered by the next one is cut off. */
  pingIntervalMs: 15_000,
  /** Waiting in a WebSocket's buffer. Above it, nothing is read from the client until it has read. */
  socketBufferBytes: 1_048_576,
  /** For the closing handshake of a WebSocket, after which its connection is cut. */
  closeTimeoutMs: 5_000,
};

export type Limits = typeof defaultLimits;
