/** The access table: what each role gets for each root field, called with ids of the owner, and for each Node type. */
import { getNamedType } from 'graphql';
import { schema } from '../../src/app/schema.ts';
import { objectsOf } from './table-walk.ts';

export const roles = ['owner', 'reader', 'stranger', 'guest', 'namesake', 'deputy', 'admin', 'nobody'] as const;
/**
 * `reader`: a READ key of the owner. `stranger`: a key of another user. `guest` and `namesake`: a bot's key that acts for
 * a user of the bot; the namesake has the same external id as the owner. `deputy`: the operator's ADMIN key acting for
 * another user, which drops its ADMIN scope. `admin`: the operator's ADMIN key. `nobody`: no credentials.
 */
export type Role = (typeof roles)[number];

/**
 * NOT_THERE is null, NotFoundError, NOT_FOUND or an empty list, byte for byte as for an id that does not exist. FORBIDDEN is
 * an error with that code. UNAUTHENTICATED is HTTP 401 with WWW-Authenticate.
 */
export type Outcome = 'VALUE' | 'NOT_THERE' | 'FORBIDDEN' | 'UNAUTHENTICATED';
export type Gets = Record<Role, Outcome>;

/** Global ids of the owner's rows, or of rows that do not exist. */
export type Ids = Record<
  'portrait' | 'style' | 'photo' | 'ended' | 'waiting' | 'training' | 'image' | 'entry' | 'user' | 'apiKey',
  string
>;

export type Row = { gets: Gets; document: string; variables: (ids: Ids) => Record<string, unknown>; file?: string };

const gets = (owner: Outcome, reader: Outcome, others: Outcome, admin: Outcome): Gets => ({
  owner,
  reader,
  stranger: others,
  guest: others,
  namesake: others,
  deputy: others,
  admin,
  nobody: 'UNAUTHENTICATED',
});

const ofOwner = gets('VALUE', 'VALUE', 'NOT_THERE', 'NOT_THERE');
const ofOwnerAndAdmin = gets('VALUE', 'VALUE', 'NOT_THERE', 'VALUE');
const ofAnybody = gets('VALUE', 'VALUE', 'VALUE', 'VALUE');
const changedByOwner = gets('VALUE', 'FORBIDDEN', 'NOT_THERE', 'NOT_THERE');
const changedByAnybody = gets('VALUE', 'FORBIDDEN', 'VALUE', 'VALUE');
const ofAdmin = gets('FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN', 'VALUE');

const row = (who: Gets, document: string, variables: Row['variables'] = () => ({}), file?: string): Row => ({
  gets: who,
  document,
  variables,
  ...(file !== undefined && { file }),
});

const page = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
const user = `id externalId balance reserved spentToday weight
  apiKeys { edges { node { id name } } } ledger { edges { node { id reason job { id } } } }`;

export const queries: Record<string, Row> = {
  avatars: row(ofOwner, `{ avatars { edges { cursor node { ... on Node { id } } } ${page} } }`),
  generationPresets: row(ofAnybody, '{ generationPresets { name } }'),
  generations: row(
    ofOwner,
    `query ($id: ID) { generations(avatarId: $id) { edges { cursor node { id prompt } } ${page} } }`,
    ({ portrait }) => ({ id: portrait }),
  ),
  jobs: row(ofOwner, `{ jobs { edges { cursor node { id requestId } } ${page} } }`),
  node: row(ofOwner, 'query ($id: ID!) { node(id: $id) { __typename id } }', ({ portrait }) => ({ id: portrait })),
  nodes: row(ofOwner, 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }', ({ style, photo }) => ({
    ids: [style, photo],
  })),
  planGeneration: row(
    ofOwner,
    `query ($input: StartGenerationInput!) { planGeneration(input: $input) {
      __typename ... on GenerationPlan { finalPrompt } ... on Error { message } } }`,
    ({ portrait }) => ({ input: { avatarId: portrait, prompt: 'at sea' } }),
  ),
  planTraining: row(
    ofOwner,
    `query ($input: StartTrainingInput!) { planTraining(input: $input) {
      __typename ... on TrainingPlan { photoCount } ... on Error { message } } }`,
    ({ style }) => ({ input: { avatarId: style, datasetUrl: 'https://example.com/photos.zip' } }),
  ),
  server: row(ofAnybody, '{ server { version limits { maxPhotos } } }'),
  trainingPresets: row(ofAnybody, '{ trainingPresets { name } }'),
  users: row(ofAdmin, `{ users { edges { node { ${user} } } ${page} } }`),
  viewer: row(ofAnybody, `{ viewer { ${user} } }`),
};

