/** Pure: who may generate, and which model draws. */
import type { Avatar, AvatarKind, AvatarStatus, GenerationPreset } from '../../prisma/generated/client/client.ts';
import { type AvatarFinding, findingsOf } from '../avatar/findings.ts';
import { isStorable } from '../database/storable-text.ts';
import { type InputIssue, Refusal } from '../refusal/refusal.ts';
import { type Model, models } from './settings/settings.ts';

type NotReady = Exclude<AvatarStatus, 'READY'>;

/** The avatar has no model to draw with. */
export class AvatarNotReadyError extends Refusal {
  override name = 'AvatarNotReadyError';
  readonly avatarStatus: NotReady;

  constructor(avatarStatus: NotReady) {
    super(whyNotReady[avatarStatus]);
    this.avatarStatus = avatarStatus;
  }
}

/** The avatar breaks the strict rules: nothing is drawn, and nothing paid, until its row is put right. */
export class AvatarRuleError extends Refusal {
  override name = 'AvatarRuleError';
  readonly findings: AvatarFinding[];

  constructor(findings: AvatarFinding[]) {
    super(findings.map(({ message }) => message).join(' '));
    this.findings = findings;
  }
}

const whyNotReady: Record<NotReady, string> = {
  DRAFT: 'This avatar has not been trained yet. Train it first.',
  TRAINING: 'This avatar is being trained. It may generate once the training has succeeded.',
  FAILED: 'The last training of this avatar failed. Train it again first.',
};

/** Only an avatar with its model, and with no rule broken. Throws AvatarNotReadyError, AvatarRuleError. */
export function assertMayGenerate(avatar: Avatar): void {
  if (avatar.status !== 'READY') throw new AvatarNotReadyError(avatar.status);
  const findings = findingsOf(avatar);
  if (findings.length > 0) throw new AvatarRuleError(findings);
}

const byKind: Record<AvatarKind, readonly Model[]> = {
  PORTRAIT: ['fluxLora'],
  STYLE: ['fluxProUltraFinetuned', 'fluxProFinetuned'],
};

/** The models that a preset has numbers for: ultra takes neither steps nor guidance, which all other presets set. */
export function modelsOfPreset(preset: GenerationPreset | null): readonly Model[] {
  if (preset === null) return models;
  return preset === 'ULTRA' ? ['fluxProUltraFinetuned'] : ['fluxLora', 'fluxProFinetuned'];
}

/** The model that draws: the one that `settings` names, else the first that kind and preset allow. Or what is wrong. */
export function routeGeneration(
  kind: AvatarKind,
  preset: GenerationPreset | null,
  named: Model | undefined,
): { model: Model } | { issue: InputIssue } {
  const allowed = byKind[kind].filter((model) => modelsOfPreset(preset).includes(model));
  const [first] = allowed;
  if (first === undefined) {
    return { issue: { path: 'preset', message: `${preset} draws styles only. Choose another preset for a portrait.` } };
  }
  if (named === undefined || allowed.includes(named)) return { model: named ?? first };
  const message = byKind[kind].includes(named)
    ? `The preset ${preset} draws with ${first}.`
    : `A ${kind.toLowerCase()} draws with ${allowed.join(' or ')}.`;
  return { issue: { path: `settings.${named}`, message } };
}

export const maxPromptLength = 1000;

/** The prompt as the user wrote it, and as sent. Lengths are in characters as people count them in a text field: an emoji is one. */
export function promptIssues(prompt: string, finalPrompt: string): InputIssue[] {
  if (prompt.trim() === '') return [{ path: 'prompt', message: 'Say what to draw.' }];
  // PostgreSQL stores neither; no keyboard writes them.
  if (!isStorable(prompt)) return [{ path: 'prompt', message: 'Holds a character that is no text.' }];
  const length = Array.from(finalPrompt).length;
  if (length <= maxPromptLength) return [];
  return [
    { path: 'prompt', message: `Takes 1 to ${maxPromptLength} characters with the trigger; this has ${length}.` },
  ];
}

/** What ULTRA holds to whatever the model could do: one picture, as JPEG. */
export function ultraIssues(drawing: { numImages: number; outputFormat: 'jpeg' | 'png' }): InputIssue[] {
  return [
    ...(drawing.numImages === 1 ? [] : [{ path: 'numImages', message: 'ULTRA draws one picture.' }]),
    ...(drawing.outputFormat === 'jpeg' ? [] : [{ path: 'outputFormat', message: 'ULTRA draws a JPEG.' }]),
  ];
}

/** GraphQL's Int ends there as well. */
const maxSeed = 2 ** 31 - 1;

export function seedIssues(seed: number | null): InputIssue[] {
  const isTaken = seed === null || (seed >= 0 && seed <= maxSeed);
  return isTaken ? [] : [{ path: 'seed', message: `Takes 0 to ${maxSeed}.` }];
}
