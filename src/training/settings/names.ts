/** What fal calls a value of its input, and what this API calls it: for what is refused here, and what fal refuses later. */

import { range } from '../../fal/range.ts';
import type { InputIssue } from '../../refusal/refusal.ts';
import type { Trainer, TrainingSettings } from './settings.ts';
import { falInput, inputOf, type TrainingInput } from './wire.ts';

/** The settings that a caller may give, by their names at fal. */
const settingNames: Record<Trainer, Record<string, string>> = {
  fluxLoraPortraitTrainer: {
    steps: 'steps',
    learning_rate: 'learningRate',
    multiresolution_training: 'multiresolutionTraining',
    subject_crop: 'subjectCrop',
    create_masks: 'createMasks',
  },
  fluxProTrainer: {
    mode: 'mode',
    iterations: 'iterations',
    learning_rate: 'learningRate',
    priority: 'priority',
    captioning: 'captioning',
    lora_rank: 'loraRank',
    finetune_type: 'finetuneType',
    finetune_comment: 'comment',
  },
};

/** What follows from the avatar. */
const avatarNames: Record<string, string> = {
  trigger_phrase: 'triggerPhrase',
  trigger_word: 'triggerWord',
};

/**
 * `learning_rate` is `settings.fluxProTrainer.learningRate`; the archive is what it was made of, the photos or the
 * caller's own `datasetUrl`. A field without a name of ours keeps fal's.
 */
export function fieldName(trainer: Trainer, falField: string, archive: 'photos' | 'datasetUrl'): string {
  const setting = settingNames[trainer][falField];
  if (setting !== undefined) return `settings.${trainer}.${setting}`;
  if (falField === 'images_data_url' || falField === 'data_url') return archive;
  return avatarNames[falField] ?? falField;
}

/** fal's input of these settings, or what is wrong with them, in this API's names. */
export function checkedInput(settings: TrainingSettings): { input: TrainingInput } | { issues: InputIssue[] } {
  const { trainer } = settings;
  const parsed = inputOf[trainer].safeParse(falInput(settings));
  if (parsed.success) return { input: parsed.data };
  const issues = parsed.error.issues.map(({ path: [falField] }) => ({
    path: fieldName(trainer, String(falField), 'photos'),
    message: `Takes ${rangeOf(trainer, settingNames[trainer][String(falField)] ?? '')}.`,
  }));
  return { issues };
}

/** `1 to 10000`, or `16 or 32`: what the trainer takes for a setting, for messages and descriptions. */
export function rangeOf(trainer: Trainer, setting: string): string {
  const [falField] = Object.entries(settingNames[trainer]).find(([, ours]) => ours === setting) ?? [];
  if (falField === undefined) throw new TypeError(`${trainer} has no ${setting}.`);
  return range(inputOf[trainer], [falField]);
}
