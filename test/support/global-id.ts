/** The global ids of the API: base64 of "Type:uuid". */
export const globalId = (typeName: string, id: string) => Buffer.from(`${typeName}:${id}`).toString('base64');
export const uuidIn = (id: string) => Buffer.from(id, 'base64').toString().split(':')[1] ?? '';
