/**
 * What jobs cost here, in credits: the one place to change a price. Amounts are whole tenths of a credit, so that half a
 * credit adds up exactly. What fal asks for the same, in US dollars, stands with each endpoint.
 */
import { type EndpointId, endpoints } from '../fal/endpoints.ts';

const image = 5;
const training = 150;

/** Credits for one image, or for one training. */
const credits: Record<EndpointId, number> = {
  'fal-ai/flux-lora': image,
  'fal-ai/flux-pro/finetuned': image,
  // Half as much again, for its resolution.
  'fal-ai/flux-pro/v1.1-ultra-finetuned': 1.5 * image,
  'fal-ai/flux-lora-portrait-trainer': training,
  'fal-ai/flux-pro-trainer': training,
};

/** What so many images, or one training, cost when all is delivered. */
export const priceTenths = (endpoint: EndpointId, units: number): number => toTenths(credits[endpoint]) * units;

/** The same at fal, in US dollars; an estimate. */
export const estimatedUsd = (endpoint: EndpointId, units: number): number =>
  Math.round(endpoints[endpoint].price.usd * units * 10_000) / 10_000;

export const toTenths = (amount: number): number => Math.round(10 * amount);
export const toCredits = (tenths: number): number => tenths / 10;
