/** A plan returns what the start would do, or the error that it would return, and writes nothing. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Viewer } from '../../src/access/session.ts';
import { openLedger, type Refused } from './open-ledger.ts';

let ledger: Awaited<ReturnType<typeof openLedger>>;
let freeBytes = 1e12;
beforeAll(async () => {
  ledger = await openLedger(async () => freeBytes);
});
afterAll(() => ledger.close());
beforeEach(async () => {
  freeBytes = 1e12;
  await ledger.prisma.retiredEndpoint.deleteMany();
});

const settings = {
  Generation: `settings { __typename ... on FluxLoraSettings { loraScale numInferenceSteps guidanceScale enableSafetyChecker numImages outputFormat seed imageSize { width height } }
    ... on FluxProFinetunedSettings { finetuneStrength numInferenceSteps guidanceScale numImages outputFormat seed }
    ... on FluxProUltraFinetunedSettings { finetuneStrength aspectRatio raw enhancePrompt numImages outputFormat } }`,
  Training: `settings { __typename ... on FluxLoraPortraitTrainerSettings { steps learningRate triggerPhrase createMasks }
    ... on FluxProTrainerSettings { mode iterations priority captioning finetuneType triggerWord comment } }`,
};
const refused = {
  Generation: '... on AvatarNotReadyError { avatarStatus } ... on AvatarRuleError { findings { code } }',
  Training: '... on DatasetNotReadyError { readiness { missing } } ... on JobActiveError { job { id } }',
};
const shared = `__typename ... on Error { message } ... on InvalidInputError { issues { path message } } ... on IdempotencyConflictError { job { id } }
  ... on EndpointRetiredError { endpoint after: retryAfterSeconds } ... on InsufficientCreditsError { balance asked: price } ... on LimitReachedError { limit retryAfterSeconds }`;
type What = 'Generation' | 'Training';
const columns = (what: What) => `endpoint ${what === 'Generation' ? 'finalPrompt' : 'photoCount'} ${settings[what]}`;

const plan = async (what: What, input: object, as: Viewer) => {
  const document = `query($input: Start${what}Input!) { plan: plan${what}(input: $input) { ${shared} ${refused[what]}
    ... on ${what}Plan { ${columns(what)} warnings price { credits estimatedUsd } } } }`;
  return (await ledger.ask<{ plan: Refused }>(document, { input }, as)).plan;
};
const start = async (what: What, input: object, as: Viewer) => {
  const document = `mutation($input: Start${what}Input!) { start: start${what}(input: $input) { ${shared} ${refused[what]}
    ... on ${what} { id ${columns(what)} cost { price } } } }`;
  return (await ledger.ask<{ start: Refused }>(document, { input }, as)).start;
};

const drawn = (more: object) => ({ prompt: 'at sea', ...more });
const trained = (more: object) => ({ datasetUrl: 'https://example.com/a.zip', ...more });
const off = { enableSafetyChecker: false, loraScale: 0.5, guidanceScale: 7 };
const plans: [What, 'portrait' | 'style', object, string[], number][] = [
  ['Generation', 'portrait', drawn({}), [], 5],
  ['Generation', 'portrait', drawn({ preset: 'QUALITY', numImages: 4, seed: 7, outputFormat: 'PNG' }), [], 20],
  ['Generation', 'portrait', drawn({ settings: { fluxLora: off } }), ['loraScale 0.5', 'safety checker'], 5],
  ['Generation', 'style', drawn({}), [], 7.5],
  ['Generation', 'style', drawn({ preset: 'QUALITY', numImages: 3 }), [], 15],
  ['Generation', 'style', drawn({ settings: { fluxProUltraFinetuned: { finetuneStrength: 2 } } }), ['over 1.5'], 7.5],
  ['Training', 'portrait', trained({}), [], 150],
  ['Training', 'portrait', trained({ preset: 'FAST', settings: { fluxLoraPortraitTrainer: { steps: 42 } } }), [], 150],
  ['Training', 'style', trained({ preset: 'QUALITY', settings: { fluxProTrainer: { captioning: false } } }), [], 150],
];

describe('a plan', () => {
  it.each(plans)('for %s with a %s and %j matches the start', async (what, kind, asked, warnings, credits) => {
    const own = await ledger.addOwner(1000);
    const input = { ...asked, avatarId: own[kind] };
    const before = await ledger.rows();
    const { __typename, warnings: actualWarnings, price, ...planned } = await plan(what, input, own.owner);
    expect(await ledger.rows()).toEqual(before);
    expect(__typename).toBe(`${what}Plan`);
    const { id, cost, __typename: _what, ...started } = await start(what, input, own.owner);
    expect(planned).toEqual(started);
    expect(price).toEqual({ credits, estimatedUsd: expect.any(Number) as number });
    expect(cost).toEqual({ price: credits });
    const sentences = actualWarnings as string[];
    for (const warning of warnings) expect(sentences.filter((sentence) => sentence.includes(warning))).toHaveLength(1);
    // fal calls both style models deprecated, so their plans may have one more warning.
    expect(sentences.filter((sentence) => !sentence.includes('no longer supports'))).toHaveLength(warnings.length);
    const { balance, reserved } = await ledger.account(own.owner);
    expect([balance, reserved]).toEqual([1000 - credits, credits]);
    expect(id).toEqual(expect.any(String));
  });

  it('does not use up the retry of a retired endpoint', async () => {
    const { owner, portrait } = await ledger.addOwner(10);
    const retired = {
      endpoint: 'fal-ai/flux-lora',
      since: ledger.noon,
      askAgainAt: new Date(ledger.noon.getTime() - 1),
    };
    await ledger.prisma.retiredEndpoint.create({ data: retired });
    const input = drawn({ avatarId: portrait });
    for (let n = 0; n < 2; n += 1) expect((await plan('Generation', input, owner)).__typename).toBe('GenerationPlan');
    expect((await start('Generation', input, owner)).__typename).toBe('Generation');
    expect((await plan('Generation', input, owner)).__typename).toBe('EndpointRetiredError');
  });
});

type Own = Awaited<ReturnType<typeof ledger.addOwner>>;
type Refusal = [string, What, number, (own: Own) => object | Promise<object>];
const retire = async (endpoint: string) => {
  const askAgainAt = new Date(ledger.noon.getTime() + 90_000);
  await ledger.prisma.retiredEndpoint.create({ data: { endpoint, since: ledger.noon, askAgainAt } });
};
const limited = async ({ owner }: Own) =>
  void (await ledger.prisma.user.update({ where: { id: owner.id }, data: { dailyBudgetTenths: 49 } }));

const refusals: Refusal[] = [
  ['InvalidInputError', 'Generation', 100, () => ({ numImages: 9, preset: 'ULTRA', prompt: ' ' })],
  ['InvalidInputError', 'Generation', 100, () => ({ idempotencyKey: '' })],
  ['NotFoundError', 'Generation', 100, () => ({ avatarId: 'nonsense' })],
  [
    'AvatarNotReadyError',
    'Generation',
    100,
    async ({ owner: { id: ownerId } }) => {
      const draft = { ownerId, status: 'DRAFT', diffusersLoraFileUrl: null } as const;
      return { avatarId: (await ledger.addAvatar('PORTRAIT', draft)).globalId };
    },
  ],
  [
    'AvatarRuleError',
    'Generation',
    100,
    async ({ owner: { id: ownerId } }) => {
      await ledger.pglite.exec('ALTER TABLE "Avatar" DROP CONSTRAINT "Avatar_portrait_has_no_finetune"');
      return { avatarId: (await ledger.addAvatar('PORTRAIT', { ownerId, finetuneId: 'of-another' })).globalId };
    },
  ],
  [
    'IdempotencyConflictError',
    'Generation',
    100,
    async ({ owner, portrait }) => {
      await start('Generation', drawn({ avatarId: portrait, idempotencyKey: 'one', numImages: 2 }), owner);
      return { idempotencyKey: 'one' };
    },
  ],
  ['EndpointRetiredError', 'Generation', 100, async () => (await retire('fal-ai/flux-lora'), {})],
  ['InsufficientCreditsError', 'Generation', 4.9, () => ({})],
  ['LimitReachedError', 'Generation', 100, async (own) => (await limited(own), {})],
  ['LimitReachedError', 'Generation', 100, () => ((freeBytes = 1000), {})],

  ['InvalidInputError', 'Training', 1000, () => ({ settings: { fluxProTrainer: { iterations: 300 } } })],
  ['InvalidInputError', 'Training', 1000, () => ({ datasetUrl: 'http://10.0.0.1/a.zip' })],
  ['NotFoundError', 'Training', 1000, () => ({ avatarId: 'nonsense' })],
  ['DatasetNotReadyError', 'Training', 1000, () => ({ datasetUrl: null })],
  [
    'JobActiveError',
    'Training',
    1000,
    async ({ owner, portrait }) => (await start('Training', trained({ avatarId: portrait }), owner), {}),
  ],
  [
    'IdempotencyConflictError',
    'Training',
    1000,
    async ({ owner, portrait }) => {
      await start('Training', trained({ avatarId: portrait, idempotencyKey: 'one', preset: 'FAST' }), owner);
      return { idempotencyKey: 'one' };
    },
  ],
  ['EndpointRetiredError', 'Training', 1000, async () => (await retire('fal-ai/flux-lora-portrait-trainer'), {})],
  ['InsufficientCreditsError', 'Training', 149.9, () => ({})],
  ['LimitReachedError', 'Training', 1000, async (own) => (await limited(own), {})],
  ['LimitReachedError', 'Training', 1000, () => ((freeBytes = 1000), {})],
];

describe('a plan and the start return the same error, and neither writes:', () => {
  it.each(refusals)('%s for %s with %d credits', async (name, what, credits, arrange) => {
    const own = await ledger.addOwner(credits);
    const asked = what === 'Generation' ? drawn({ avatarId: own.portrait }) : trained({ avatarId: own.portrait });
    const input = { ...asked, ...(await arrange(own)) };
    const before = await ledger.rows();
    const planned = await plan(what, input, own.owner);
    expect(planned).toMatchObject({ __typename: name, message: expect.any(String) as string });
    expect(await start(what, input, own.owner)).toEqual(planned);
    expect(await ledger.rows()).toEqual(before);
  });
});