/** A mutation with one argument, an id or an input. Selects the id of a result that has one, and the message of an error. */
const change = (name: string, argument: string) => {
  const [, given = '', type = ''] = /^(\w+): (.*)$/.exec(argument) ?? [];
  const more = name === 'favoriteImage' ? ', favorite: true' : '';
  const answer = schema.getMutationType()?.getFields()[name]?.type;
  const members = answer === undefined ? [] : objectsOf(getNamedType(answer));
  const withId = members.filter((member) => 'id' in member.getFields()).map((member) => `... on ${member.name} { id }`);
  return `mutation ($given: ${type}) {
    ${name}(${given}: $given${more}) { __typename ${withId.join(' ')} ... on Error { message } } }`;
};
const byId = (argument: string, of: keyof Ids): [string, Row['variables']] => [
  `${argument}: ID!`,
  (ids) => ({ given: ids[of] }),
];
const byInput = (type: string, input: (ids: Ids) => Record<string, unknown>): [string, Row['variables']] => [
  `input: ${type}!`,
  (ids) => ({ given: input(ids) }),
];
const mutation = (who: Gets, name: string, [argument, variables]: [string, Row['variables']], file?: string) => ({
  [name]: row(who, change(name, argument), variables, file),
});

/** In an order in which the owner and then the admin can run all of them. */
export const mutations: Record<string, Row> = {
  ...mutation(
    changedByAnybody,
    'createAvatar',
    byInput('CreateAvatarInput', () => ({ portrait: { name: 'New' } })),
  ),
  ...mutation(
    changedByAnybody,
    'importAvatar',
    byInput('ImportAvatarInput', () => ({ style: { name: 'Ink', finetuneId: 'ft', triggerWord: 'INK' } })),
  ),
  ...mutation(
    changedByOwner,
    'renameAvatar',
    byInput('RenameAvatarInput', ({ portrait }) => ({ avatarId: portrait, name: 'Renamed' })),
  ),
  ...mutation(changedByOwner, 'setDefaultAvatar', byId('avatarId', 'style')),
  ...mutation(
    changedByOwner,
    'addPhotos',
    byInput('AddPhotosInput', ({ portrait }) => ({ avatarId: portrait, files: [null] })),
    'variables.given.files.0',
  ),
  ...mutation(changedByOwner, 'favoriteImage', byId('imageId', 'image')),
  ...mutation(
    changedByOwner,
    'startGeneration',
    byInput('StartGenerationInput', ({ portrait }) => ({ avatarId: portrait, prompt: 'at sea' })),
  ),
  ...mutation(
    changedByOwner,
    'startTraining',
    byInput('StartTrainingInput', ({ style }) => ({ avatarId: style, datasetUrl: 'https://example.com/a.zip' })),
  ),
  ...mutation(changedByOwner, 'cancelJob', byId('jobId', 'waiting')),
  ...mutation(changedByOwner, 'retryJob', byId('jobId', 'ended')),
  ...mutation(changedByOwner, 'removePhoto', byId('photoId', 'photo')),
  ...mutation(changedByOwner, 'deleteImage', byId('imageId', 'image')),
  ...mutation(changedByOwner, 'deleteAvatar', byId('avatarId', 'portrait')),
  ...mutation(
    ofAdmin,
    'createUser',
    byInput('CreateUserInput', () => ({ externalId: 'new' })),
  ),
  ...mutation(
    ofAdmin,
    'setUserLimits',
    byInput('SetUserLimitsInput', (ids) => ({ userId: ids.user, weight: 2 })),
  ),
  ...mutation(
    ofAdmin,
    'grantCredits',
    byInput('CreditsInput', (ids) => ({ userId: ids.user, credits: 1, reason: 'r' })),
  ),
  ...mutation(
    ofAdmin,
    'correctCredits',
    byInput('CreditsInput', (ids) => ({ userId: ids.user, credits: -1, reason: 'r' })),
  ),
  ...mutation(
    ofAdmin,
    'createApiKey',
    byInput('CreateApiKeyInput', (ids) => ({ name: 'k', scopes: ['READ'], userId: ids.user })),
  ),
  ...mutation(ofAdmin, 'revokeApiKey', byId('apiKeyId', 'apiKey')),
};

/** Over WebSocket, UNAUTHENTICATED means that the socket is closed with 4403. */
export const subscriptions: Record<string, Pick<Row, 'gets' | 'document'>> = {
  jobChanged: { gets: ofOwner, document: 'subscription { jobChanged { id requestId } }' },
  jobEvents: {
    gets: ofOwner,
    document: 'subscription ($id: ID!) { jobEvents(jobId: $id) { sequence job { id requestId } } }',
  },
};

export const nodeTypes: Record<string, Gets> = {
  ApiKey: ofOwnerAndAdmin,
  GeneratedImage: ofOwner,
  Generation: ofOwner,
  LedgerEntry: ofOwner,
  Photo: ofOwner,
  PortraitAvatar: ofOwner,
  StyleAvatar: ofOwner,
  Training: ofOwner,
  User: ofOwnerAndAdmin,
};

/** The types that an admin can read starting from another user. */
export const readByAdmin = new Set([
  'User',
  'ApiKey',
  'ApiKeyConnection',
  'ApiKeyEdge',
  'LedgerEntry',
  'LedgerConnection',
  'LedgerEdge',
  'PageInfo',
]);
