/** A generation's settings as fal's input, and back. */
import type { Prisma } from '../../../prisma/generated/client/client.ts';
import { endpoints } from '../../fal/endpoints.ts';
import { type Drawing, type GenerationSettings, modelOf, type OutputFormat } from './settings.ts';

/** What fal knows the avatar by. A READY portrait has the one, a READY style the other. */
export type AvatarModel = { diffusersLoraFileUrl: string | null; finetuneId: string | null };

/** fal's input of these settings; a field that the endpoint does not have is never in it. Its ranges are not checked yet. */
export function falInput(settings: GenerationSettings, prompt: string, avatar: AvatarModel): Record<string, unknown> {
  const drawing = {
    prompt,
    num_images: settings.numImages,
    output_format: settings.outputFormat,
    ...(settings.seed !== null && { seed: settings.seed }),
  };
  switch (settings.model) {
    case 'fluxLora':
      return {
        ...drawing,
        loras: [{ path: avatar.diffusersLoraFileUrl, scale: settings.loraScale }],
        image_size: settings.imageSize,
        num_inference_steps: settings.numInferenceSteps,
        guidance_scale: settings.guidanceScale,
        enable_safety_checker: settings.enableSafetyChecker,
        acceleration: settings.acceleration,
      };
    case 'fluxProFinetuned':
      return {
        ...drawing,
        finetune_id: avatar.finetuneId,
        finetune_strength: settings.finetuneStrength,
        image_size: settings.imageSize,
        num_inference_steps: settings.numInferenceSteps,
        guidance_scale: settings.guidanceScale,
        safety_tolerance: String(settings.safetyTolerance),
      };
    case 'fluxProUltraFinetuned':
      return {
        ...drawing,
        finetune_id: avatar.finetuneId,
        finetune_strength: settings.finetuneStrength,
        aspect_ratio: settings.aspectRatio,
        safety_tolerance: String(settings.safetyTolerance),
        enable_safety_checker: settings.enableSafetyChecker,
        raw: settings.raw,
        enhance_prompt: settings.enhancePrompt,
        ...(settings.referenceImageUrl !== null && { image_url: settings.referenceImageUrl }),
        ...(settings.referenceImageStrength !== null && { image_prompt_strength: settings.referenceImageStrength }),
      };
  }
}

/** A stored input of fal-ai/flux-lora, whose avatar's file may be elsewhere at fal by now. */
export function withLora(input: Prisma.JsonObject, path: string): Prisma.JsonObject {
  const sent = endpoints['fal-ai/flux-lora'].input.parse(input);
  return { ...input, loras: sent.loras.map(({ scale }) => ({ path, scale })) };
}

/** The settings in a job's input, as it is stored. Throws when it is no input of that endpoint. */
export function readSettings(endpoint: string, input: unknown): GenerationSettings {
  switch (modelOf(endpoint)) {
    case 'fluxLora': {
      const sent = endpoints['fal-ai/flux-lora'].input.parse(input);
      return {
        ...readDrawing(sent),
        model: 'fluxLora',
        loraScale: sent.loras[0]?.scale ?? 1,
        imageSize: sent.image_size,
        numInferenceSteps: sent.num_inference_steps,
        guidanceScale: sent.guidance_scale,
        enableSafetyChecker: sent.enable_safety_checker,
        acceleration: sent.acceleration,
      };
    }
    case 'fluxProFinetuned': {
      const sent = endpoints['fal-ai/flux-pro/finetuned'].input.parse(input);
      return {
        ...readDrawing(sent),
        model: 'fluxProFinetuned',
        finetuneStrength: sent.finetune_strength,
        imageSize: sent.image_size,
        numInferenceSteps: sent.num_inference_steps,
        guidanceScale: sent.guidance_scale,
        safetyTolerance: Number(sent.safety_tolerance),
      };
    }
    case 'fluxProUltraFinetuned': {
      const sent = endpoints['fal-ai/flux-pro/v1.1-ultra-finetuned'].input.parse(input);
      return {
        ...readDrawing(sent),
        model: 'fluxProUltraFinetuned',
        finetuneStrength: sent.finetune_strength,
        aspectRatio: sent.aspect_ratio,
        safetyTolerance: Number(sent.safety_tolerance),
        enableSafetyChecker: sent.enable_safety_checker,
        raw: sent.raw,
        enhancePrompt: sent.enhance_prompt,
        referenceImageUrl: sent.image_url ?? null,
        referenceImageStrength: sent.image_prompt_strength ?? null,
      };
    }
  }
}

function readDrawing(sent: { num_images: number; output_format: OutputFormat; seed?: number | undefined }): Drawing {
  return { numImages: sent.num_images, outputFormat: sent.output_format, seed: sent.seed ?? null };
}
