/** An HTTP call to the simulator, and the fal host that it is meant for. */
import type { IncomingMessage } from 'node:http';
import type { RequestOutcome } from '../queue/request.ts';

export type FalHost = 'queue' | 'run' | 'rest' | 'files' | 'simulator';

export type Call = {
  host: FalHost;
  method: string;
  /** Without a trailing slash. */
  path: string;
  query: URLSearchParams;
  header(name: string): string | undefined;
  message: IncomingMessage;
  /** Aborts when the caller disconnects. */
  signal: AbortSignal;
  /** What a fault plan decided for the request that this call submits. */
  outcome?: RequestOutcome;
};

const hosts: Record<string, FalHost> = {
  'queue.fal.run': 'queue',
  'queue.falrun.com': 'queue',
  'fal.run': 'run',
  'falrun.com': 'run',
  'rest.fal.ai': 'rest',
  'rest.alpha.fal.ai': 'rest',
  'fal.media': 'files',
  'v3.fal.media': 'files',
  'v3b.fal.media': 'files',
};

/**
 * Takes the host from the path where only one host has it, else from the header `x-fal-sim-host`, else from
 * `x-fal-target-url`, which the official client sends to a `proxyUrl`; else it is the queue.
 */
export function readCall(message: IncomingMessage, signal: AbortSignal): Call {
  const header = (name: string) => {
    const value = message.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const target = header('x-fal-target-url');
  const url = new URL(target !== undefined && URL.canParse(target) ? target : (message.url ?? '/'), 'http://fal');
  const path = url.pathname.replace(/(?<=.)\/+$/, '');
  const named = hosts[header('x-fal-sim-host') ?? url.hostname];
  return {
    host: hostOfPath(path) ?? named ?? 'queue',
    method: message.method ?? 'GET',
    path,
    query: url.searchParams,
    header,
    message,
    signal,
  };
}

/** Paths that only one host has. */
function hostOfPath(path: string): FalHost | undefined {
  if (path.startsWith('/__simulator/')) return 'simulator';
  if (path.startsWith('/files/') || path.startsWith('/upload/')) return 'files';
  return path.startsWith('/storage/') || path.startsWith('/.well-known/') ? 'rest' : undefined;
}

export class BodyTooLarge extends Error {}
export class BodyNotJson extends Error {}

const largestJsonBytes = 10 * 2 ** 20;

/** The body as JSON; undefined when it is empty. Throws BodyTooLarge or BodyNotJson. */
export async function readJson({ message }: Call): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Keeps the connection of a body that is too large, because the reply uses it.
  for await (const chunk of message.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > largestJsonBytes) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  if (bytes === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new BodyNotJson();
  }
}
