/** The models that draw. Of those that fit an avatar and a preset, the first one draws. */
import type { DrawingModel } from '../../fal/model.ts';
import { fluxLora } from './flux-lora.ts';
import { fluxProFinetuned } from './flux-pro-finetuned.ts';
import { fluxProUltraFinetuned } from './flux-pro-ultra-finetuned.ts';

export const drawingModels = [
  fluxLora,
  fluxProUltraFinetuned,
  fluxProFinetuned,
] as const satisfies readonly DrawingModel[];
