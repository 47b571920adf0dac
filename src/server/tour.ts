/** The tabs that GraphiQL opens with: the whole way from a name to a picture, for someone who has never seen it. */

export type Tab = { query: string; variables?: string };

const id = (of: string) => `paste the id of ${of} here`;
const variables = (value: object) => JSON.stringify(value, null, 2);

export const tour: Tab[] = [
  {
    query: `# 1. Make an avatar: a person (portrait) or an artistic style (style).
#
# Press the pink button, or Ctrl+Enter. Copy the id of the answer: the next tabs ask for it.
# The tabs above are the whole way, in order, from a name to a picture.

mutation CreatePortrait($input: CreateAvatarInput!) {
  createAvatar(input: $input) {
    __typename
    ... on AvatarProfile { id name trigger status }
    ... on Error { message }
  }
}
`,
    variables: variables({ input: { portrait: { name: 'Ada' } } }),
  },
  {
    query: `# 2. Add photos: 10 to 20 of the person, at least 512 pixels on the shorter side.
#
# GraphiQL cannot send files. A terminal can (npm run demo does it for you, with photos of its own):
#
#   curl http://localhost:4000/graphql \\
#     -F operations='{"query":"mutation ($input: AddPhotosInput!) { addPhotos(input: $input) { ... on AddPhotosPayload { verdicts { fileName problems warnings message } } ... on Error { message } } }","variables":{"input":{"avatarId":"<id>","files":[null,null]}}}' \\
#     -F map='{"0":["variables.input.files.0"],"1":["variables.input.files.1"]}' \\
#     -F 0=@first.jpg -F 1=@second.jpg
#
# One null and one line of the map for each file, up to 40 files at once. Then look at what is there and what is missing:

query PhotosOf($avatarId: ID!) {
  node(id: $avatarId) {
    ... on AvatarProfile {
      name
      readiness { ready photoCount minPhotos maxPhotos missing }
      photos(first: 20) { edges { node { fileName width height warnings url(width: 256) } } }
    }
  }
}
`,
    variables: variables({ avatarId: id('the avatar') }),
  },
  {
    query: `# 3. Start the training. It answers at once with a job; the next tab follows it.
#
# The presets are FAST, BALANCED and QUALITY. settings shows exactly what fal is sent.

mutation StartTraining($input: StartTrainingInput!) {
  startTraining(input: $input) {
    __typename
    ... on Training {
      id
      status
      photoCount
      settings {
        ... on FluxLoraPortraitTrainerSettings { steps learningRate createMasks triggerPhrase }
        ... on FluxProTrainerSettings { iterations learningRate finetuneType triggerWord }
      }
    }
    ... on DatasetNotReadyError { message readiness { missing } }
    ... on Error { message }
  }
}
`,
    variables: variables({ input: { avatarId: id('the avatar'), preset: 'FAST' } }),
  },
  {
    query: `# 4. Follow the training, live, to its end. Later is fine too: the whole history is told first.
#
# after is the sequence number of the last event that you have seen. 0 is from the beginning.

subscription FollowTraining($jobId: ID!, $after: Int) {
  jobEvents(jobId: $jobId, after: $after) {
    __typename
    sequence
    occurredAt
    ... on JobQueueMoved { position }
    ... on JobLogged { message }
    ... on JobProgressed { progress { percent step totalSteps source etaSeconds } }
    ... on JobFailed { error { code message retryable } }
  }
}
`,
    variables: variables({ jobId: id('the training'), after: 0 }),
  },
  {
    query: `# 5. Draw. The avatar is READY now, and its trigger is put before the prompt for you.

mutation StartGeneration($input: StartGenerationInput!) {
  startGeneration(input: $input) {
    __typename
    ... on Generation { id status finalPrompt endpoint }
    ... on InvalidInputError { message issues { path message } }
    ... on AvatarNotReadyError { message avatarStatus }
    ... on Error { message }
  }
}
`,
    variables: variables({
      input: {
        avatarId: id('the avatar'),
        prompt: 'as an astronaut, studio portrait, soft light',
        preset: 'PORTRAIT',
        numImages: 2,
      },
    }),
  },
  {
    query: `# 6. Follow the generation, as you followed the training.

subscription FollowGeneration($jobId: ID!, $after: Int) {
  jobEvents(jobId: $jobId, after: $after) {
    __typename
    sequence
    ... on JobQueueMoved { position }
    ... on JobLogged { message }
    ... on JobProgressed { progress { percent } }
    ... on JobFailed { error { code message retryable } }
  }
}
`,
    variables: variables({ jobId: id('the generation'), after: 0 }),
  },
  {
    query: `# 7. Look at the pictures. A url opens in the browser for an hour; ask again for a fresh one.

query Pictures {
  generations(first: 10) {
    edges {
      node {
        id
        status
        prompt
        images { id width height original: url small: url(width: 512, format: WEBP) blurhash hasNsfwConcepts }
      }
    }
  }
}
`,
  },
  {
    query: `# 8. The server: whether fal is LIVE or SIMULATED, the limits in force, and everything that is at work now.

query Server {
  server { version falMode limits { maxPromptLength maxImagesPerGeneration minPhotos maxPhotos maxPhotoBytes } }
  jobs(first: 20, active: true) { edges { node { __typename id status progress { percent etaSeconds } } } }
  avatars(first: 20) { edges { node { ... on AvatarProfile { id name status isDefault } } } }
}
`,
  },
];
