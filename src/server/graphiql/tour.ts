/** The tabs that GraphiQL opens with: every step from a name to a picture, for a newcomer. */

export type Tab = { query: string; variables?: string };

const id = (of: string) => `paste the id of ${of} here`;
const variables = (value: object) => JSON.stringify(value, null, 2);

/** `url` is where a terminal reaches the server. Lines are short: the editor cuts off those wider than its pane. */
export const tourOf = (url: string): Tab[] => [
  // GraphiQL does not show the variables of the tab that it opens with, so this one has none.
  {
    query: `# 1. Make an avatar.
#
# Press the pink button, or Ctrl+Enter. The tabs above are
# the whole way, from a name to a picture: go through them
# in order. They ask for the id that is answered here.
#
# An avatar is a person (portrait) or an artistic style:
# input: { style: { name: "Woodcut" } }

mutation CreateAvatar {
  createAvatar(input: { portrait: { name: "Ada" } }) {
    __typename
    ... on AvatarProfile { id name trigger status }
    ... on Error { message }
  }
}
`,
  },
  {
    query: `# 2. Add photos: 10 to 20, of at least 512 pixels.
#
# GraphiQL cannot send files, but a terminal can. Put the
# avatar's id into this command, copied without its "# ".
# One null and one line of the map for each file:
#
# ${curlOf(url)}
#
# Or let the demo do all of the tour: npm run demo
#
# Then look at which photos there are, and what is missing.
# The avatar's id goes into Variables, below.

query Photos($avatarId: ID!) {
  node(id: $avatarId) {
    ... on AvatarProfile {
      name
      readiness { ready photoCount maxPhotos missing }
      photos(first: 20) {
        edges {
          node { fileName width height warnings url(width: 256) }
        }
      }
    }
  }
}
`,
    variables: variables({ avatarId: id('the avatar') }),
  },
  {
    query: `# 3. Start the training.
#
# It answers at once with a job, whose id the next tab
# follows. Presets: FAST, BALANCED, QUALITY. The settings
# are exactly what fal gets.

mutation StartTraining($input: StartTrainingInput!) {
  startTraining(input: $input) {
    __typename
    ... on Training {
      id
      status
      photoCount
      settings {
        ... on FluxLoraPortraitTrainerSettings {
          steps learningRate createMasks triggerPhrase
        }
        ... on FluxProTrainerSettings {
          iterations learningRate finetuneType triggerWord
        }
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
    query: `# 4. Follow the training, live, to its end.
#
# Later is fine too: past events come first.
# after is the last sequence number that you have seen;
# 0 is from the beginning.

subscription FollowTraining($jobId: ID!, $after: Int) {
  jobEvents(jobId: $jobId, after: $after) {
    __typename
    sequence
    occurredAt
    ... on JobQueueMoved { position }
    ... on JobLogged { message }
    ... on JobProgressed {
      progress { percent step totalSteps source etaSeconds }
    }
    ... on JobFailed { error { code message retryable } }
  }
}
`,
    variables: variables({ jobId: id('the training'), after: 0 }),
  },
  {
    query: `# 5. Draw.
#
# The avatar is READY now. Its trigger, the word that fal
# has learned it by, is put before your prompt for you.

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
    query: `# 7. Look at the pictures.
#
# A url opens in the browser, for an hour. Ask again for
# a fresh one, in any width and format.

query Pictures {
  generations(first: 10) {
    edges {
      node {
        id
        status
        prompt
        images {
          id
          width
          height
          original: url
          small: url(width: 512, format: WEBP)
          blurhash
        }
      }
    }
  }
}
`,
  },
  {
    query: `# 8. The server: is fal LIVE or SIMULATED, which limits
# are in force, which jobs run, which avatars there are.

query Server {
  server {
    version
    falMode
    limits {
      maxPromptLength maxImagesPerGeneration
      minPhotos maxPhotos maxPhotoBytes
    }
  }
  jobs(first: 20, active: true) {
    edges {
      node { __typename id status progress { percent } }
    }
  }
  avatars(first: 20) {
    edges {
      node { ... on AvatarProfile { id name status } }
    }
  }
}
`,
  },
];

function curlOf(url: string): string {
  const query =
    'mutation ($input: AddPhotosInput!) { addPhotos(input: $input) ' +
    '{ ... on AddPhotosPayload { verdicts { fileName problems warnings message } } ... on Error { message } } }';
  const operations = { query, variables: { input: { avatarId: 'ID', files: [null, null] } } };
  const map = { 0: ['variables.input.files.0'], 1: ['variables.input.files.1'] };
  const parts = [`operations='${JSON.stringify(operations)}'`, `map='${JSON.stringify(map)}'`, '0=@1.jpg', '1=@2.jpg'];
  return `curl ${url}/graphql ${parts.map((part) => `-F ${part}`).join(' ')}`;
}
