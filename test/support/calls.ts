/** How often a field of the schema is resolved while a test looks. */
import { onTestFinished } from 'vitest';
import { schema } from '../../src/app/schema.ts';

/** Counts the calls of a field's resolver, to the end of the test. */
export function countCalls(typeName: string, fieldName: string): () => number {
  const type = schema.getType(typeName);
  const field = type && 'getFields' in type ? type.getFields()[fieldName] : undefined;
  if (field === undefined || !('resolve' in field) || field.resolve === undefined)
    throw new Error('There is no such field.');
  const { resolve } = field;
  let calls = 0;
  field.resolve = (...args) => {
    calls += 1;
    return resolve(...args);
  };
  onTestFinished(() => {
    field.resolve = resolve;
  });
  return () => calls;
}
