/**
 * The fal endpoints that this server knows, by their ids. The lists of models are the table: an id that is in neither
 * never reaches the network.
 */
import { drawingModels } from '../generation/models/models.ts';
import { trainers } from '../training/models/models.ts';
import type { DrawingModel, Trainer } from './model.ts';

type KnownModel = (typeof drawingModels)[number] | (typeof trainers)[number];
export type EndpointId = KnownModel['endpoint'];

const models: readonly (DrawingModel | Trainer)[] = [...drawingModels, ...trainers];

export const endpoints = Object.fromEntries(models.map((model) => [model.endpoint, model])) as Record<
  EndpointId,
  DrawingModel | Trainer
>;

export const endpointIds = Object.keys(endpoints) as EndpointId[];

export function isEndpointId(id: string): id is EndpointId {
  return Object.hasOwn(endpoints, id);
}

// The simulator takes what it needs to know of fal from this file alone.
export { imageSizes } from './fields.ts';
