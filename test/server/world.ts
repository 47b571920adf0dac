/** A server with a small test schema, whose resolvers and subscriptions a test controls. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSchema } from 'graphql-yoga';
import { type Logger, pino } from 'pino';
import { onTestFinished } from 'vitest';
import { FileScalar } from '../../src/graphql/scalars.ts';
import { NotFoundError } from '../../src/refusal/refusal.ts';
import { createServer, type Server } from '../../src/server/server.ts';
import type { ServerOptions } from '../../src/server/server-options.ts';
import type { UploadedFile } from '../../src/storage/uploaded-file.ts';
import { Channel } from './websocket/channel.ts';

const typeDefs = /* GraphQL */ `
  scalar File
  scalar Anything
  type Query {
    hello(name: String = "world"): String!
    caller: String!
    nested: Nested!
    "Throws an unexpected error."
    boom: String
    "Waits until the test opens the gate."
    wait: String!
    bytes(count: Int!): String!
    "The coerced arguments, as JSON."
    echo(int: Int, float: Float, id: ID, flag: Boolean, colour: Colour, ints: [Int!], point: Point): String!
    rows: [[Nested!]!]!
    "Resolves to null, although it is non-null."
    absent: String!
    either(isSaved: Boolean!): Either!
  }
  enum Colour { RED GREEN }
  input Point { x: Float!  y: Float = 2 }
  union Either = Nested | Saved
  type Nested { nested: Nested!  name: String!  boom: String  mustNotBoom: String!  absent: String! }
  type Mutation {
    count: Int!
    save(file: File!): Saved!
    saveAll(files: [File!]!): [Saved!]!
    saveNested(input: SaveInput!): [Saved!]!
    "Keeps the upload until the test opens the gate."
    hold(file: File!): Saved!
  }
  input SaveInput { title: String  files: [File!]! }
  type Saved { fileName: String!  byteSize: Int!  isTruncated: Boolean!  sha256: String! }
  type Subscription {
    "The texts that the test publishes on the channel."
    follow: String!
    "Counts from 1 to the last number at once, and completes."
    countTo(last: Int!): Int!
    "Yields a text whenever the client reads one."
    endless(bytes: Int!): String!
    boomAfter(values: Int!): Int!
    tooSlow: Int!
    missing: Int!
    "A value that JSON cannot represent."
    huge: Anything!
    "Starts when the test opens the gate."
    late: String!
  }
`;

const boom = () => {
  throw new Error('the password is hunter2');
};

class TooSlow extends Error {
  readonly extensions = { code: 'SUBSCRIBER_TOO_SLOW' };
}

export type World = Awaited<ReturnType<typeof openWorld>>;

/** Closes at the end of the test. Outside a test, the caller closes it. */
export async function openWorld(options: Partial<ServerOptions> = {}) {
  const channel = new Channel<string>();
  const endless = { open: 0, pulled: 0 };
  const gate = { waiting: 0, open: Promise.resolve() };
  const lines: Record<string, unknown>[] = [];
  const log: Logger = pino({ level: 'debug' }, { write: (line) => lines.push(JSON.parse(line)) });
  const uploadsFolder = join(mkdtempSync(join(tmpdir(), 'likeness-server-')), 'uploads');

  const passGate = async () => {
    gate.waiting += 1;
    await gate.open;
    gate.waiting -= 1;
  };
  let count = 0;
  const schema = createSchema<{ caller?: string }>({
    typeDefs,
    resolvers: {
      File: FileScalar,
      Query: {
        hello: (_root, { name }: { name: string }) => `hello ${name}`,
        caller: (_root, _args, { caller }) => caller ?? 'nobody',
        nested: () => ({}),
        boom,
        wait: async () => {
          await passGate();
          return 'waited';
        },
        bytes: (_root, { count }: { count: number }) => 'x'.repeat(count),
        echo: (_root, args) => JSON.stringify(args),
        rows: () => [[{}, {}], [], [{}]],
        absent: () => null,
        either: (_root, { isSaved }: { isSaved: boolean }) => (isSaved ? { fileName: 'a.jpg' } : {}),
      },
      Either: { __resolveType: (value: object) => ('fileName' in value ? 'Saved' : 'Nested') },
      Nested: { nested: () => ({}), name: () => 'name', boom, mustNotBoom: boom, absent: () => null },
      Mutation: {
        count: () => (count += 1),
        save: (_root, { file }: { file: UploadedFile }) => saved(file),
        saveAll: (_root, { files }: { files: UploadedFile[] }) => Promise.all(files.map(saved)),
        saveNested: (_root, { input }: { input: { files: UploadedFile[] } }) => Promise.all(input.files.map(saved)),
        hold: async (_root, { file }: { file: UploadedFile }) => {
          await passGate();
          return await saved(file);
        },
      },
      Subscription: {
        follow: { subscribe: () => channel.follow(), resolve: (text: string) => text },
        countTo: {
          async *subscribe(_root, { last }: { last: number }) {
            for (let number = 1; number <= last; number += 1) yield number;
          },
          resolve: (number: number) => number,
        },
        endless: {
          async *subscribe(_root, { bytes }: { bytes: number }) {
            endless.open += 1;
            try {
              for (;;) {
                endless.pulled += 1;
                yield 'x'.repeat(bytes);
              }
            } finally {
              endless.open -= 1;
            }
          },
          resolve: (text: string) => text,
        },
        boomAfter: {
          async *subscribe(_root, { values }: { values: number }) {
            for (let number = 1; number <= values; number += 1) yield number;
            throw new Error('the password is hunter2');
          },
          resolve: (number: number) => number,
        },
        tooSlow: {
          async *subscribe() {
            yield 1;
            throw new TooSlow('This subscriber did not keep up.');
          },
          resolve: (number: number) => number,
        },
        late: {
          subscribe: async () => {
            await passGate();
            return channel.follow();
          },
          resolve: (text: string) => text,
        },
        huge: {
          async *subscribe() {
            yield 1n;
          },
          resolve: (value: bigint) => value,
        },
        missing: {
          subscribe: () => {
            throw new NotFoundError('job');
          },
        },
      },
    },
  });

  const allOptions: ServerOptions = {
    schema,
    createContext: ({ transport }) => ({ caller: transport }),
    host: '127.0.0.1',
    port: 0,
    log,
    health: { database: async () => true },
    uploadsFolder,
    ...options,
  };
  const server: Server = createServer(allOptions);
  const { url } = await server.listen();
  const close = () => server.close(0);
  /** The number of connections, counted by the operating system. */
  const connections = () => countConnections(Number(new URL(url).port));
  try {
    onTestFinished(close);
  } catch {
    // Outside a test, the caller closes it.
  }
  return { server, url, options: allOptions, channel, endless, gate, lines, uploadsFolder, close, connections };
}

async function saved({ fileName, path, byteSize, isTruncated }: UploadedFile) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { fileName, byteSize, isTruncated, sha256: hash.digest('hex') };
}

/** Counts the established connections of a local port in Linux's table of sockets. */
async function countConnections(port: number): Promise<number> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const table = await readFile('/proc/net/tcp', 'utf8');
  const rows = table.split('\n').map((row) => row.trim().split(/\s+/));
  return rows.filter(([, address, , state]) => address?.endsWith(local) && state === '01').length;
}
