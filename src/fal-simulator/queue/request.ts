/** One request as fal keeps it. Everything else about it (status, logs, result) follows from this and the time. */
import { z } from 'zod';
import { type EndpointId, endpointIds } from '../../fal/endpoints.ts';

export const speeds = ['quick', 'real', 'instant'] as const;
/** How long things take: a few seconds, as long as at fal, or no time at all. */
export type Speed = (typeof speeds)[number];

/** What a trained model knows: who it is, and the colours of the pictures it was shown. */
export const avatarSchema = z.object({
  /** A LoRA's is its file's SHA-256, so that a copy of the file is the same avatar; a finetune's is its id. */
  id: z.string(),
  kind: z.enum(['lora', 'finetune']),
  trigger: z.string(),
  /** Hex, most frequent first. */
  colours: z.array(z.string()),
});
export type Avatar = z.infer<typeof avatarSchema>;

/** How fal answers for a request that failed: at its result, and with an `error_type` also in its status. */
export const failureSchema = z.object({
  status: z.int(),
  /** fal's list of what is wrong with the input, or a sentence. */
  detail: z.union([z.string(), z.array(z.looseObject({ loc: z.array(z.union([z.string(), z.number()])) }))]),
  errorType: z.string().optional(),
});
export type Failure = z.infer<typeof failureSchema>;

const artefactSchema = z.object({ id: z.uuid(), name: z.string(), contentType: z.string(), size: z.int() });
/** A file that a training made. */
export type Artefact = z.infer<typeof artefactSchema>;

const trainingOutcomeSchema = z.object({
  /** When the archive had been read. */
  at: z.number(),
  images: z.int().optional(),
  failure: failureSchema.optional(),
  lora: artefactSchema.optional(),
  config: artefactSchema.optional(),
  finetuneId: z.string().optional(),
});
/** What became of a training's archive: a failure, or what it made. */
export type TrainingOutcome = z.infer<typeof trainingOutcomeSchema>;

export const requestSchema = z.object({
  id: z.uuid(),
  endpoint: z.enum(endpointIds as [EndpointId, ...EndpointId[]]),
  /** As it was sent. */
  input: z.unknown(),
  acceptedAt: z.number(),
  /** The speed of the simulator that accepted it, which it keeps after a restart with another. */
  speed: z.enum(speeds),
  webhookUrl: z.string().optional(),
  /** Its first cancellation. */
  cancelledAt: z.number().optional(),
  /** What is wrong with its input, when that is seen at once. */
  failure: failureSchema.optional(),
  /** What it draws with. */
  avatar: avatarSchema.optional(),
  trained: trainingOutcomeSchema.optional(),
  /** A fault plan's wish: it stays there until it is cancelled, for a day at most. */
  held: z.enum(['IN_QUEUE', 'IN_PROGRESS']).optional(),
  /** A fault plan's wish: its webhook does not wait for its end. */
  webhookEarly: z.literal(true).optional(),
  /** When its webhook was delivered or given up. */
  webhookSettledAt: z.number().optional(),
});
export type FalRequest = z.infer<typeof requestSchema>;

/** What a fault plan has in mind for a request that is to be accepted. */
export type RequestOutcome = Partial<Pick<FalRequest, 'failure' | 'held' | 'webhookEarly'>>;

/** A text of the input, or nothing: for what must also be read from an input that is refused. */
export function textOf(input: unknown, field: string): string {
  const value = typeof input === 'object' && input !== null ? (input as Record<string, unknown>)[field] : undefined;
  return typeof value === 'string' ? value : '';
}
