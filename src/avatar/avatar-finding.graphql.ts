/** GraphQL: what the strict rules find on an avatar. */
import { builder } from '../graphql/builder.ts';
import type { AvatarFinding as Finding } from './findings.ts';

export const Severity = builder.enumType('Severity', {
  description: 'How bad a finding is.',
  values: {
    ERROR: { description: 'Nothing is generated until it is put right.' },
    WARNING: { description: 'Worth a look; nothing is held up.' },
  } as const,
});

export const AvatarFindingCode = builder.enumType('AvatarFindingCode', {
  description: 'Which of the strict rules an avatar breaks.',
  values: {
    STYLE_HAS_LORA_FILE: { description: 'A style holds a LoRA file, which only portraits are drawn from.' },
    STYLE_LACKS_FINETUNE_ID: { description: 'A style is READY but has no finetune id.' },
    PORTRAIT_HAS_FINETUNE_ID: { description: 'A portrait holds a finetune id, which only styles are drawn with.' },
    PORTRAIT_LACKS_LORA_FILE: { description: 'A portrait is READY but has no LoRA file.' },
  } as const,
});

export const AvatarFinding = builder.objectRef<Finding>('AvatarFinding').implement({
  description: 'One of the strict rules that an avatar breaks.',
  fields: (t) => ({
    code: t.expose('code', { type: AvatarFindingCode, description: 'The rule.' }),
    message: t.exposeString('message', { description: 'What is wrong, in a sentence for people.' }),
    severity: t.expose('severity', { type: Severity, description: 'How bad it is.' }),
  }),
});
