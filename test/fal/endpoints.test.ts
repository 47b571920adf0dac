/** Every model in its list is complete, and only its own file names it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphQLInputObjectType, GraphQLObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import type { Avatar, GenerationPreset } from '../../prisma/generated/client/client.ts';
import { schema } from '../../src/app/schema.ts';
import { endpointIds } from '../../src/fal/endpoints.ts';
import { artefactField, type DrawingModel, type Trainer } from '../../src/fal/model.ts';
import { encodeSettings, inputIssues, warningsOf, writeAt } from '../../src/fal/settings.ts';
import { drawingModels } from '../../src/generation/models/models.ts';
import { typicalSeconds } from '../../src/generation/plan.ts';
import { presetSettings as drawingSettings } from '../../src/generation/settings.ts';
import { trainers } from '../../src/training/models/models.ts';
import { presetNames } from '../../src/training/presets.ts';
import { settingsFrom, presetSettings as trainingSettings } from '../../src/training/settings.ts';

const src = join(import.meta.dirname, '../../src');
const avatar = { name: 'Ada', triggerPhrase: 'TOK_ada', triggerWord: null } as Avatar;
const models: (DrawingModel | Trainer)[] = [...drawingModels, ...trainers];

describe.each([
  ['generation', drawingModels],
  ['training', trainers],
] as const)('%s/models', (room, list) => {
  const folder = join(src, room, 'models');

  test('every file describes one model, and the list has it', async () => {
    const names = readdirSync(folder).filter((name) => name !== 'models.ts');
    const described = await Promise.all(
      names.map(async (name) => Object.values((await import(join(folder, name))) as Record<string, unknown>)),
    );
    expect(described.flat()).toHaveLength(names.length);
    expect(new Set(described.flat())).toEqual(new Set<unknown>(list));
  });
});

test('no two models share an endpoint or a name', () => {
  expect(endpointIds).toHaveLength(models.length);
  expect(new Set(models.map(({ name }) => name)).size).toBe(models.length);
});

const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/^(generation|training)\/models\//.test(path))
  .map((path) => ({ path, code: codeOf(readFileSync(join(src, path), 'utf8')) }));

test.each(models)('no code outside the models names $endpoint', ({ endpoint, name }) => {
  const names = new RegExp(String.raw`\b${name}\b`);
  const naming = sources.filter(({ code }) => code.includes(endpoint) || names.test(code));
  expect(naming.map(({ path }) => path)).toEqual([]);
});

/** Source without comments and without examples in backquotes inside a description. */
function codeOf(source: string): string {
  return source
    .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    .replaceAll(/'[^'\n]*'/g, (text) => text.replaceAll(/`[^`]*`/g, ''));
}

test.each(models)('the schema has the types of $endpoint, with every setting', ({ name, fields, readOnlyFields }) => {
  const typeName = name.charAt(0).toUpperCase() + name.slice(1);
  const input = schema.getType(`${typeName}Input`);
  const output = schema.getType(`${typeName}Settings`);
  if (!(input instanceof GraphQLInputObjectType) || !(output instanceof GraphQLObjectType)) throw new Error(typeName);
  expect(Object.keys(input.getFields()).toSorted()).toEqual(Object.keys(fields).toSorted());
  expect(Object.keys(output.getFields())).toEqual(
    expect.arrayContaining(Object.keys({ ...fields, ...readOnlyFields })),
  );
});

const drawn = drawingModels.flatMap((model: DrawingModel) =>
  Object.entries(model.presets).map(([preset, numbers]) => ({ model, name: model.name, preset, numbers })),
);
test.each(drawn)('$name accepts its own numbers of $preset without a warning', ({ model, preset, numbers }) => {
  const settings = drawingSettings(model, preset as GenerationPreset);
  const input = { prompt: 'a fox', ...encodeSettings(model, settings) };
  writeAt(input, artefactField[model.artefact], 'https://v3.fal.media/files/lora.safetensors');
  expect(inputIssues(model, model.input, input)).toEqual([]);
  expect(warningsOf({ ...model, isDeprecated: false }, settings, settings)).toEqual([]);
  expect(typicalSeconds(settings)).toEqual(numbers.typicalSeconds);
});

const trained = trainers.flatMap((trainer: Trainer) =>
  presetNames.map((preset) => ({ trainer, name: trainer.name, preset })),
);
test.each(trained)('$name accepts its own numbers of $preset without a warning', ({ trainer, preset }) => {
  const settings = trainingSettings(trainer, preset);
  const input = encodeSettings(trainer, { ...settings, ...settingsFrom(avatar, trainer) });
  expect(inputIssues(trainer, trainer.settingsInput, input)).toEqual([]);
  expect(warningsOf({ ...trainer, isDeprecated: false }, settings, settings)).toEqual([]);
});
