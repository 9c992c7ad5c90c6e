// Error texts in the form that clients may receive.

import type { z } from 'zod';

/**
 * Restricts a text to RFC 6749 section 5.2's alphabet: double quotes become single ones, other
 * characters question marks.
 */
export function errorDescription(text: string): string {
  return text.replaceAll('"', "'").replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?');
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  never: 'left out',
};

/**
 * Messages for invalid metadata, passed to `safeParse` as `error`; a schema's own message takes
 * precedence.
 */
export const metadataWording: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'custom') return undefined;
  if (issue.input === undefined) return 'is required';
  if (issue.code === 'invalid_type') return `must be ${KINDS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
  if (issue.code === 'too_small') return Number(issue.minimum) === 1 ? 'must not be empty' : `must be at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}${sizeOf(issue.origin)}`;
  if (issue.code === 'invalid_key') return issue.issues[0]?.message;
  return 'has a form that is not allowed';
};

function sizeOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' entries long' : '';
}
