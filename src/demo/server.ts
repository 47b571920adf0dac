/** The server that the demo uses: one that is running already, or one that the demo starts and stops. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DemoError } from './errors.ts';
import { server } from './operations.ts';

const root = join(import.meta.dirname, '../..');
/** The line that main.ts logs when it listens, as text and as JSON. */
const readyLine = /GraphiQL is at (\S+)\/graphql|"url":"([^"]+)"/;

export type ServerChoice = {
  url: string;
  /** Whether the user chose the URL. If not, the demo may use another port. */
  isUrlGiven: boolean;
  /** The data folder of a server that the demo starts. */
  dataDir: string | undefined;
};

export class DemoServer {
  url: string;
  readonly #choice: ServerChoice;
  readonly #stop: AbortController;
  #child: ChildProcess | undefined;

  /** Aborts `stop` with a DemoError if a server that the demo started exits by itself. */
  constructor(choice: ServerChoice, stop: AbortController) {
    this.url = choice.url;
    this.#choice = choice;
    this.#stop = stop;
  }

  /** Whether the demo started the server. */
  get isOwn(): boolean {
    return this.#child !== undefined;
  }

  /** Finds the server or starts one; calls `onStart` before it starts one. Throws DemoError. */
  async open(onStart: () => void): Promise<void> {
    const { url, isUrlGiven } = this.#choice;
    const { hostname, port } = new URL(url);
    const found = await probe(url, this.#stop.signal);
    if (found === 'LIKENESS') return;
    const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
    if (isUrlGiven && found === 'ANOTHER')
      throw new DemoError(`Another program than Likeness answers at ${url}. Choose another --url.`);
    if (!isHere) throw new DemoError(`No server answers at ${url}.`);
    onStart();
    await this.#start(hostname.replace(/^\[|\]$/g, ''), found === 'ANOTHER' ? '0' : port || '80');
  }

  /** Stops a server that the demo started. Its unfinished jobs continue when a server starts on the same data folder. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.removeAllListeners('exit');
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  async #start(host: string, port: string): Promise<void> {
    const { dataDir } = this.#choice;
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), 'src/main.ts'], {
      cwd: root,
      env: {
        ...process.env,
        HOST: host,
        PORT: port,
        LOG_LEVEL: process.env['LOG_LEVEL'] || 'warn',
        ...(dataDir === undefined ? {} : { DATA_DIR: dataDir }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // In its own process group: Ctrl-C reaches only the demo, which then stops the server.
      detached: true,
    });
    this.#child = child;
    process.once('exit', () => child.kill('SIGTERM'));
    this.url = await new Promise<string>((resolve, reject) => {
      let output = '';
      const listen = (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-10_000);
        const found = readyLine.exec(output);
        if (found !== null) resolve(found[1] ?? found[2] ?? '');
      };
      child.stdout.on('data', listen);
      child.stderr.on('data', listen);
      child.once('exit', () => {
        const failure = new DemoError(`The server stopped. ${summaryOf(output)}`);
        reject(failure);
        this.#stop.abort(failure);
      });
      this.#stop.signal.addEventListener('abort', () => reject(this.#stop.signal.reason as Error), { once: true });
    });
  }
}

/** One line for the user: the server's own sentences, or the first line of an unexpected error. */
function summaryOf(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const isStack = lines.some((line) => line.startsWith('    at '));
  return isStack ? (lines.find((line) => /^\w*Error\b/.test(line)) ?? '') : lines.join(' ');
}

async function probe(url: string, stop: AbortSignal): Promise<'LIKENESS' | 'ANOTHER' | 'NOTHING'> {
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: server.document }),
      signal: AbortSignal.any([stop, AbortSignal.timeout(5_000)]),
    });
    const { data } = (await response.json()) as { data?: { server?: { falMode?: unknown } } };
    return typeof data?.server?.falMode === 'string' ? 'LIKENESS' : 'ANOTHER';
  } catch (error) {
    stop.throwIfAborted();
    return codesOf(error).some((code) => unreachable.has(code)) ? 'NOTHING' : 'ANOTHER';
  }
}

const unreachable = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);

/** The error codes behind a failed fetch, which hides them in its cause, one for each address it tried. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const { code } = error as { code?: unknown };
  const inner = error instanceof AggregateError ? error.errors : [error.cause];
  return [...(typeof code === 'string' ? [code] : []), ...inner.flatMap(codesOf)];
}
