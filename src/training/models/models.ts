/** The models that train. Of those that fit an avatar, the first one trains unless the caller names another. */
import type { Trainer } from '../../fal/model.ts';
import { fluxLoraPortraitTrainer } from './flux-lora-portrait-trainer.ts';
import { fluxProTrainer } from './flux-pro-trainer.ts';

export const trainers = [fluxLoraPortraitTrainer, fluxProTrainer] as const satisfies readonly Trainer[];
