/** The strict rules that the database itself enforces: SQL that breaks one fails with the name of the constraint. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobStatus } from '../../prisma/generated/client/client.ts';
import { moves } from '../../src/job/state.ts';
import {
  isPostgresReachable,
  migrated,
  openEmptyPglite,
  openEmptyPostgres,
  postgresAt,
  type SqlDatabase,
} from '../support/sql.ts';

type Row = Record<string, unknown>;
type Work = (sql: (text: string, values?: unknown[]) => Promise<unknown>) => Promise<unknown>;

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const now = '2026-01-01T00:00:00Z';
const hash = 'a'.repeat(64);
const lora = 'https://v3.fal.media/lora';

const [owner, stranger, portraitId, styleId, trainingId, generationId, other] = [1, 2, 3, 4, 5, 6, 7].map(id) as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
];

const portrait: Row = { id: portraitId, ownerId: owner, kind: 'PORTRAIT', name: 'Ada', triggerPhrase: 'TOK' };
const style: Row = { id: styleId, ownerId: owner, kind: 'STYLE', name: 'Ink', triggerWord: 'TOK' };
const generation: Row = {
  id: generationId,
  ownerId: owner,
  avatarId: portraitId,
  kind: 'GENERATION',
  endpoint: 'fal-ai/flux-lora',
  input: '{}',
  prompt: 'a fox',
  finalPrompt: 'TOK a fox',
};
const training: Row = {
  id: trainingId,
  ownerId: owner,
  avatarId: portraitId,
  kind: 'TRAINING',
  endpoint: 'fal-ai/flux-lora-portrait-trainer',
  input: '{}',
  photoCount: 10,
};
const intended: Row = { admittedAt: now, submittingAt: now, correlationToken: id(90) };
const atFal: Row = { ...intended, requestId: 'r', submittedAt: now };
const succeeded: Row = { ...atFal, status: 'SUCCEEDED', percent: 100, finishedAt: now };
const failed: Row = { status: 'FAILED', errorCode: 'INTERNAL', errorMessage: 'No.', finishedAt: now };
const photo: Row = {
  id: id(20),
  ownerId: owner,
  avatarId: portraitId,
  position: 1,
  fileHash: hash,
  fileName: 'a.jpg',
  mimeType: 'image/jpeg',
  byteSize: 1,
  width: 1,
  height: 1,
};
const image: Row = {
  id: id(30),
  ownerId: owner,
  generationId,
  position: 0,
  fileHash: hash,
  contentType: 'image/jpeg',
  width: 1,
  height: 1,
  byteSize: 1,
  blurhash: 'x',
  hasNsfwConcepts: false,
};
const event: Row = { jobId: generationId, sequence: 1, type: 'QUEUED', payload: '{}' };

const insert =
  (table: string, row: Row): Work =>
  (sql) => {
    const columns = Object.keys(row);
    const names = columns.map((column) => `"${column}"`).join(', ');
    const places = columns.map((_, index) => `$${index + 1}`).join(', ');
    return sql(`INSERT INTO "${table}" (${names}) VALUES (${places})`, Object.values(row));
  };
/** Updates all rows, or one. */
const update =
  (table: string, set: Row, rowId?: string): Work =>
  (sql) => {
    const names = Object.keys(set).map((column, index) => `"${column}" = $${index + 1}`);
    const where = rowId === undefined ? '' : ` WHERE "id" = '${rowId}'`;
    return sql(`UPDATE "${table}" SET ${names.join(', ')}${where}`, Object.values(set));
  };
const both =
  (...works: Work[]): Work =>
  async (sql) => {
    for (const work of works) await work(sql);
  };

/** The owner, another user, a portrait and a style without models, and a QUEUED generation of the portrait. */
const given: Work = both(
  insert('User', { id: owner }),
  insert('User', { id: stranger }),
  insert('StoredFile', { hash, byteSize: 1, contentType: 'image/jpeg' }),
  insert('Avatar', portrait),
  insert('Avatar', style),
  insert('Job', generation),
);

const avatar = (row: Row) => insert('Avatar', { ...row, id: other });
const job = (row: Row) => insert('Job', { ...generation, ...row, id: other });
const train = (row: Row) => insert('Job', { ...training, ...row, id: other });
/** A succeeded training of the style with this output. */
const trained = (endpoint: string, output: Row) => train({ endpoint, ...succeeded, output: JSON.stringify(output) });

