// Looks into a schema: which keys it knows, which of them are secrets or paths, and the settings at its leaves.
// A key is marked in the schema itself: `.meta({ secret: true })` lets `<key>_file` stand in for it, `.meta({ path: true })` makes it relative to the config file.

import { z } from 'zod';

type Mark = 'secret' | 'path' | 'holds';

/** A setting that holds a value, not a block of further settings. */
export interface SchemaSetting {
  path: string[];
  schema: z.ZodType;
}

/** The schema without its default, optionality and what comes after reading. */
export function unwrap(schema: z.ZodType): z.ZodType {
  const inner = unwrapOnce(schema);
  return inner ? unwrap(inner) : schema;
}

export function hasMark(schema: z.ZodType, mark: Mark): boolean {
  if ((schema.meta()?.[mark] ?? false) !== false) return true;
  const inner = unwrapOnce(schema);
  return inner !== undefined && hasMark(inner, mark);
}

/** Every key a block may hold, the `_file` spelling of its secrets included. */
export function knownKeys(block: z.ZodObject): string[] {
  return entries(block).flatMap(([key, schema]) => (hasMark(schema, 'secret') ? [key, `${key}_file`] : [key]));
}

/** The settings of a block and of the blocks within it. */
export function schemaSettings(block: z.ZodObject, path: string[] = []): SchemaSetting[] {
  return entries(block).flatMap(([key, schema]) => {
    const inner = unwrap(schema);
    return inner instanceof z.ZodObject ? schemaSettings(inner, [...path, key]) : [{ path: [...path, key], schema }];
  });
}

/** The schema of a block's keys, one by one. */
export function entries(block: z.ZodObject): [string, z.ZodType][] {
  return Object.entries(block.shape).filter((entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType);
}

/** What stands for a setting that is not given. */
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

/** Whether the data is a block: keys and their values. */
export function isBlock(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
