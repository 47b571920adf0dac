/** Finds the trained model that a generation names. Only models that the simulator trained exist; others fail as at fal. */
import { type EndpointId, endpoints } from '../../fal/endpoints.ts';
import { fileIdOf, type Storage } from '../storage/files.ts';
import type { Store } from '../storage/store.ts';
import { fieldFailure } from './input.ts';
import { type Avatar, type Failure, textOf } from './request.ts';

export type FoundAvatar = { avatar?: Avatar | undefined; failure?: Failure | undefined };

/** Undefined for an endpoint that trains, and for an input that names none. */
export function findAvatar(
  endpoint: EndpointId,
  input: unknown,
  store: Store,
  storage: Storage,
): FoundAvatar | undefined {
  const { kind, artefact } = endpoints[endpoint];
  if (kind === 'TRAINING') return undefined;
  if (artefact === 'LORA') return findLora(input, store, storage);
  const id = textOf(input, 'finetune_id');
  const avatar = store.avatar('finetune', id);
  const msg = `Finetune ${id} was not found.`;
  return avatar === undefined ? { failure: fieldFailure(['finetune_id'], 'value_error', msg, id) } : { avatar };
}

/** All LoRA files must be known by their content. The picture follows from the first. */
function findLora(input: unknown, store: Store, storage: Storage): FoundAvatar | undefined {
  const loras = (input as { loras?: unknown } | null)?.loras;
  if (!Array.isArray(loras)) return undefined;
  const avatars = loras.map((lora) => {
    const id = fileIdOf(textOf(lora, 'path'));
    const file = id === undefined ? undefined : storage.find(id);
    return file === undefined ? undefined : store.avatar('lora', file.sha256);
  });
  const unknown = avatars.indexOf(undefined);
  if (unknown === -1) return { avatar: avatars[0] };
  const path = textOf(loras[unknown], 'path');
  const msg = `Failed to load the LoRA weights from ${path}.`;
  return { failure: fieldFailure(['loras', unknown, 'path'], 'file_download_error', msg, path) };
}
