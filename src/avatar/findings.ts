/**
 * Pure: the integrity rules of an avatar's row. CHECK constraints enforce the same rules, so a finding means that a
 * constraint is missing. A generation checks them again before it spends money.
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

/** Every rule that the row breaks. Empty for a sound row. Only a READY avatar must have a model. */
export function findingsOf(avatar: Checked): AvatarFinding[] {
  return avatar.kind === 'PORTRAIT' ? findingsOfPortrait(avatar) : findingsOfStyle(avatar);
}

function findingsOfPortrait(avatar: Checked): AvatarFinding[] {
  const findings: AvatarFinding[] = [];
  if (avatar.finetuneId !== null) {
    findings.push({
      code: 'PORTRAIT_HAS_FINETUNE_ID',
      message: 'This portrait has a finetune id, which only a style may have.',
      severity: 'ERROR',
    });
  }
  if (avatar.status === 'READY' && !avatar.diffusersLoraFileUrl) {
    findings.push({
      code: 'PORTRAIT_LACKS_LORA_FILE',
      message: 'This portrait is READY but has no LoRA file.',
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
      message: 'This style has a LoRA file, which only a portrait may have.',
      severity: 'ERROR',
    });
  }
  if (avatar.status === 'READY' && !avatar.finetuneId) {
    findings.push({
      code: 'STYLE_LACKS_FINETUNE_ID',
      message: 'This style is READY but has no finetune id.',
      severity: 'ERROR',
    });
  }
  return findings;
}
