// Display names of users and tokens.
import { AuthError } from '../domain/errors.ts';
import { pythonStrip } from '../domain/text.ts';

const MAX_NAME_LENGTH = 256;

/** The trimmed name. Throws `invalid_format` unless it has 1 to 256 characters on one line. */
export function requireName(name: string, what = 'Name'): string {
  const stripped = pythonStrip(name);
  if (stripped === '') throw new AuthError('invalid_format', `${what} must not be empty`);
  if (stripped.length > MAX_NAME_LENGTH)
    throw new AuthError('invalid_format', `${what} must not be longer than ${MAX_NAME_LENGTH} characters`);
  if (/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(stripped)) throw new AuthError('invalid_format', `${what} must not contain control characters`);
  return stripped;
}
