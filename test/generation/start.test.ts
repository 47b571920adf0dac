import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Generations, openGenerations } from '../support/generations.ts';
import { globalId, uuidIn } from '../support/global-id.ts';

let server: Generations;
let portrait: string;
let style: string;
let freeBytes = 1e12;
beforeAll(async () => {
  server = await openGenerations({ free: async () => freeBytes });
  portrait = (await server.addAvatar('PORTRAIT')).globalId;
  style = (await server.addAvatar('STYLE', { name: 'Ink' })).globalId;
});
beforeEach(() => {
  server.lines.length = 0;
});
afterAll(() => server.close());

type Started = {
  startGeneration: {
    __typename: string;
    id: string;
    message?: string;
    issues?: { path: string; message: string }[];
    job?: { id: string };
  };
};

const start = async (input: Record<string, unknown>, as = server.viewer) =>
  (await server.call<Started>('StartGeneration', { input }, as)).startGeneration;

describe('startGeneration', () => {
  it('starts a generation of a portrait, by default with the settings of BALANCED', async () => {
    expect(await start({ avatarId: portrait, prompt: '  a knight at dawn ' })).toEqual({
      __typename: 'Generation',
      id: expect.any(String) as string,
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

  it('starts a generation of a style, by default with the ultra model', async () => {
    expect(await start({ avatarId: style, prompt: 'a harbour in tok_ink' })).toMatchObject({
      endpoint: 'fal-ai/flux-pro/v1.1-ultra-finetuned',
      finalPrompt: 'a harbour in tok_ink',
      settings: {
        __typename: 'FluxProUltraFinetunedSettings',
        finetuneStrength: 1.1,
        aspectRatio: 'RATIO_1_1',
        safetyTolerance: 2,
        raw: false,
        enhancePrompt: false,
        referenceImageUrl: null,
        referenceImageStrength: null,
        numImages: 1,
        outputFormat: 'JPEG',
        seed: null,
      },
    });
  });

  it('returns the sent settings, in which the caller’s replace the preset’s', async () => {
    const input = {
      avatarId: style,
      prompt: 'a harbour',
      preset: 'QUALITY',
      numImages: 4,
      seed: 2_147_483_647,
      outputFormat: 'PNG',
      settings: { fluxProFinetuned: { imageSize: { width: 512, height: 768 }, safetyTolerance: 5 } },
    };
    expect(await start(input)).toMatchObject({
      endpoint: 'fal-ai/flux-pro/finetuned',
      preset: 'QUALITY',
      settings: {
        __typename: 'FluxProFinetunedSettings',
        finetuneStrength: 1.2,
        imageSize: { preset: null, width: 512, height: 768 },
        numInferenceSteps: 50,
        guidanceScale: 4,
        safetyTolerance: 5,
        numImages: 4,
        outputFormat: 'PNG',
        seed: 2_147_483_647,
      },
    });
  });

  it('writes the job, its first event and its first step together', async () => {
    const { id } = await start({ avatarId: portrait, prompt: 'a knight' });
    const job = await server.prisma.job.findUniqueOrThrow({ where: { id: uuidIn(id) }, include: { events: true } });
    expect(job).toMatchObject({ status: 'QUEUED', lastSequence: 1, ownerId: server.viewer.id });
    expect(job.events).toMatchObject([{ sequence: 1, type: 'QUEUED' }]);
    expect(await server.boss.findJobs('job-step', { key: job.id })).toHaveLength(1);
  });

  it('logs no prompt', async () => {
    await start({ avatarId: portrait, prompt: 'a very secret knight' });
    expect(JSON.stringify(server.lines)).not.toContain('secret');
  });
});

describe('startGeneration refuses', () => {
  it('a value out of range, and names the field', async () => {
    const before = await server.prisma.job.count();
    const settings = { fluxLora: { numInferenceSteps: 99 } };
    expect(await start({ avatarId: portrait, prompt: 'x', settings })).toEqual({
      __typename: 'InvalidInputError',
      message: 'settings.fluxLora.numInferenceSteps: Takes 1 to 50.',
      issues: [{ path: 'settings.fluxLora.numInferenceSteps', message: 'Takes 1 to 50.' }],
    });
    expect(await server.prisma.job.count()).toBe(before);
  });

  it('settings of two models at once', async () => {
    const settings = { fluxLora: {}, fluxProFinetuned: {} };
    await expect(start({ avatarId: portrait, prompt: 'x', settings })).rejects.toThrow(/fluxLora|exactly one/i);
  });

  it('an avatar that does not exist, belongs to another user, was deleted or has the other kind', async () => {
    const deleted = await server.addAvatar('PORTRAIT', { deletedAt: new Date() });
    const stranger = await server.addViewer();
    const notFound = { __typename: 'NotFoundError', message: 'There is no such avatar.' };
    const uuid = uuidIn(portrait);
    for (const avatarId of [
      'nonsense',
      uuid,
      globalId('PortraitAvatar', '00000000-0000-4000-8000-000000000000'),
      globalId('StyleAvatar', uuid),
      globalId('Generation', uuid),
      deleted.globalId,
    ]) {
      expect(await start({ avatarId, prompt: 'x' })).toEqual(notFound);
    }
    expect(await start({ avatarId: portrait, prompt: 'x' }, stranger)).toEqual(notFound);
  });

  it.each(['DRAFT', 'TRAINING', 'FAILED'] as const)('an avatar that is %s', async (status) => {
    const avatar = await server.addAvatar('PORTRAIT', { status, diffusersLoraFileUrl: null });
    expect(await start({ avatarId: avatar.globalId, prompt: 'x' })).toEqual({
      __typename: 'AvatarNotReadyError',
      message: expect.stringMatching(/train/i) as string,
      avatarStatus: status,
    });
  });

  it('every input while the disk is almost full', async () => {
    freeBytes = 1000;
    const refused = await start({ avatarId: portrait, prompt: 'x' });
    freeBytes = 1e12;
    expect(refused.__typename).toBe('LimitReachedError');
  });

  it('an avatar that breaks integrity rules, and logs which', async () => {
    await server.pglite.exec('ALTER TABLE "Avatar" DROP CONSTRAINT "Avatar_portrait_has_no_finetune"');
    const avatar = await server.addAvatar('PORTRAIT', { finetuneId: 'of-another' });
    expect(await start({ avatarId: avatar.globalId, prompt: 'a secret knight' })).toMatchObject({
      __typename: 'AvatarRuleError',
      findings: [{ code: 'PORTRAIT_HAS_FINETUNE_ID' }],
    });
    expect(server.lines).toMatchObject([{ level: 40, avatarId: avatar.id, codes: ['PORTRAIT_HAS_FINETUNE_ID'] }]);
    expect(JSON.stringify(server.lines)).not.toContain('secret');
  });
});

describe('an idempotency key', () => {
  const asked = () => ({ avatarId: portrait, prompt: 'a knight', seed: 5 });

  it('returns the same job for the same input, in any field order and with null or absent fields', async () => {
    const first = await start({ ...asked(), idempotencyKey: 'one' });
    const again = await start({ preset: null, idempotencyKey: 'one', ...asked() });
    expect(again.id).toBe(first.id);
  });

  it('returns the job even if the present rules would refuse a new one', async () => {
    const avatar = await server.addAvatar('PORTRAIT');
    const input = { avatarId: avatar.globalId, prompt: 'x', idempotencyKey: 'rules of then' };
    const first = await start(input);
    const columns = { status: 'FAILED', diffusersLoraFileUrl: null } as const;
    await server.prisma.avatar.update({ where: { id: avatar.id }, data: columns });
    expect((await start(input)).id).toBe(first.id);
  });

  it('returns one job to concurrent calls', async () => {
    const input = { ...asked(), idempotencyKey: 'at once' };
    const ids = await Promise.all([1, 2, 3].map(async () => (await start(input)).id));
    expect(new Set(ids).size).toBe(1);
  });

  it('is refused with another input, and the error has the job of the key', async () => {
    const first = await start({ ...asked(), idempotencyKey: 'two' });
    expect(await start({ ...asked(), seed: 6, idempotencyKey: 'two' })).toMatchObject({
      __typename: 'IdempotencyConflictError',
      job: { id: first.id },
    });
  });

  it('belongs to one viewer', async () => {
    const stranger = await server.addViewer();
    const { globalId: avatarId } = await server.addAvatar('PORTRAIT', { ownerId: stranger.id });
    const own = await start({ ...asked(), idempotencyKey: 'three' });
    const theirs = await start({ avatarId, prompt: 'x', idempotencyKey: 'three' }, stranger);
    expect(theirs.__typename).toBe('Generation');
    expect(theirs.id).not.toBe(own.id);
  });

  it.each(['', 'x'.repeat(201), 'a\0b'])('is refused if it is not valid', async (idempotencyKey) => {
    expect((await start({ ...asked(), idempotencyKey })).issues).toEqual([
      { path: 'idempotencyKey', message: 'Takes 1 to 200 characters of text.' },
    ]);
  });
});
