// Validates input; the first issue is worded like voluptuous, as Home Assistant's clients expect
// (HA contract 1.1).

import type { z } from 'zod';
import { AuthError } from '../../domain/errors.ts';

/** The parsed input, or `invalid_format`. */
export function validate<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new AuthError('invalid_format', `Message format incorrect: ${complaintOf(result.error, input)}`);
}

/** The first issue in voluptuous' words. */
export function complaintOf({ issues: [issue] }: z.ZodError, input: unknown): string {
  return issue ? wordsOf(issue, input) : 'invalid';
}

type Issue = z.core.$ZodIssue;

const PYTHON_TYPES: Readonly<Record<string, string>> = {
  string: 'str',
  number: 'float',
  int: 'int',
  boolean: 'bool',
  array: 'list',
  tuple: 'list',
  object: 'dict',
};

function wordsOf(issue: Issue, input: unknown): string {
  if (issue.path.length === 0 && issue.code === 'invalid_type') return 'expected a dictionary';
  if (issue.code === 'unrecognized_keys') return `extra keys not allowed @ ${placeOf([...issue.path, issue.keys[0] ?? ''])}`;
  const place = placeOf(issue.path);
  if (valueAt(input, issue.path) === undefined) return `required key not provided @ ${place}`;
  if (issue.code === 'invalid_type') return `expected ${PYTHON_TYPES[issue.expected] ?? issue.expected} for dictionary value @ ${place}`;
  return `not a valid value for dictionary value @ ${place}`;
}

/** `data['a'][0]`; names are the client's own and cut. */
function placeOf(path: readonly PropertyKey[]): string {
  return `data${path.map((step) => (typeof step === 'number' ? `[${step}]` : `['${String(step).slice(0, 64)}']`)).join('')}`;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => (typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined), input);
}
