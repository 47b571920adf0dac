/** The kind of a call, its endpoint and its request. */
import type { EndpointId } from '../../fal/endpoints.ts';
import { isEndpointId } from '../../fal/endpoints.ts';
import type { Store } from '../storage/store.ts';
import type { Call } from './call.ts';

/** Calls about an existing request, then calls without one. */
export const requestKinds = ['status', 'stream', 'result', 'cancel', 'download'] as const;
export const newRequestKinds = ['submit', 'run', 'upload-initiate', 'upload-put', 'upload-complete', 'jwks'] as const;
export const callKinds = [...requestKinds, ...newRequestKinds] as const;
export type CallKind = (typeof callKinds)[number];
/** `webhook` is a call that the simulator makes; `other` is a call that fal does not serve. */
export type Kind = CallKind | 'webhook' | 'other';

export type CallSubject = { kind: Kind; endpoint: EndpointId | undefined; requestId: string | undefined };

export function callSubjectOf(call: Call, store: Store): CallSubject {
  const match = requestPath.exec(call.path);
  if ((call.host === 'queue' || call.host === 'run') && match !== null) {
    const [, id = '', action = ''] = match;
    return ofRequest(actions[action] ?? 'other', id);
  }
  switch (call.host) {
    case 'queue':
      return ofEndpoint('submit');
    case 'run':
      return ofEndpoint('run');
    case 'rest':
      return ofNothing(restKinds[call.path] ?? 'other');
    case 'files':
      if (!call.path.startsWith('/upload/')) return ofFile();
      return ofNothing(call.path.endsWith('/complete') ? 'upload-complete' : 'upload-put');
    case 'simulator':
      return ofNothing('other');
  }

  function ofEndpoint(kind: Kind): CallSubject {
    const endpoint = call.path.slice(1);
    return { ...ofNothing(kind), endpoint: isEndpointId(endpoint) ? endpoint : undefined };
  }

  function ofRequest(kind: Kind, id: string): CallSubject {
    const request = store.request(id);
    return { kind, endpoint: request?.endpoint, requestId: request?.id };
  }

  /** The URL of a picture contains its request's id; a trained file has an id of its own. */
  function ofFile(): CallSubject {
    const id = /^\/files\/b\/[0-9a-f]{8}\/([0-9a-f-]{36})_/.exec(call.path)?.[1];
    return ofRequest('download', id === undefined ? '' : (store.makerOf(id)?.id ?? ''));
  }
}

function ofNothing(kind: Kind): CallSubject {
  return { kind, endpoint: undefined, requestId: undefined };
}

const requestPath = /^\/[^/]+\/.+?\/requests\/([^/]+)(?:\/(.*))?$/;
const actions: Record<string, Kind> = {
  '': 'result',
  response: 'result',
  status: 'status',
  'status/stream': 'stream',
  cancel: 'cancel',
};
const restKinds: Record<string, Kind> = {
  '/.well-known/jwks.json': 'jwks',
  '/storage/upload/initiate': 'upload-initiate',
  '/storage/upload/initiate-multipart': 'upload-initiate',
};
