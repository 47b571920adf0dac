/** Pure: what a caller may not have meant, though fal takes it. */
import type { GenerationSettings } from './settings/settings.ts';

/** fal's advice on how strongly a portrait or a style shows. */
const advised = { fluxLora: [0.8, 1.2], fluxProFinetuned: [1, 1.5], fluxProUltraFinetuned: [1, 1.5] } as const;

export function warningsOf(settings: GenerationSettings, isDeprecated: boolean): string[] {
  const strength = settings.model === 'fluxLora' ? settings.loraScale : settings.finetuneStrength;
  const name = settings.model === 'fluxLora' ? 'loraScale' : 'finetuneStrength';
  const [least, most] = advised[settings.model];
  return [
    ...(isDeprecated ? ['fal calls this model no longer supported: it may be gone any day.'] : []),
    ...(strength < least ? [`${name} ${strength} is under ${least}: the avatar may hardly show.`] : []),
    ...(strength > most ? [`${name} ${strength} is over ${most}: the picture may be overdrawn.`] : []),
    ...('enableSafetyChecker' in settings && !settings.enableSafetyChecker
      ? ['The safety checker is off: pictures are shown, and paid, whatever they show.']
      : []),
  ];
}
