/**
 * Commands in a prompt (or in a training's trigger phrase or comment) that make the simulator fail as fal may, for
 * developers who try things by hand:
 *
 * - `[[nsfw]]`     all pictures are black and flagged in has_nsfw_concepts; `[[nsfw 2]]`: only the second
 * - `[[blocked]]`  422 content_policy_violation at the result
 * - `[[crash]]`    COMPLETED with error_type runner_disconnected, 503 at the result
 * - `[[timeout]]`  504 generation_timeout at the result
 * - `[[queued]]`   stays IN_QUEUE until cancelled, for at most a day
 * - `[[stuck]]`    stays IN_PROGRESS until cancelled, for at most a day
 */
import { type FailureType, failureOfType } from './failures.ts';
import type { Failure, FalRequest } from './request.ts';
import { textOf } from './request.ts';

const fields = ['prompt', 'trigger_phrase', 'trigger_word', 'finetune_comment'];

/** The status that the command keeps the request in. */
export function commandedStatus(request: FalRequest): 'IN_QUEUE' | 'IN_PROGRESS' | undefined {
  if (mentions(request.input, 'queued')) return 'IN_QUEUE';
  return mentions(request.input, 'stuck') ? 'IN_PROGRESS' : undefined;
}

/** Whether the picture with this number, from 1, is flagged. */
export function isNsfw(prompt: string, number: number): boolean {
  return prompt.includes('[[nsfw]]') || prompt.includes(`[[nsfw ${number}]]`);
}

/** The failure that a command asks for. */
export function commandedFailure(input: unknown): Failure | undefined {
  if (mentions(input, 'blocked')) return failure('content_policy_violation');
  if (mentions(input, 'timeout')) return failure('generation_timeout');
  return mentions(input, 'crash') ? failure('runner_disconnected') : undefined;

  function failure(type: FailureType): Failure {
    const field = fields.find((name) => textOf(input, name).includes('[[')) ?? 'prompt';
    return failureOfType(type, field, textOf(input, field));
  }
}

function mentions(input: unknown, word: string): boolean {
  return fields.some((field) => textOf(input, field).includes(`[[${word}]]`));
}