const apiKey: Row = { id: id(40), ownerId: owner, name: 'bot', hash, hint: 'abcd', scopes: '{READ}' };
const side: Row = {
  id: id(50),
  ownerId: owner,
  movementId: id(59),
  kind: 'GRANT',
  account: 'AVAILABLE',
  tenths: 5,
  reason: 'welcome',
};
/** The entries of one movement. Checks the deferred constraints at once. */
const entries = (...sides: Row[]) =>
  both(...sides.map((row, n) => insert('LedgerEntry', { ...side, ...row, id: id(50 + n) })), (sql) =>
    sql('SET CONSTRAINTS ALL IMMEDIATE'),
  );
const moved = (about: Row, n: number, from: string, to: string, tenths: number) =>
  both(
    insert('LedgerEntry', { ...side, ...about, id: id(n), account: from, tenths: -tenths }),
    insert('LedgerEntry', { ...side, ...about, id: id(n + 1), account: to, tenths }),
    (sql) => sql('SET CONSTRAINTS ALL IMMEDIATE'),
    (sql) => sql('SET CONSTRAINTS ALL DEFERRED'),
  );
const granted = moved({}, 52, 'ISSUED', 'AVAILABLE', 5);

const allowed: [string, Work][] = [
  ['a grant', granted],
  [
    'a job with a reservation and a partial payment',
    both(
      granted,
      ...(
        [
          ['RESERVATION', 'AVAILABLE', 'RESERVED', 4],
          ['SETTLEMENT', 'RESERVED', 'EARNED', 3],
          ['RELEASE', 'RESERVED', 'AVAILABLE', 1],
        ] as const
      ).map(([kind, from, to, tenths], n) =>
        moved({ movementId: id(70 + n), kind, jobId: generationId, reason: null }, 60 + 2 * n, from, to, tenths),
      ),
    ),
  ],
  ['an API key', insert('ApiKey', apiKey)],
  [
    'a partly paid success',
    job({ ...succeeded, output: '{"images": 3}', units: 4, priceTenths: 200, paidTenths: 150 }),
  ],
  ['a READY portrait', avatar({ ...portrait, status: 'READY', diffusersLoraFileUrl: lora, loraFileHash: hash })],
  ['a READY style', avatar({ ...style, status: 'READY', finetuneId: 'ft' })],
  ['a portrait with a trigger word only', avatar({ ...portrait, triggerPhrase: null, triggerWord: 'TOK' })],
  [
    'one default for each owner',
    both(
      avatar({ ...portrait, isDefault: true }),
      insert('Avatar', { ...style, id: id(8), ownerId: stranger, isDefault: true }),
    ),
  ],
  [
    'two deleted avatars',
    both(avatar({ ...portrait, deletedAt: now }), insert('Avatar', { ...style, id: id(8), deletedAt: now })),
  ],
  ['a training next to an ended one', both(train(failed), insert('Job', training))],
  ['two active generations', job({})],
  ['a generation that succeeded', job({ ...succeeded, output: '{"images": 4}' })],
  ['a failure with a field', job({ ...failed, errorField: 'prompt' })],
  ['a submission without a response', job(intended)],
  ['a finetune', trained('fal-ai/flux-pro-trainer', { finetune_id: 'ft' })],
  ['a LoRA', trained('fal-ai/flux-lora-portrait-trainer', { diffusers_lora_file: { url: lora } })],
  ['progress', both(update('Job', { percent: 10 }), update('Job', { percent: 10 }), update('Job', { percent: 99 }))],
  [
    'the same log line of two jobs',
    both(
      job({}),
      ...[generationId, other].map((jobId) => insert('JobEvent', { ...event, jobId, type: 'LOGGED', logKey: hash })),
    ),
  ],
];

