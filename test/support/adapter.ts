/** The real adapter in front of a scripted fal: waits take no time and are written down. */
import { createFal, type FalOptions } from '../../src/fal/client.ts';
import { openScriptedFal } from './scripted-fal.ts';

export const key = '0123abcd-key-id:9f8e7d6c5b4a39281706-secret';
export const requestId = '6e0f4b0a-2f7c-4d6e-9b1a-0c1d2e3f4a5b';
export const statusRoute = `GET /fal-ai/flux-pro/requests/${requestId}/status` as const;
export const streamRoute = `GET /fal-ai/flux-pro/requests/${requestId}/status/stream` as const;
export const resultRoute = `GET /fal-ai/flux-pro/requests/${requestId}` as const;
export const cancelRoute = `PUT /fal-ai/flux-pro/requests/${requestId}/cancel` as const;
export const submitRoute = 'POST /fal-ai/flux-pro/v1.1-ultra-finetuned' as const;
export const endpoint = 'fal-ai/flux-pro/v1.1-ultra-finetuned' as const;

export async function openAdapter(options: Partial<FalOptions> = {}) {
  const server = await openScriptedFal();
  const slept: number[] = [];
  const logged: string[] = [];
  const write = (fields: object, message: string): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const fal = createFal({
    key,
    baseUrl: server.url,
    random: () => 1,
    sleep: async (ms) => void slept.push(ms),
    log: { debug: write, warn: write },
    ...options,
  });
  return {
    fal,
    server,
    slept,
    logged,
    async close() {
      await fal.close();
      await server.close();
    },
  };
}

export type Adapter = Awaited<ReturnType<typeof openAdapter>>;

/** What a promise is rejected with; throws when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const value = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in value) return value.error;
  throw new Error(`It resolved, with ${JSON.stringify(value.value)}.`);
}
