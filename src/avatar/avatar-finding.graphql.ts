/** GraphQL: the integrity rules that an avatar breaks. */
import { builder } from '../graphql/builder.ts';
import type { AvatarFinding as Finding } from './findings.ts';

export const Severity = builder.enumType('Severity', {
  description: 'The severity of a finding.',
  values: {
    ERROR: { description: 'The avatar cannot generate pictures until this is fixed.' },
    WARNING: { description: 'For information. It prevents nothing.' },
  } as const,
});

export const AvatarFindingCode = builder.enumType('AvatarFindingCode', {
  description: 'An integrity rule that an avatar can break.',
  values: {
    STYLE_HAS_LORA_FILE: { description: 'The style has a LoRA file. Only portraits have one.' },
    STYLE_LACKS_FINETUNE_ID: { description: 'The style is READY but has no finetune id.' },
    PORTRAIT_HAS_FINETUNE_ID: { description: 'The portrait has a finetune id. Only styles have one.' },
    PORTRAIT_LACKS_LORA_FILE: { description: 'The portrait is READY but has no LoRA file.' },
  } as const,
});

export const AvatarFinding = builder.objectRef<Finding>('AvatarFinding').implement({
  description:
    'An integrity rule that an avatar breaks. The database prevents this, so a finding points to a damaged row.',
  fields: (t) => ({
    code: t.expose('code', { type: AvatarFindingCode, description: 'The rule that is broken.' }),
    message: t.exposeString('message', { description: 'What is wrong, in English.' }),
    severity: t.expose('severity', { type: Severity, description: 'The severity.' }),
  }),
});
