/** Many generations at once: written by SQL to a migrated database, as if their owners had drawn for months. */
import { localViewer } from '../../src/access/session.ts';

export type Fill = {
  generations: number;
  /** The first so many, by age the newest, are the local viewer's; the others are shared out among as many owners as there are thousands. */
  ofViewer: number;
  imagesEach: number;
};

/** An id that sorts by its number, as UUIDs of version 7 do by their time. */
const idOf = (kind: string, n: string) =>
  `(lpad(to_hex(${n}), 12, '0') || '70008000' || lpad('${kind}', 12, '0'))::uuid`;

/**
 * The statements, each to be run alone. Triggers and foreign keys are off meanwhile, which takes a superuser: the rows are
 * such as they would let pass.
 */
export function fillStatements({ generations, ofViewer, imagesEach }: Fill): string[] {
  const others = Math.max(1, Math.ceil((generations - ofViewer) / 1000));
  const viewer = `'${localViewer.id}'::uuid`;
  const owner = `CASE WHEN n > ${generations - ofViewer} THEN ${viewer} ELSE ${idOf('a1', `n % ${others}`)} END`;
  // Ten avatars each: number and owner make the id.
  const avatar = `CASE WHEN n > ${generations - ofViewer} THEN ${idOf('a2', 'n % 10')} ELSE ${idOf('a3', `(n % ${others}) * 10 + (n / ${others}) % 10`)} END`;
  const avatarColumns = `"id", "ownerId", "kind", "name", "status", "isDefault", "triggerPhrase", "diffusersLoraFileUrl", "createdAt"`;
  const lora = `'http://127.0.0.1/lora.safetensors'`;
  const at = `now() - interval '1 hour' - (${generations} - n) * interval '1 second'`;
  return [
    `SET session_replication_role = replica`,
    `INSERT INTO "User" ("id") VALUES (${viewer}) ON CONFLICT DO NOTHING`,
    `INSERT INTO "User" ("id") SELECT ${idOf('a1', 'n')} FROM generate_series(0, ${others - 1}) n`,
    `INSERT INTO "Avatar" (${avatarColumns})
       SELECT ${idOf('a2', 'n')}, ${viewer}, 'PORTRAIT', 'Avatar ' || n, 'READY', n = 0, 'TOK_ada', ${lora}, now()
       FROM generate_series(0, 9) n`,
    `INSERT INTO "Avatar" (${avatarColumns})
       SELECT ${idOf('a3', 'n')}, ${idOf('a1', 'n / 10')}, 'PORTRAIT', 'Avatar ' || n, 'READY', n % 10 = 0, 'TOK_ada', ${lora}, now()
       FROM generate_series(0, ${others * 10 - 1}) n`,
    `INSERT INTO "StoredFile" ("hash", "byteSize", "contentType")
       SELECT md5(n::text) || md5(n::text), 100000, 'image/jpeg' FROM generate_series(0, 999) n`,
    `INSERT INTO "Job" ("id", "ownerId", "avatarId", "kind", "status", "endpoint", "input", "output", "lastSequence", "requestId",
         "percent", "progressSource", "correlationToken", "admittedAt", "submittingAt", "submittedAt", "startedAt", "finishedAt", "createdAt",
         "units", "priceTenths", "paidTenths", "prompt", "finalPrompt", "generationPreset", "seed")
       SELECT ${idOf('b1', 'n')}, ${owner}, ${avatar}, 'GENERATION', 'SUCCEEDED', 'fal-ai/flux-lora',
         '{"prompt":"TOK_ada at sea","loras":[{"path":"http://127.0.0.1/lora.safetensors","scale":1}],"image_size":"square_hd","num_inference_steps":28,"guidance_scale":3.5,"num_images":2,"enable_safety_checker":true,"output_format":"jpeg"}',
         '{"images":${imagesEach}}', 3, 'request-' || n, 100, 'MEASURED', ${idOf('b2', 'n')}, at, at, at, at, at + interval '20 seconds', at,
         ${imagesEach}, ${50 * imagesEach}, ${50 * imagesEach}, 'at sea, number ' || n, 'TOK_ada at sea, number ' || n, 'BALANCED', n::text
       FROM (SELECT n, ${at} AS at FROM generate_series(1, ${generations}) n) made`,
    `INSERT INTO "JobEvent" ("jobId", "sequence", "type", "payload")
       SELECT ${idOf('b1', 'n')}, s, (ARRAY['QUEUED', 'SUBMITTED', 'SUCCEEDED'])[s]::"JobEventType", '{}'
       FROM generate_series(1, ${generations}) n, generate_series(1, 3) s`,
    `INSERT INTO "GeneratedImage" ("id", "ownerId", "generationId", "position", "fileHash", "contentType", "width", "height", "byteSize", "blurhash", "hasNsfwConcepts")
       SELECT ${idOf('c1', `n * 4 + i`)}, ${owner}, ${idOf('b1', 'n')}, i, md5((n % 1000)::text) || md5((n % 1000)::text), 'image/jpeg', 1024, 1024, 100000,
         'LEHV6nWB2yk8pyo0adR*.7kCMdnj', false
       FROM generate_series(1, ${generations}) n, generate_series(0, ${imagesEach - 1}) i`,
    `SET session_replication_role = origin`,
    `VACUUM ANALYZE`,
  ];
}
