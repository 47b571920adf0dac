/** GraphQL: what a job costs, and the error of a balance that is too low. */
import { endpointIds, endpoints } from '../fal/endpoints.ts';
import { builder } from '../graphql/builder.ts';
import { ErrorInterface } from '../graphql/error-types.ts';
import { Job } from '../job/job.graphql.ts';
import { InsufficientCreditsError } from './account.ts';
import { estimatedUsd, toCredits } from './prices.ts';

builder.objectType(InsufficientCreditsError, {
  name: 'InsufficientCreditsError',
  description: 'The balance is lower than the price. Nothing was started.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    balance: t.exposeFloat('balance', { description: 'The caller’s balance, in credits.' }),
    price: t.exposeFloat('price', { description: 'The price of the job, in credits.' }),
  }),
});

const priceList = endpointIds
  .map((id) => `${id}: ${endpoints[id].price.credits} per ${endpoints[id].price.per.toLowerCase()}`)
  .join('; ');

/** Credits of this server, and an estimate of the dollars that fal charges. */
export const Price = builder
  .objectRef<{ endpoint: Parameters<typeof estimatedUsd>[0]; units: number; priceTenths: number }>('Price')
  .implement({
    description: 'The price of a job if everything requested is delivered.',
    fields: (t) => ({
      credits: t.float({
        description: `The price in this server’s credits. ${priceList}.`,
        resolve: ({ priceTenths }) => toCredits(priceTenths),
      }),
      estimatedUsd: t.float({
        description: 'An estimate of what fal charges this server for the job, in US dollars. See `Endpoint.price`.',
        resolve: ({ endpoint, units }) => estimatedUsd(endpoint, units),
      }),
    }),
  });

const JobCost = builder
  .objectRef<{ priceTenths: number; paidTenths: number | null; isMetered: boolean }>('JobCost')
  .implement({
    description: 'The cost of a job, in credits.',
    fields: (t) => ({
      price: t.float({
        description: 'The price if everything requested is delivered.',
        resolve: ({ priceTenths }) => toCredits(priceTenths),
      }),
      paid: t.float({
        nullable: true,
        description:
          'The price of what was delivered. For 3 of 4 images it is 3/4 of `price`. An image that fal’s safety checker flagged costs nothing, and a failed or cancelled job costs 0. Null until the job has ended.',
        resolve: ({ paidTenths }) => (paidTenths === null ? null : toCredits(paidTenths)),
      }),
      isMetered: t.exposeBoolean('isMetered', {
        description:
          'Whether the job is paid from the owner’s balance. If false, the server sold no credits when the job was started, and the cost is for information.',
      }),
    }),
  });

builder.prismaInterfaceField(Job, 'cost', (t) =>
  t.field({
    type: JobCost,
    description: 'The cost of the job.',
    select: { priceTenths: true, paidTenths: true, isMetered: true },
    resolve: (job) => job,
  }),
);
