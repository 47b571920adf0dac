/** GraphQL: the fal models that this server works with, and whether fal still serves them. */
import type { RetiredEndpoint } from '../../prisma/generated/client/client.ts';
import type { App } from '../app/app.ts';
import { endpointIds, endpoints } from '../fal/endpoints.ts';
import { builder } from '../graphql/builder.ts';

const EndpointKind = builder.enumType('EndpointKind', {
  description: 'What an endpoint does.',
  values: {
    TRAINING: { description: 'It teaches fal an avatar.' },
    GENERATION: { description: 'It draws pictures.' },
  } as const,
});

const EndpointState = builder.enumType('EndpointState', {
  description: 'Whether fal serves an endpoint.',
  values: {
    SERVED: { description: 'As far as is known, it does.' },
    DEPRECATED: { description: 'It does, but calls it no longer supported: it may be gone any day.' },
    RETIRED: { description: 'It did not when it was last asked. Starts on it are refused until `askAgainAt`.' },
  } as const,
});

const EndpointPriceUnit = builder.enumType('EndpointPriceUnit', {
  description: 'What an estimate of a price is of.',
  values: { IMAGE: { description: 'One image.' }, TRAINING: { description: 'One training.' } } as const,
});

const EndpointPrice = builder.simpleObject('EndpointPrice', {
  description: 'What fal asks, as an estimate: it bills by megapixel and by step, and its prices change.',
  fields: (t) => ({
    usd: t.float({ nullable: false, description: 'US dollars.' }),
    per: t.field({ type: EndpointPriceUnit, nullable: false, description: 'For each of these.' }),
  }),
});

export const Endpoint = builder.simpleObject('Endpoint', {
  description: 'A fal model that this server works with.',
  fields: (t) => ({
    name: t.string({ nullable: false, description: 'Its fal endpoint id, such as `fal-ai/flux-lora`.' }),
    kind: t.field({ type: EndpointKind, nullable: false, description: 'What it does.' }),
    state: t.field({ type: EndpointState, nullable: false, description: 'Whether fal serves it.' }),
    retiredAt: t.field({ type: 'DateTime', nullable: true, description: 'Since when it is RETIRED; else null.' }),
    askAgainAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When a start is let through to a RETIRED endpoint, to see whether it answers again; else null.',
    }),
    price: t.field({ type: EndpointPrice, nullable: false, description: 'An estimate of what fal asks.' }),
    deadlineSeconds: t.int({
      nullable: false,
      description: 'How long fal may take over a job, counted from its submit.',
    }),
  }),
});

/** Every endpoint of the table, as it stands now: one statement. */
export async function readEndpoints({ prisma, deadlineMs }: Pick<App, 'prisma' | 'deadlineMs'>) {
  const retired = new Map((await prisma.retiredEndpoint.findMany()).map((row) => [row.endpoint, row]));
  return endpointIds.map((name) => {
    const { kind, price, isDeprecated } = endpoints[name];
    const since: RetiredEndpoint | undefined = retired.get(name);
    const served = isDeprecated ? ('DEPRECATED' as const) : ('SERVED' as const);
    return {
      name,
      kind,
      price,
      state: since === undefined ? served : ('RETIRED' as const),
      retiredAt: since?.since ?? null,
      askAgainAt: since?.askAgainAt ?? null,
      deadlineSeconds: Math.round(deadlineMs(name) / 1000),
    };
  });
}
