/** The presets: numbers that go together, the same on every server. */
import type { GenerationPreset } from '../../prisma/generated/client/client.ts';
import type { aspectRatios, imageSizes } from '../fal/endpoints.ts';

export type ImageSizeName = keyof typeof imageSizes;
export type AspectRatio = (typeof aspectRatios)[number];

type Preset = {
  description: string;
  /** How strongly the avatar shows: a portrait's lora_scale, a style's finetune_strength. */
  strength: number;
  /** Styles only: flux-lora takes none. */
  safetyTolerance: number;
  /** How long fal takes as a rule, waiting in its queue aside. */
  typicalSeconds: { min: number; max: number };
};

/** What the models that take a number of steps draw with. */
type SteppedPreset = Preset & { numInferenceSteps: number; guidanceScale: number; imageSize: ImageSizeName };

/** What the ultra model draws with, which takes neither steps nor guidance nor a size in pixels. */
type UltraPreset = Preset & { aspectRatio: AspectRatio };

export const steppedPresets: Record<Exclude<GenerationPreset, 'ULTRA'>, SteppedPreset> = {
  FAST: {
    description: 'A quick look: few steps, a small square.',
    numInferenceSteps: 20,
    guidanceScale: 3.0,
    imageSize: 'square',
    strength: 0.8,
    safetyTolerance: 2,
    typicalSeconds: { min: 15, max: 25 },
  },
  BALANCED: {
    description: 'Good pictures in fair time.',
    numInferenceSteps: 28,
    guidanceScale: 3.5,
    imageSize: 'square_hd',
    strength: 1.0,
    safetyTolerance: 2,
    typicalSeconds: { min: 25, max: 35 },
  },
  QUALITY: {
    description: 'The most steps, and the avatar strongly in the picture.',
    numInferenceSteps: 50,
    guidanceScale: 4.0,
    imageSize: 'square_hd',
    strength: 1.2,
    safetyTolerance: 2,
    typicalSeconds: { min: 40, max: 60 },
  },
  PORTRAIT: {
    description: 'Upright, 3:4: a person from the waist up.',
    numInferenceSteps: 35,
    guidanceScale: 3.5,
    imageSize: 'portrait_4_3',
    strength: 1.1,
    safetyTolerance: 2,
    typicalSeconds: { min: 30, max: 45 },
  },
  LANDSCAPE: {
    description: 'Wide, 4:3: a scene with room around the subject.',
    numInferenceSteps: 30,
    guidanceScale: 3.5,
    imageSize: 'landscape_4_3',
    strength: 1.0,
    safetyTolerance: 2,
    typicalSeconds: { min: 25, max: 40 },
  },
  ARTISTIC: {
    description: 'The avatar as strong as it goes, and more freedom in what is shown.',
    numInferenceSteps: 35,
    guidanceScale: 4.0,
    imageSize: 'square_hd',
    strength: 1.3,
    safetyTolerance: 3,
    typicalSeconds: { min: 30, max: 45 },
  },
  PHOTOREALISTIC: {
    description: 'Closer to a photograph: many steps, the avatar held back a little.',
    numInferenceSteps: 40,
    guidanceScale: 3.5,
    imageSize: 'square_hd',
    strength: 0.9,
    safetyTolerance: 2,
    typicalSeconds: { min: 35, max: 50 },
  },
};

export const ultraPreset: UltraPreset = {
  description: 'The largest picture, of a style only: one JPEG of about four megapixels.',
  aspectRatio: '1:1',
  strength: 1.1,
  safetyTolerance: 2,
  typicalSeconds: { min: 60, max: 90 },
};

/** In the order of the API's enum. */
export const presetNames: readonly GenerationPreset[] = [
  'FAST',
  'BALANCED',
  'QUALITY',
  'ULTRA',
  'PORTRAIT',
  'LANDSCAPE',
  'ARTISTIC',
  'PHOTOREALISTIC',
];

export const presetNamed = (name: GenerationPreset): Preset => (name === 'ULTRA' ? ultraPreset : steppedPresets[name]);
