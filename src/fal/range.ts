/** The accepted values at a path of an endpoint's input, in words. */
import { z } from 'zod';

/** `1 to 50`, for a number or an enum of numerals; `16 or 32` for literals; for other enums, their values. A path is such as `loras.0.scale`. */
export function range(schema: z.core.$ZodType, path: readonly PropertyKey[]): string {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) return range(schema.unwrap(), path);
  if (schema instanceof z.ZodUnion) {
    const literals = schema.options.flatMap((option) => (option instanceof z.ZodLiteral ? [...option.values] : []));
    return literals.length > 0 ? literals.join(' or ') : range(schema.options.at(-1) ?? z.never(), path);
  }
  const [key, ...rest] = path;
  if (schema instanceof z.ZodObject && key !== undefined) return range(schema.shape[String(key)] ?? z.never(), rest);
  if (schema instanceof z.ZodArray) return range(schema.element, rest);
  if (schema instanceof z.ZodNumber) return `${schema.minValue} to ${schema.maxValue}`;
  if (schema instanceof z.ZodEnum) return isNumerals(schema.options) ? ends(schema.options) : schema.options.join(', ');
  return 'another value';
}

const isNumerals = (options: readonly unknown[]) => options.every((option) => /^\d+$/.test(String(option)));
const ends = (options: readonly unknown[]) => `${String(options[0])} to ${String(options.at(-1))}`;
