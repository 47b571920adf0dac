/** What each setting means, said once for what is asked and for what was sent. */
export const descriptions = {
  loraScale: 'How strongly the LoRA shows.',
  finetuneStrength:
    'How strongly the finetune shows. Advice: portraits 0.8 to 1.2, styles 1.0 to 1.5, objects 0.6 to 1.0, concepts 1.2 to 2.0.',
  imageSize: 'How large the picture is.',
  numInferenceSteps: 'How many steps fal draws in: more take longer and show more detail.',
  guidanceScale: 'How closely the picture follows the prompt.',
  enableSafetyChecker: 'Whether fal checks the pictures and flags unsafe ones.',
  acceleration: 'Whether fal may trade a little quality for speed.',
  safetyTolerance: 'What fal lets pass, from 1 (strict) to 6 (permissive).',
  aspectRatio: 'Width to height of the picture.',
  raw: 'Less processed, more natural pictures.',
  enhancePrompt: 'Whether fal may write more into the prompt.',
  referenceImageUrl: 'A picture to draw after, which fal reads from this URL.',
  referenceImageStrength: 'How closely the picture follows the reference image.',
  numImages: 'How many pictures are drawn.',
  outputFormat: 'The file format that fal draws.',
  seed: 'The same seed, prompt and settings draw the same picture. Chance decides when there is none.',
} as const;
