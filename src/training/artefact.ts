/** Reads the trained model from fal's answer, copies it into our storage and checks it. */
import { buffer } from 'node:stream/consumers';
import type { z } from 'zod';
import type { Prisma } from '../../prisma/generated/client/client.ts';
import type { App } from '../app/app.ts';
import { FalError } from '../fal/errors.ts';
import { type Artefact, type Trainer, trainingOutputs } from '../fal/model.ts';
import type { Fal } from '../fal/port.ts';
import type { KeptFiles } from '../job/task.ts';
import { maxLoraBytes } from '../remote-file/check-content.ts';
import { isSafetensors } from './safetensors.ts';

const maxConfigBytes = 1024 ** 2;

/** What is recorded when the training succeeds. */
export type CopiedModel = KeptFiles & {
  /** fal's answer. */
  output: z.output<Trainer['output']>;
  /** The columns of the avatar that identify its model. */
  columns: Pick<Prisma.AvatarUncheckedUpdateInput, ModelColumn>;
};

type ModelColumn =
  | 'diffusersLoraFileUrl'
  | 'configFileUrl'
  | 'loraFileHash'
  | 'configFileHash'
  | 'loraSeenAt'
  | 'finetuneId';

type Copy = (
  parts: Pick<App, 'files'> & { fal: Fal },
  result: unknown,
  signal: AbortSignal,
) => Promise<CopiedModel> | CopiedModel;

/** Throws FalError: RESULT_LOST if the answer or a file of it is not as expected. */
export async function copyArtefact(
  parts: Parameters<Copy>[0],
  { artefact }: Trainer,
  result: unknown,
  signal: AbortSignal,
): Promise<CopiedModel> {
  return await copies[artefact](parts, result, signal);
}

/** Copies the LoRA weights and their config. */
const copyLora: Copy = async ({ files, fal }, result, signal) => {
  const output = trainingOutputs.LORA.safeParse(result);
  if (!output.success) throw lost('fal’s answer names no LoRA file and config file.');
  const { diffusers_lora_file, config_file } = output.data;
  const config = await buffer(await fal.download(config_file.url, { maxBytes: maxConfigBytes, signal }));
  if (!isJsonObject(config.toString())) throw lost('The config file that fal made is not JSON.');
  const weights = await fal.download(diffusers_lora_file.url, { maxBytes: maxLoraBytes, signal });
  const { file: lora } = await files.writeInspected(weights, { maxBytes: maxLoraBytes, inspect: assertSafetensors });
  const configFile = await files.write(config, { maxBytes: maxConfigBytes });
  return {
    output: output.data,
    columns: {
      diffusersLoraFileUrl: diffusers_lora_file.url,
      configFileUrl: config_file.url,
      loraFileHash: lora.hash,
      configFileHash: configFile.hash,
      loraSeenAt: null,
    },
    files: [
      { ...lora, contentType: 'application/octet-stream' },
      { ...configFile, contentType: 'application/json' },
    ],
  };
};

async function assertSafetensors(path: string): Promise<void> {
  if (!(await isSafetensors(path))) throw lost('The LoRA file that fal made is not a safetensors file.');
}

/** Reads the id of a finetune. The finetune itself stays at fal. */
const readFinetune: Copy = (_parts, result) => {
  const output = trainingOutputs.FINETUNE.safeParse(result);
  if (!output.success) throw lost('fal’s answer names no finetune id.');
  return { output: output.data, columns: { finetuneId: output.data.finetune_id }, files: [] };
};

const copies: Record<Artefact, Copy> = { LORA: copyLora, FINETUNE: readFinetune };

const lost = (message: string) => new FalError('RESULT_LOST', message);

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
