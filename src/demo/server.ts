/** The server that the demo plays with: the one that runs, or one of its own that ends with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { server } from './operations.ts';
import { Trouble } from './trouble.ts';

const root = join(import.meta.dirname, '../..');
/** What main.ts says when it listens, to people and to machines. */
const readyLine = /GraphiQL is at (\S+)\/graphql|"url":"([^"]+)"/;

export type ServerChoice = {
  url: string;
  /** Whether the user named that URL: then no other will do. */
  isUrlGiven: boolean;
  /** Of a server of the demo's own. */
  dataDir: string | undefined;
};

export class DemoServer {
  url: string;
  readonly #choice: ServerChoice;
  readonly #stop: AbortController;
  #child: ChildProcess | undefined;

  /** `stop` is aborted with Trouble when a server of the demo's own ends by itself. */
  constructor(choice: ServerChoice, stop: AbortController) {
    this.url = choice.url;
    this.#choice = choice;
    this.#stop = stop;
  }

  /** Whether the demo started it. */
  get isOwn(): boolean {
    return this.#child !== undefined;
  }

  /** Finds the server or starts one; `onStart` is called when it has to. Throws Trouble. */
  async open(onStart: () => void): Promise<void> {
    const { url, isUrlGiven } = this.#choice;
    const { hostname, port } = new URL(url);
    const found = await whatAnswers(url, this.#stop.signal);
    if (found === 'LIKENESS') return;
    const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
    if (isUrlGiven && found === 'ANOTHER') throw new Trouble(`What answers at ${url} is no Likeness server.`);
    if (!isHere) throw new Trouble(`Nothing answers at ${url}.`);
    onStart();
    await this.#start(hostname.replace(/^\[|\]$/g, ''), found === 'ANOTHER' ? '0' : port || '80');
  }

  /** Ends a server of the demo's own in order: its unfinished jobs go on when it is started again. */
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
      // A group of its own: Ctrl-C is for the demo, which then ends the server.
      detached: true,
    });
    this.#child = child;
    process.once('exit', () => child.kill('SIGTERM'));
    this.url = await new Promise<string>((resolve, reject) => {
      let said = '';
      const listen = (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-10_000);
        const found = readyLine.exec(said);
        if (found !== null) resolve(found[1] ?? found[2] ?? '');
      };
      child.stdout.on('data', listen);
      child.stderr.on('data', listen);
      child.once('exit', () => {
        const trouble = new Trouble(`The server ended. ${whyIn(said)}`);
        reject(trouble);
        this.#stop.abort(trouble);
      });
      this.#stop.signal.addEventListener('abort', () => reject(this.#stop.signal.reason as Error), { once: true });
    });
  }
}

/** In one line: its own sentences, or of an error that it did not foresee the first line. */
function whyIn(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  const isStack = lines.some((line) => line.startsWith('    at '));
  return isStack ? (lines.find((line) => /^\w*Error\b/.test(line)) ?? '') : lines.join(' ');
}

async function whatAnswers(url: string, stop: AbortSignal): Promise<'LIKENESS' | 'ANOTHER' | 'NOTHING'> {
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

/** fetch hides what happened in its cause, and tries each address of a name. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const { code } = error as { code?: unknown };
  const inner = error instanceof AggregateError ? error.errors : [error.cause];
  return [...(typeof code === 'string' ? [code] : []), ...inner.flatMap(codesOf)];
}
