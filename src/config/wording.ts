// Validates a value and words the issues so that an operator can act on them. A schema's own
// messages take precedence.

import { z } from 'zod';
import { type ConfigPath, didYouMean, type ReportIssue } from './issues.ts';
import { knownKeys, unwrap } from './shape.ts';

const KINDS: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of settings',
  record: 'a block of settings',
};

/** The validated value, or undefined after reporting every issue. */
export function check<Schema extends z.ZodObject>(
  schema: Schema,
  value: unknown,
  path: ConfigPath,
  complain: ReportIssue,
): z.output<Schema> | undefined {
  const result = schema.safeParse(value, { error: wording });
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const at = [...path, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))];
    if (issue.code !== 'unrecognized_keys') complain(at, issue.message);
    else for (const key of issue.keys) complain([...at, key], unknownSetting(key, blockAt(schema, issue.path)));
  }
  return undefined;
}

/** `unknown setting; did you mean "public_url"?` */
function unknownSetting(key: string, block: z.ZodType): string {
  return `unknown setting${block instanceof z.ZodObject ? didYouMean(key, knownKeys(block)) : ''}`;
}

function blockAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType {
  return path.reduce<z.ZodType>((block, key) => {
    const next = block instanceof z.ZodObject ? block.shape[String(key)] : block instanceof z.ZodArray ? block.element : undefined;
    return next instanceof z.ZodType ? unwrap(next) : z.never();
  }, unwrap(schema));
}

const wording: z.core.$ZodErrorMap = (issue) => {
  if (issue.input === undefined && issue.code !== 'custom') return 'is required';
  if (issue.code === 'invalid_type') return `must be ${KINDS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return oneOf(issue.values.map(String), issue.input);
  if (issue.code === 'too_small') return tooSmall(issue.origin, Number(issue.minimum));
  if (issue.code === 'too_big') return `must ${amount(issue.origin, 'at most', Number(issue.maximum))}`;
  if (issue.code === 'invalid_key') return issue.issues[0]?.message;
  if (issue.code === 'invalid_union') return 'has a form that is not allowed here';
  if (issue.code === 'invalid_format') return `must be a valid ${issue.format}`;
  return undefined;
};

function oneOf(values: string[], input: unknown): string {
  const list = values.length === 1 ? `${values[0]}` : `one of ${values.join(', ')}`;
  return `must be ${list}${typeof input === 'string' ? didYouMean(input, values) : ''}`;
}

function tooSmall(origin: string, minimum: number): string {
  return minimum === 1 && (origin === 'string' || origin === 'array') ? 'must not be empty' : `must ${amount(origin, 'at least', minimum)}`;
}

function amount(origin: string, bound: string, count: number): string {
  if (origin === 'string') return `have ${bound} ${count} characters`;
  if (origin === 'array') return `have ${bound} ${count} entries`;
  return `be ${bound} ${count}`;
}
