/**
 * What jobs cost, in credits and in US dollars. The numbers stand with each model. Amounts are whole tenths of a credit, so
 * that half a credit adds up exactly.
 */
import { type EndpointId, endpoints } from '../fal/endpoints.ts';

/** The price of that many images, or of one training, when all of it is delivered. */
export const priceTenths = (endpoint: EndpointId, units: number): number =>
  toTenths(endpoints[endpoint].price.credits) * units;

/** What fal charges for the same, in US dollars; an estimate. */
export const estimatedUsd = (endpoint: EndpointId, units: number): number =>
  Math.round(endpoints[endpoint].price.usd * units * 10_000) / 10_000;

export const toTenths = (amount: number): number => Math.round(10 * amount);
export const toCredits = (tenths: number): number => tenths / 10;
