/** Global ids, as the Relay plugin encodes them: `<type name>:<uuid>` in base64. */
import { decodeGlobalID } from '@pothos/plugin-relay';
import { z } from 'zod';

const uuid = z.uuid();

/** The UUID in a global id of one of these types. Undefined for any other text. */
export function uuidOf(globalId: string, typeNames: readonly string[]): string | undefined {
  try {
    const { typename, id } = decodeGlobalID(globalId);
    return typeNames.includes(typename) ? uuid.safeParse(id).data : undefined;
  } catch {
    return undefined;
  }
}
