/** A training's settings as fal's input, and back. The archive that fal learns from is not among them. */
import type { z } from 'zod';
import { endpoints } from '../../fal/endpoints.ts';
import { endpointOf, type Trainer, type TrainingSettings, trainers } from './settings.ts';

const portraitInput = endpoints['fal-ai/flux-lora-portrait-trainer'].input.omit({ images_data_url: true });
const styleInput = endpoints['fal-ai/flux-pro-trainer'].input.omit({ data_url: true });

/** What a job's row holds as its input. */
export const inputOf = { fluxLoraPortraitTrainer: portraitInput, fluxProTrainer: styleInput };
export type TrainingInput = z.output<(typeof inputOf)[Trainer]>;

/** What the archive is called at fal. */
export const archiveField = { fluxLoraPortraitTrainer: 'images_data_url', fluxProTrainer: 'data_url' } as const;

/** The trainer of an endpoint. Throws for one that trains nothing. */
export function trainerOfEndpoint(endpoint: string): Trainer {
  const trainer = trainers.find((name) => endpointOf[name] === endpoint);
  if (trainer === undefined) throw new TypeError(`${endpoint} trains nothing.`);
  return trainer;
}

/** fal's input of these settings. Its ranges are not checked yet. */
export function falInput(settings: TrainingSettings): Record<string, unknown> {
  switch (settings.trainer) {
    case 'fluxLoraPortraitTrainer':
      return {
        trigger_phrase: settings.triggerPhrase,
        steps: settings.steps,
        learning_rate: settings.learningRate,
        multiresolution_training: settings.multiresolutionTraining,
        subject_crop: settings.subjectCrop,
        create_masks: settings.createMasks,
      };
    case 'fluxProTrainer':
      return {
        finetune_comment: settings.comment,
        mode: settings.mode,
        iterations: settings.iterations,
        priority: settings.priority,
        captioning: settings.captioning,
        trigger_word: settings.triggerWord,
        lora_rank: settings.loraRank,
        finetune_type: settings.finetuneType,
        learning_rate: settings.learningRate,
      };
  }
}

/** The settings in a job's input, as it is stored. Throws when it is no input of that endpoint. */
export function readSettings(endpoint: string, input: unknown): TrainingSettings {
  const trainer = trainerOfEndpoint(endpoint);
  switch (trainer) {
    case 'fluxLoraPortraitTrainer': {
      const sent = portraitInput.parse(input);
      return {
        trainer,
        steps: sent.steps,
        learningRate: sent.learning_rate,
        multiresolutionTraining: sent.multiresolution_training,
        subjectCrop: sent.subject_crop,
        createMasks: sent.create_masks,
        triggerPhrase: sent.trigger_phrase ?? null,
      };
    }
    case 'fluxProTrainer': {
      const sent = styleInput.parse(input);
      return {
        trainer,
        mode: sent.mode,
        iterations: sent.iterations,
        learningRate: sent.learning_rate,
        priority: sent.priority,
        captioning: sent.captioning,
        loraRank: sent.lora_rank,
        finetuneType: sent.finetune_type,
        triggerWord: sent.trigger_word,
        comment: sent.finetune_comment,
      };
    }
  }
}
