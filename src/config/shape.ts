// Inspects schemas: known keys, secrets, paths, and settings at the leaves. Keys are marked in the
// schema: `.meta({ secret: true })` allows `<key>_file`, `.meta({ path: true })` makes it relative
// to the configuration file.

import { z } from 'zod';

type Mark = 'secret' | 'path' | 'holds';

/** A setting with a value, as opposed to a block. */
export interface SchemaSetting {
  path: string[];
  schema: z.ZodType;
}

/** The schema without defaults, optionality and transforms. */
export function unwrap(schema: z.ZodType): z.ZodType {
  const inner = unwrapOnce(schema);
  return inner ? unwrap(inner) : schema;
}

export function hasMark(schema: z.ZodType, mark: Mark): boolean {
  if ((schema.meta()?.[mark] ?? false) !== false) return true;
  const inner = unwrapOnce(schema);
  return inner !== undefined && hasMark(inner, mark);
}

/** Every key of a block, including `_file` variants. */
export function knownKeys(block: z.ZodObject): string[] {
  return entries(block).flatMap(([key, schema]) => (hasMark(schema, 'secret') ? [key, `${key}_file`] : [key]));
}

/** The settings of a block and its nested blocks. */
export function schemaSettings(block: z.ZodObject, path: string[] = []): SchemaSetting[] {
  return entries(block).flatMap(([key, schema]) => {
    const inner = unwrap(schema);
    return inner instanceof z.ZodObject ? schemaSettings(inner, [...path, key]) : [{ path: [...path, key], schema }];
  });
}

/** The schemas of a block's keys. */
export function entries(block: z.ZodObject): [string, z.ZodType][] {
  return Object.entries(block.shape).filter((entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType);
}

/** The default of an absent setting. */
export function defaultOf(schema: z.ZodType): unknown {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault ? schema.def.defaultValue : undefined;
}

function unwrapOnce(schema: z.ZodType): z.ZodType | undefined {
  const inner =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly
      ? schema.unwrap()
      : schema instanceof z.ZodPipe
        ? schema.in
        : undefined;
  return inner instanceof z.ZodType ? inner : undefined;
}

/** Whether the data is an object. */
export function isBlock(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
