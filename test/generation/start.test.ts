import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Generations, openGenerations } from '../support/generations.ts';

let server: Generations;
beforeAll(async () => {
  server = await openGenerations();
});
afterAll(() => server.close());

type Started = {
  startGeneration: {
    __typename: string;
    id: string;
    status: string;
    endpoint: string;
    prompt: string;
    finalPrompt: string;
    preset: string | null;
    settings: Record<string, unknown>;
    message: string;
    issues: { path: string; message: string }[];
    avatarStatus: string;
    findings: { code: string; message: string }[];
    job: { id: string };
  };
};

const start = async (input: Record<string, unknown>) =>
  (await server.call<Started>('StartGeneration', { input })).startGeneration;

describe('startGeneration', () => {
  it('starts the drawing of a portrait, with its trigger and the numbers of BALANCED', async () => {
    const avatar = await server.addAvatar('PORTRAIT');
    const started = await start({ avatarId: avatar.globalId, prompt: '  a knight at dawn ' });
    expect(started).toMatchObject({
      __typename: 'Generation',
      status: 'QUEUED',
      endpoint: 'fal-ai/flux-lora',
      prompt: 'a knight at dawn',
      finalPrompt: 'TOK_ada a knight at dawn',
      preset: null,
      settings: {
        __typename: 'FluxLoraSettings',
        loraScale: 1,
        imageSize: { preset: 'SQUARE_HD', width: 1024, height: 1024 },
        numInferenceSteps: 28,
        guidanceScale: 3.5,
        enableSafetyChecker: true,
        numImages: 1,
        outputFormat: 'JPEG',
        seed: null,
      },
    });
  });
});