const refused: [string, string, Work][] = [
  ['Avatar_portrait_has_no_finetune', 'a portrait with a finetune', avatar({ ...portrait, finetuneId: 'ft' })],
  ...['diffusersLoraFileUrl', 'configFileUrl', 'loraFileHash', 'configFileHash'].map(
    (column): [string, string, Work] => [
      'Avatar_style_has_no_lora',
      `a style with ${column}`,
      avatar({ ...style, [column]: hash }),
    ],
  ),
  ['Avatar_ready_has_its_model', 'a READY portrait without a model', avatar({ ...portrait, status: 'READY' })],
  ['Avatar_ready_has_its_model', 'a READY style without a model', avatar({ ...style, status: 'READY' })],
  ['Avatar_ready_has_its_model', 'a DRAFT portrait with a model', avatar({ ...portrait, diffusersLoraFileUrl: lora })],
  [
    'Avatar_ready_has_its_model',
    'a FAILED style with a model',
    avatar({ ...style, status: 'FAILED', finetuneId: 'ft' }),
  ],
  ['Avatar_has_its_trigger', 'a portrait without a trigger', avatar({ ...portrait, triggerPhrase: null })],
  ['Avatar_has_its_trigger', 'a portrait with a blank trigger', avatar({ ...portrait, triggerPhrase: ' \n' })],
  [
    'Avatar_has_its_trigger',
    'a style with a phrase only',
    avatar({ ...style, triggerWord: null, triggerPhrase: 'TOK' }),
  ],
  ...['a', ' Ada', 'Ada ', '<', '>', ':', '"', '/', '\\', '|', '?', '*'].map((name): [string, string, Work] => [
    'Avatar_name_is_clean',
    `the name ${name}`,
    avatar({ ...portrait, name: /^\W$/.test(name) ? `a${name}b` : name }),
  ]),
  ['Avatar_deleted_is_not_default', 'a deleted default', avatar({ ...portrait, deletedAt: now, isDefault: true })],
  ['Avatar_one_default_per_owner', 'two defaults', update('Avatar', { isDefault: true })],
  ['Avatar_ownerId_fkey', 'an avatar of an unknown owner', avatar({ ...portrait, ownerId: id(99) })],

  ['Photo_measures', 'an empty photo', insert('Photo', { ...photo, byteSize: 0 })],
  ['Photo_measures', 'a photo at position 0', insert('Photo', { ...photo, position: 0 })],
  [
    'Photo_avatarId_fileHash_key',
    'the same photo twice',
    both(insert('Photo', photo), insert('Photo', { ...photo, id: other, position: 2 })),
  ],
  ['Photo_avatarId_ownerId_fkey', 'a photo on another user’s avatar', insert('Photo', { ...photo, ownerId: stranger })],
  ['GeneratedImage_measures', 'a fifth image', insert('GeneratedImage', { ...image, position: 4 })],
  ['GeneratedImage_measures', 'an image without width', insert('GeneratedImage', { ...image, width: 0 })],
  [
    'GeneratedImage_generationId_position_key',
    'two images at the same position',
    both(insert('GeneratedImage', image), insert('GeneratedImage', { ...image, id: other })),
  ],
  [
    'GeneratedImage_generationId_ownerId_fkey',
    'an image of another user’s job',
    insert('GeneratedImage', { ...image, ownerId: stranger }),
  ],

  ['User_weight_counts', 'an owner with weight 0', update('User', { weight: 0 }, owner)],
  ['User_external_id_has_its_realm', 'an external id without a realm', update('User', { externalId: 'x' }, owner)],
  ['User_realm_externalId_key', 'two users with the same external id', update('User', { realm: 'r', externalId: 'x' })],
  ['User_owes_nothing', 'a negative balance', update('User', { balanceTenths: -1 }, owner)],
  ['User_owes_nothing', 'a negative reservation', update('User', { reservedTenths: -1 }, owner)],
  ['User_budget_is_positive', 'a negative budget', update('User', { dailyBudgetTenths: -1 }, owner)],
  ['ApiKey_may_something', 'a key without a scope', insert('ApiKey', { ...apiKey, scopes: '{}' })],
  ['ApiKey_is_a_hash', 'a key instead of its hash', insert('ApiKey', { ...apiKey, hash: 'lk_'.padEnd(64, 'x') })],
  ['ApiKey_has_a_name', 'a key without a name', insert('ApiKey', { ...apiKey, name: ' ' })],
  ['ApiKey_hash_key', 'the same key twice', both(insert('ApiKey', apiKey), insert('ApiKey', { ...apiKey, id: other }))],

  ['LedgerEntry_moves_something', 'an entry of zero credits', entries({ tenths: 0, kind: 'CORRECTION' })],
  ['LedgerEntry_says_why', 'a grant without a reason', entries({ reason: null })],
  [
    'LedgerEntry_says_why',
    'a reservation for no job',
    entries({ kind: 'RESERVATION', account: 'RESERVED', reason: null }),
  ],
  [
    'LedgerEntry_key_once',
    'an idempotency key on the ISSUED entry',
    entries({ tenths: -5, account: 'ISSUED', idempotencyKey: 'k' }),
  ],
  ['LedgerEntry_flows_as_its_kind', 'a grant to the reserved account', entries({ account: 'RESERVED' })],
  ['LedgerEntry_flows_as_its_kind', 'a negative grant', entries({ tenths: -5 })],
  ['LedgerEntry_is_double', 'a single entry', entries({})],
  ['LedgerEntry_is_double', 'entries that do not sum to zero', entries({}, { account: 'ISSUED', tenths: -4 })],
  ['LedgerEntry_is_double', 'entries of two owners', entries({}, { account: 'ISSUED', tenths: -5, ownerId: stranger })],
  ['LedgerEntry_is_final', 'a changed entry', both(granted, update('LedgerEntry', { reason: 'another' }))],
  ['LedgerEntry_is_final', 'a removed entry', both(granted, (sql) => sql('DELETE FROM "LedgerEntry"'))],
  [
    'LedgerEntry_ownerId_fkey',
    'deleting an owner with ledger entries',
    both(
      granted,
      (sql) => sql('DELETE FROM "Job"'),
      (sql) => sql('DELETE FROM "Avatar"'),
      (sql) => sql('DELETE FROM "User"'),
    ),
  ],
  [
    'LedgerEntry_job_once',
    'two reservations for one job',
    both(
      granted,
      ...[0, 1].map((n) =>
        moved(
          { movementId: id(70 + n), kind: 'RESERVATION', jobId: generationId, reason: null },
          60 + 2 * n,
          'AVAILABLE',
          'RESERVED',
          2,
        ),
      ),
    ),
  ],
  [
    'User_owes_nothing',
    'a movement of more than the balance',
    moved(
      { movementId: id(70), kind: 'RESERVATION', jobId: generationId, reason: null },
      60,
      'AVAILABLE',
      'RESERVED',
      2,
    ),
  ],
  ['Job_pays_for_what_it_delivered', 'a price that is not a multiple of the units', job({ units: 2, priceTenths: 5 })],
  ['Job_pays_for_what_it_delivered', 'a payment above the price', job({ ...failed, priceTenths: 5, paidTenths: 6 })],
  ['Job_pays_for_what_it_delivered', 'a paid failure', job({ ...failed, priceTenths: 5, paidTenths: 5 })],
  ['Job_paid_at_its_end', 'a payment before the end of the job', job({ priceTenths: 5, paidTenths: 0 })],

  ['FalBudget_is_one', 'a second budget', insert('FalBudget', { id: 2 })],

  ['Job_columns_of_its_kind', 'a generation without a prompt', job({ prompt: null })],
  ['Job_columns_of_its_kind', 'a generation with a photo count', job({ photoCount: 10 })],
  ['Job_columns_of_its_kind', 'a training without a number of photos', train({ photoCount: null })],
  ['Job_columns_of_its_kind', 'a training with a seed', train({ seed: '1' })],
  ['Job_queued_is_not_at_fal', 'a QUEUED job with a request at fal', job(atFal)],
  ...(['IN_QUEUE', 'IN_PROGRESS', 'FINALIZING'] as const).map((status): [string, string, Work] => [
    'Job_at_fal_has_its_request',
    `a job ${status} without a request`,
    job({ status }),
  ]),
  [
    'Job_at_fal_has_its_request',
    'a success without a request',
    job({ ...succeeded, ...intended, requestId: null, output: '{"images": 1}' }),
  ],
  ['Job_request_was_intended', 'a request without a submission', job({ ...failed, requestId: 'r' })],
  ['Job_request_was_intended', 'a submission without a token', job({ admittedAt: now, submittingAt: now })],
  ['Job_submitted_was_admitted', 'a submission before admission', job({ ...intended, admittedAt: null })],
  ['Job_request_was_intended', 'a token without a submission', job({ correlationToken: id(91) })],
  [
    'Job_position_only_when_waiting',
    'a queue position while in progress',
    job({ ...atFal, status: 'IN_PROGRESS', queuePosition: 1 }),
  ],
  ['Job_position_only_when_waiting', 'a negative queue position', job({ queuePosition: -1 })],
  ['Job_succeeded_has_its_output', 'a success without its output', job(succeeded)],
  ['Job_succeeded_has_its_output', 'an output before the success', job({ output: '{"images": 1}' })],
  ['Job_output_of_its_endpoint', 'a success with no images', job({ ...succeeded, output: '{"images": 0}' })],
  ['Job_output_of_its_endpoint', 'a success without a number of images', job({ ...succeeded, output: '{}' })],
  ['Job_output_of_its_endpoint', 'a success with five images', job({ ...succeeded, output: '{"images": 5}' })],
  [
    'Job_output_of_its_endpoint',
    'a LoRA without its file',
    trained('fal-ai/flux-lora-portrait-trainer', { finetune_id: 'ft' }),
  ],
  [
    'Job_output_of_its_endpoint',
    'a finetune without its id',
    trained('fal-ai/flux-pro-trainer', { diffusers_lora_file: { url: lora } }),
  ],
  ['Job_failed_has_its_error', 'a failure without a code', job({ status: 'FAILED', finishedAt: now })],
  ['Job_failed_has_its_error', 'a failure without a message', job({ ...failed, errorMessage: null })],
  ['Job_failed_has_its_error', 'an error of a job that did not fail', job({ ...failed, status: 'CANCELLED' })],
  ['Job_failed_has_its_error', 'a field without an error', job({ errorField: 'prompt' })],
  ['Job_ended_has_its_time', 'an ended job without a time', job({ status: 'CANCELLED' })],
  ['Job_ended_has_its_time', 'an end time on an active job', job({ finishedAt: now })],
  ['Job_percent_is_honest', '100 percent before success', job({ percent: 100 })],
  ['Job_percent_is_honest', 'a success at 99 percent', job({ ...succeeded, percent: 99, output: '{"images": 1}' })],
  ['Job_percent_is_honest', 'a negative percentage', job({ percent: -1 })],
  ['Job_idempotency_is_whole', 'an idempotency key without its hash', job({ idempotencyKey: 'k' })],
  ['Job_idempotency_is_whole', 'an idempotency hash without its key', job({ idempotencyHash: hash })],
  [
    'Job_ownerId_idempotencyKey_key',
    'the same idempotency key twice',
    both(
      update('Job', { idempotencyKey: 'k', idempotencyHash: hash }),
      job({ idempotencyKey: 'k', idempotencyHash: hash }),
    ),
  ],
  ['Job_correlationToken_key', 'the same token twice', both(update('Job', intended), job(intended))],
  ['Job_traceparent_is_one', 'an invalid trace', job({ traceparent: 'here' })],
  ['Job_traceparent_is_one', 'a trace of zeros', job({ traceparent: `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01` })],
  ['Job_sequence_counts', 'a negative sequence', job({ lastSequence: -1 })],
  ['Job_sequence_counts', 'a negative number of failures', job({ failures: -1 })],
  ['Job_avatarId_ownerId_fkey', 'a job for another user’s avatar', job({ ownerId: stranger })],
  ['Job_one_active_training_per_avatar', 'two active trainings', both(insert('Job', training), train({}))],
  [
    'Job_keeps_its_request',
    'a change of the request id',
    both(update('Job', { ...atFal, status: 'IN_QUEUE' }), update('Job', { requestId: 's' })),
  ],
  [
    'Job_keeps_its_request',
    'removal of the request id',
    both(update('Job', { ...atFal, status: 'IN_QUEUE' }), update('Job', { requestId: null })),
  ],
  [
    'Job_percent_never_decreases',
    'a lower percentage',
    both(update('Job', { percent: 2 }), update('Job', { percent: 1 })),
  ],
  [
    'Job_percent_never_decreases',
    'removal of the percentage',
    both(update('Job', { percent: 2 }), update('Job', { percent: null })),
  ],

  ['JobEvent_counts_from_one', 'an event with sequence 0', insert('JobEvent', { ...event, sequence: 0 })],
  ['JobEvent_pkey', 'the same sequence twice', both(insert('JobEvent', event), insert('JobEvent', event))],
  [
    'JobEvent_one_terminal',
    'two terminal events',
    both(
      insert('JobEvent', { ...event, type: 'FAILED' }),
      insert('JobEvent', { ...event, sequence: 2, type: 'SUCCEEDED' }),
    ),
  ],
  [
    'JobEvent_log_once',
    'the same log line twice',
    both(...[1, 2].map((sequence) => insert('JobEvent', { ...event, sequence, type: 'LOGGED', logKey: hash }))),
  ],
  [
    'JobEvent_never_changes',
    'a changed event',
    both(insert('JobEvent', event), update('JobEvent', { payload: '{"a": 1}' })),
  ],
];

