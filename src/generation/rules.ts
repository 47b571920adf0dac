/** Pure: who may generate, and which model draws. */
import type { Avatar, AvatarKind, AvatarStatus, GenerationPreset } from '../../prisma/generated/client/client.ts';
import { type AvatarFinding, findingsOf } from '../avatar/findings.ts';
import { isStorable } from '../database/storable-text.ts';
import type { CommonSettings, DrawingModel } from '../fal/model.ts';
import type { InputIssue } from '../refusal/invalid-input.ts';
import { Refusal } from '../refusal/refusal.ts';
import { models, modelsOfPreset } from './settings.ts';

type NotReady = Exclude<AvatarStatus, 'READY'>;

/** The avatar has no trained model. */
export class AvatarNotReadyError extends Refusal {
  override name = 'AvatarNotReadyError';
  readonly avatarStatus: NotReady;

  constructor(avatarStatus: NotReady) {
    super(notReadyMessages[avatarStatus]);
    this.avatarStatus = avatarStatus;
  }
}

/** The avatar breaks an integrity rule. It cannot generate pictures until its row is repaired. */
export class AvatarRuleError extends Refusal {
  override name = 'AvatarRuleError';
  readonly findings: AvatarFinding[];

  constructor(findings: AvatarFinding[]) {
    super(findings.map(({ message }) => message).join(' '));
    this.findings = findings;
  }
}

const notReadyMessages: Record<NotReady, string> = {
  DRAFT: 'This avatar has not been trained yet. Train it first.',
  TRAINING: 'This avatar is being trained. It may generate once the training has succeeded.',
  FAILED: 'The last training of this avatar failed. Train it again first.',
};

/** Accepts only a READY avatar that breaks no integrity rule. Throws AvatarNotReadyError, AvatarRuleError. */
export function assertMayGenerate(avatar: Avatar): void {
  if (avatar.status !== 'READY') throw new AvatarNotReadyError(avatar.status);
  const findings = findingsOf(avatar);
  if (findings.length > 0) throw new AvatarRuleError(findings);
}

/**
 * The model that draws: the one that the caller's settings name, or else the first that fits the avatar's kind and the
 * preset. Returns an issue if no model fits.
 */
export function routeGeneration(
  kind: AvatarKind,
  preset: GenerationPreset | null,
  named: string | undefined,
): { model: DrawingModel } | { issue: InputIssue } {
  const ofPreset = modelsOfPreset(preset);
  const fitting = ofPreset.filter(({ avatarKinds }) => avatarKinds.includes(kind));
  const [first] = fitting;
  if (first === undefined) {
    const kinds = [...new Set(ofPreset.flatMap(({ avatarKinds }) => avatarKinds))].map(
      (each) => `${each.toLowerCase()}s`,
    );
    const message = `${preset} draws ${kinds.join(' and ')} only. Choose another preset for a ${kind.toLowerCase()}.`;
    return { issue: { path: 'preset', message } };
  }
  const model = named === undefined ? first : fitting.find(({ name }) => name === named);
  if (model !== undefined) return { model };
  const drawsKind = models.some(({ name, avatarKinds }) => name === named && avatarKinds.includes(kind));
  const message = drawsKind
    ? `The preset ${preset} draws with ${first.name}.`
    : `A ${kind.toLowerCase()} draws with ${fitting.map(({ name }) => name).join(' or ')}.`;
  return { issue: { path: `settings.${named}`, message } };
}

export const maxPromptLength = 1000;

/** Checks the prompt as the user wrote it and as the server sends it. Length counts code points: most emoji count as one. */
export function promptIssues(prompt: string, finalPrompt: string): InputIssue[] {
  if (prompt.trim() === '') return [{ path: 'prompt', message: 'Say what to draw.' }];
  // PostgreSQL cannot store a NUL or half a surrogate pair.
  if (!isStorable(prompt)) return [{ path: 'prompt', message: 'Holds a character that is no text.' }];
  const length = Array.from(finalPrompt).length;
  if (length <= maxPromptLength) return [];
  return [
    { path: 'prompt', message: `Takes 1 to ${maxPromptLength} characters with the trigger; this has ${length}.` },
  ];
}

/** Checks the settings that a preset fixes to one value: ULTRA draws one picture, as JPEG. */
export function onlyIssues(model: DrawingModel, preset: GenerationPreset | null, common: CommonSettings): InputIssue[] {
  const only = (preset !== null && model.presets[preset]?.only) || {};
  return (['numImages', 'outputFormat'] as const).flatMap((path) => {
    const allowed = only[path];
    return allowed === undefined || allowed.value === common[path] ? [] : [{ path, message: allowed.message }];
  });
}

/** The largest value of GraphQL’s Int. */
export const maxSeed = 2 ** 31 - 1;

export function seedIssues(seed: number | null): InputIssue[] {
  const isValid = seed === null || (seed >= 0 && seed <= maxSeed);
  return isValid ? [] : [{ path: 'seed', message: `Takes 0 to ${maxSeed}.` }];
}
