/** One HTTP call as bytes: what was heard, in which pieces, and how it ended. */
import { type IncomingHttpHeaders, request } from 'node:http';

export type Heard = {
  /** 0 when no answer began. */
  status: number;
  headers: IncomingHttpHeaders;
  /** As they arrived. */
  pieces: Buffer[];
  text: string;
  /** `whole`, or the code of the error that ended it. */
  end: string;
};

type Asked = { method?: string; headers?: Record<string, string>; body?: string; signal?: AbortSignal };

/** Never rejects. */
export async function hear(url: string, { method = 'GET', headers, body, signal }: Asked = {}): Promise<Heard> {
  const heard = { status: 0, headers: {} as IncomingHttpHeaders, pieces: [] as Buffer[] };
  const end = await new Promise<string>((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name);
    const asked = request(url, { method, headers, agent: false, ...(signal && { signal }) }, (response) => {
      heard.status = response.statusCode ?? 0;
      heard.headers = response.headers;
      response.on('data', (piece: Buffer) => heard.pieces.push(piece));
      response.once('end', () => resolve('whole')).once('error', failed);
    });
    asked.once('error', failed).end(body);
  });
  return { ...heard, text: Buffer.concat(heard.pieces).toString('utf8'), end };
}
