/** A request as the simulator stores it. Its status, logs and result follow from this record and the time. */
import { z } from 'zod';
import { type EndpointId, endpointIds } from '../../fal/endpoints.ts';

export const speeds = ['quick', 'real', 'instant'] as const;
/** `quick`: a few seconds; `real`: as long as at fal; `instant`: no time. */
export type Speed = (typeof speeds)[number];

/** A trained model: its identity, and the main colours of its training images. */
export const avatarSchema = z.object({
  /** For a LoRA the SHA-256 of its file, so that a copy of the file is the same avatar; for a finetune its id. */
  id: z.string(),
  kind: z.enum(['lora', 'finetune']),
  trigger: z.string(),
  /** Hex, most frequent first. */
  colours: z.array(z.string()),
});
export type Avatar = z.infer<typeof avatarSchema>;

/** fal's reply for a failed request: at its result and, if it has an `error_type`, in its status too. */
export const failureSchema = z.object({
  status: z.int(),
  /** A list of input errors, or a sentence. */
  detail: z.union([z.string(), z.array(z.looseObject({ loc: z.array(z.union([z.string(), z.number()])) }))]),
  errorType: z.string().optional(),
});
export type Failure = z.infer<typeof failureSchema>;

const artefactSchema = z.object({ id: z.uuid(), name: z.string(), contentType: z.string(), size: z.int() });
/** A file that a training made. */
export type Artefact = z.infer<typeof artefactSchema>;

const trainingOutcomeSchema = z.object({
  /** When the archive was read. */
  at: z.number(),
  images: z.int().optional(),
  failure: failureSchema.optional(),
  lora: artefactSchema.optional(),
  config: artefactSchema.optional(),
  finetuneId: z.string().optional(),
});
/** The outcome of reading a training's archive: a failure, or the files made from it. */
export type TrainingOutcome = z.infer<typeof trainingOutcomeSchema>;

export const requestSchema = z.object({
  id: z.uuid(),
  endpoint: z.enum(endpointIds as [EndpointId, ...EndpointId[]]),
  /** As it was sent. */
  input: z.unknown(),
  acceptedAt: z.number(),
  /** The simulator's speed when it accepted the request; a restart with another speed does not change it. */
  speed: z.enum(speeds),
  webhookUrl: z.string().optional(),
  /** When it was first cancelled. */
  cancelledAt: z.number().optional(),
  /** An error of the input that is known at the submit. */
  failure: failureSchema.optional(),
  /** The trained model that it draws with. */
  avatar: avatarSchema.optional(),
  trained: trainingOutcomeSchema.optional(),
  /** A fault plan keeps it in this status until it is cancelled, for at most a day. */
  held: z.enum(['IN_QUEUE', 'IN_PROGRESS']).optional(),
  /** A fault plan sends its webhook before it has ended. */
  webhookEarly: z.literal(true).optional(),
  /** When its webhook was delivered or abandoned. */
  webhookSettledAt: z.number().optional(),
});
export type FalRequest = z.infer<typeof requestSchema>;

/** What a fault plan decides for a request before it is accepted. */
export type RequestOutcome = Partial<Pick<FalRequest, 'failure' | 'held' | 'webhookEarly'>>;

/** A string field of the input, or an empty string. Works for invalid input too. */
export function textOf(input: unknown, field: string): string {
  const value = typeof input === 'object' && input !== null ? (input as Record<string, unknown>)[field] : undefined;
  return typeof value === 'string' ? value : '';
}
