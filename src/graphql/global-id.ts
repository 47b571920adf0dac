/** Global ids: `<type name>:<uuid>` in base64, as Relay has them. */
import { decodeGlobalID } from '@pothos/plugin-relay';
import { z } from 'zod';

const uuid = z.uuid();

/** The uuid in a global id of one of these types; undefined for any other text, which then names nothing. */
export function uuidOf(globalId: string, typeNames: readonly string[]): string | undefined {
  try {
    const { typename, id } = decodeGlobalID(globalId);
    return typeNames.includes(typename) ? uuid.safeParse(id).data : undefined;
  } catch {
    return undefined;
  }
}
