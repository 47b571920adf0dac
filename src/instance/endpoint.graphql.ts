/** GraphQL: the fal endpoints that this server uses, and whether fal still serves them. */
import type { RetiredEndpoint } from '../../prisma/generated/client/client.ts';
import type { App } from '../app/app.ts';
import { endpointIds, endpoints } from '../fal/endpoints.ts';
import { builder } from '../graphql/builder.ts';

const EndpointKind = builder.enumType('EndpointKind', {
  description: 'What a fal endpoint does.',
  values: {
    TRAINING: { description: 'It trains avatars.' },
    GENERATION: { description: 'It draws pictures.' },
  } as const,
});

const EndpointState = builder.enumType('EndpointState', {
  description: 'Whether fal serves an endpoint.',
  values: {
    SERVED: { description: 'fal serves the endpoint, as far as this server knows.' },
    DEPRECATED: { description: 'fal serves the endpoint but no longer supports it. It may disappear at any time.' },
    RETIRED: {
      description:
        'fal refused the last job as if the endpoint did not exist. New jobs are refused until `askAgainAt`.',
    },
  } as const,
});

const EndpointPriceUnit = builder.enumType('EndpointPriceUnit', {
  description: 'What an estimated price is for.',
  values: { IMAGE: { description: 'One image.' }, TRAINING: { description: 'One training.' } } as const,
});

const EndpointPrice = builder.simpleObject('EndpointPrice', {
  description:
    'An estimate of what fal charges. fal bills by megapixel and by step, and its prices change: see its pricing pages.',
  fields: (t) => ({
    usd: t.float({ nullable: false, description: 'The price in US dollars.' }),
    per: t.field({ type: EndpointPriceUnit, nullable: false, description: 'What the price is for.' }),
  }),
});

export const Endpoint = builder.simpleObject('Endpoint', {
  description: 'A fal endpoint that this server uses.',
  fields: (t) => ({
    name: t.string({ nullable: false, description: 'The fal endpoint id, such as `fal-ai/flux-lora`.' }),
    kind: t.field({ type: EndpointKind, nullable: false, description: 'What the endpoint does.' }),
    state: t.field({ type: EndpointState, nullable: false, description: 'Whether fal serves the endpoint.' }),
    retiredAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When fal first refused a job. Null unless the endpoint is RETIRED.',
    }),
    askAgainAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the server allows the next job, to find out whether fal serves the endpoint again. Null unless the endpoint is RETIRED.',
    }),
    price: t.field({ type: EndpointPrice, nullable: false, description: 'An estimate of what fal charges.' }),
    deadlineSeconds: t.int({
      nullable: false,
      description: 'How many seconds fal may take for a job, counted from its submit, before it fails with TIMED_OUT.',
    }),
  }),
});

/** Every endpoint that the server uses, with its present state. One SQL statement. */
export async function readEndpoints({ prisma, deadlineMs }: Pick<App, 'prisma' | 'deadlineMs'>) {
  const retired = new Map((await prisma.retiredEndpoint.findMany()).map((row) => [row.endpoint, row]));
  return endpointIds.map((name) => {
    const { kind, price, isDeprecated } = endpoints[name];
    const retirement: RetiredEndpoint | undefined = retired.get(name);
    const served = isDeprecated ? ('DEPRECATED' as const) : ('SERVED' as const);
    return {
      name,
      kind,
      price,
      state: retirement === undefined ? served : ('RETIRED' as const),
      retiredAt: retirement?.since ?? null,
      askAgainAt: retirement?.askAgainAt ?? null,
      deadlineSeconds: Math.round(deadlineMs(name) / 1000),
    };
  });
}
