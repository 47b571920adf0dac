/**
 * Pure: the strict rules, checked on one row. The database refuses every row that breaks one, so a finding means that
 * somebody has loosened it; code that is about to spend money on a row checks all the same.
 */
import type { Avatar } from '../../prisma/generated/client/client.ts';

export type AvatarFinding = {
  code: 'STYLE_HAS_LORA_FILE' | 'STYLE_LACKS_FINETUNE_ID' | 'PORTRAIT_HAS_FINETUNE_ID' | 'PORTRAIT_LACKS_LORA_FILE';
  message: string;
  severity: 'ERROR' | 'WARNING';
};

type Checked = Pick<
  Avatar,
  'kind' | 'status' | 'finetuneId' | 'diffusersLoraFileUrl' | 'configFileUrl' | 'loraFileHash' | 'configFileHash'
>;

/** Every rule that the row breaks; empty when it is sound. A model is lacking only once the avatar is READY. */
export function findingsOf(avatar: Checked): AvatarFinding[] {
  return avatar.kind === 'PORTRAIT' ? findingsOfPortrait(avatar) : findingsOfStyle(avatar);
}

function findingsOfPortrait(avatar: Checked): AvatarFinding[] {
  const findings: AvatarFinding[] = [];
  if (avatar.finetuneId !== null) {
    findings.push({
      code: 'PORTRAIT_HAS_FINETUNE_ID',
      message: 'A portrait is drawn from its LoRA file, yet this one holds a finetune id.',
      severity: 'ERROR',
    });
  }
  if (avatar.status === 'READY' && !avatar.diffusersLoraFileUrl) {
    findings.push({
      code: 'PORTRAIT_LACKS_LORA_FILE',
      message: 'This portrait says that it is ready, but has no LoRA file to be drawn from.',
      severity: 'ERROR',
    });
  }
  return findings;
}

function findingsOfStyle(avatar: Checked): AvatarFinding[] {
  const findings: AvatarFinding[] = [];
  const { diffusersLoraFileUrl, configFileUrl, loraFileHash, configFileHash } = avatar;
  if ([diffusersLoraFileUrl, configFileUrl, loraFileHash, configFileHash].some((value) => value !== null)) {
    findings.push({
      code: 'STYLE_HAS_LORA_FILE',
      message: 'A style is drawn from its finetune, yet this one holds a LoRA file.',
      severity: 'ERROR',
    });
  }
  if (avatar.status === 'READY' && !avatar.finetuneId) {
    findings.push({
      code: 'STYLE_LACKS_FINETUNE_ID',
      message: 'This style says that it is ready, but has no finetune id to be drawn with.',
      severity: 'ERROR',
    });
  }
  return findings;
}
