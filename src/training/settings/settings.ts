/** What an avatar is trained with, in this API's words. */
import type { AvatarKind, TrainingPreset } from '../../../prisma/generated/client/client.ts';
import type { EndpointId, EndpointInput } from '../../fal/endpoints.ts';
import { portraitPresets, stylePresets } from '../presets.ts';

/** The models that train, by the names that this API's settings have for them. */
export const endpointOf = {
  fluxLoraPortraitTrainer: 'fal-ai/flux-lora-portrait-trainer',
  fluxProTrainer: 'fal-ai/flux-pro-trainer',
} as const satisfies Record<string, EndpointId>;

export type Trainer = keyof typeof endpointOf;
export const trainers = Object.keys(endpointOf) as Trainer[];

/** The trainer that follows from the kind of avatar. */
export const trainerOf: Record<AvatarKind, Trainer> = { PORTRAIT: 'fluxLoraPortraitTrainer', STYLE: 'fluxProTrainer' };

type StyleInput = EndpointInput<'fal-ai/flux-pro-trainer'>;
export type TrainingMode = StyleInput['mode'];
export type TrainingPriority = StyleInput['priority'];
export type FinetuneType = StyleInput['finetune_type'];

export type FluxLoraPortraitTrainerSettings = {
  trainer: 'fluxLoraPortraitTrainer';
  steps: number;
  learningRate: number;
  multiresolutionTraining: boolean;
  subjectCrop: boolean;
  createMasks: boolean;
  /** Null in a preset: the avatar's own. */
  triggerPhrase: string | null;
};

export type FluxProTrainerSettings = {
  trainer: 'fluxProTrainer';
  mode: TrainingMode;
  iterations: number;
  learningRate: number;
  priority: TrainingPriority;
  captioning: boolean;
  loraRank: number;
  finetuneType: FinetuneType;
  /** Null in a preset: the avatar's own. */
  triggerWord: string | null;
  /** Null in a preset: the avatar's name. */
  comment: string | null;
};

export type TrainingSettings = FluxLoraPortraitTrainerSettings | FluxProTrainerSettings;

/** The settings of a preset, the same for every avatar of the kind that the trainer trains. */
export function presetSettings(trainer: Trainer, preset: TrainingPreset): TrainingSettings {
  switch (trainer) {
    case 'fluxLoraPortraitTrainer':
      return {
        trainer,
        ...portraitPresets[preset],
        multiresolutionTraining: true,
        subjectCrop: true,
        triggerPhrase: null,
      };
    case 'fluxProTrainer':
      return { trainer, mode: 'style', ...stylePresets[preset], captioning: true, triggerWord: null, comment: null };
  }
}