const statuses = Object.keys(moves) as JobStatus[];
/** The columns that a job in this status has. */
const columnsIn: Record<JobStatus, Row> = {
  QUEUED: {},
  IN_QUEUE: atFal,
  IN_PROGRESS: atFal,
  FINALIZING: atFal,
  SUCCEEDED: { ...succeeded, output: '{"images": 1}' },
  FAILED: failed,
  CANCELLED: { finishedAt: now },
};
/** The columns that must be cleared when a row changes to another status. */
const none: Row = { output: null, errorCode: null, errorMessage: null, finishedAt: null };

const isReachable = await isPostgresReachable();
it.for(isReachable ? [] : [postgresAt])('is skipped on PostgreSQL: %s is not reachable', (_at, context) => {
  context.skip();
  expect.fail('A skipped test goes no further.');
});

const databases = [
  ['PGlite', openEmptyPglite] as const,
  ...(isReachable ? [['PostgreSQL', openEmptyPostgres] as const] : []),
];

describe.each(databases)('%s', (_name, open) => {
  let database: SqlDatabase;
  beforeAll(async () => {
    database = await migrated(open);
  });
  afterAll(() => database.close());

  /** Runs the SQL in a transaction that is rolled back. Returns the name of the constraint that rejected it, or 'none'. */
  async function refusal(work: Work): Promise<unknown> {
    await database.run('BEGIN');
    try {
      await given((text, values = []) => database.query(text, values));
      await work((text, values = []) => database.query(text, values));
      return 'none';
    } catch (error) {
      return error instanceof Error && 'constraint' in error ? error.constraint : error;
    } finally {
      await database.run('ROLLBACK');
    }
  }

  it.each(allowed)('accepts %s', async (_what, work) => {
    expect(await refusal(work)).toBe('none');
  });

  it.each(refused)('%s rejects %s', async (constraint, _what, work) => {
    expect(await refusal(work)).toBe(constraint);
  });

  it.each(
    statuses.flatMap((from) => statuses.filter((to) => to !== from).map((to) => [from, to] as const)),
  )('moves a job from %s to %s only along the state machine', async (from, to) => {
    // A cancelled job may have been at fal, so it keeps its request.
    const kept = 'requestId' in columnsIn[from] ? atFal : {};
    const dropped = to === 'QUEUED' || from === 'SUCCEEDED' ? { percent: null } : {};
    const set = { ...none, ...kept, ...dropped, ...columnsIn[to], status: to };
    const work = both(job({ ...columnsIn[from], status: from }), update('Job', set, other));
    expect(await refusal(work)).toBe(moves[from].includes(to) ? 'none' : 'Job_moves_forward');
  });

  it('has no constraint that this file does not test', async () => {
    const { rows } = await database.query(
      `SELECT conname AS name FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace
       UNION SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indisunique AND i.indpred IS NOT NULL AND c.relnamespace = 'public'::regnamespace
       UNION SELECT m[1] FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid,
         regexp_matches(p.prosrc, 'CONSTRAINT = ''(\\w+)''', 'g') AS m WHERE NOT t.tgisinternal`,
      [],
    );
    const tested = new Set([...refused.map(([constraint]) => constraint), 'Job_moves_forward']);
    const names = rows.map((row) => String(row['name']));
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !tested.has(name))).toEqual([]);
  });
});
