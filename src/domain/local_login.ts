// Requirements on usernames and passwords of local logins. Both are stored in Unicode form NFC;
// passwords are neither trimmed nor truncated.
import { COMMON_PASSWORDS } from './common_passwords.ts';
import { AuthError } from './errors.ts';
import { foldedUsername, isLikeAnId } from './profile.ts';
import { isNormalisedUsername, newUsernameIssue, normaliseUsername } from './user.ts';

/** The maximum length of a password, which bounds the cost of hashing. */
export const MAX_PASSWORD_LENGTH = 1024;

/** Refuses an unsuitable username, with Home Assistant's texts (HA contract 6.1). */
export function requireNewUsername(username: string): void {
  const complaint = newUsernameIssue(username);
  if (complaint !== null) throw new AuthError('invalid_format', complaint);
  if (isNormalisedUsername(username)) return;
  throw new AuthError(
    'username_not_normalized',
    `Username "${username}" is not normalized. Please make sure the username is lowercase and does not contain any whitespace.`,
  );
}

/** Normalizes a new username for storage. Throws `invalid_format`. */
export function newUsername(text: string): string {
  const complaint = newUsernameIssue(text);
  if (complaint !== null) throw new AuthError('invalid_format', complaint);
  const username = foldedUsername(text);
  if (isLikeAnId(username)) throw new AuthError('invalid_format', 'Username must not look like the id of a user');
  return username;
}

export function usernameRetired(username: string): AuthError {
  return new AuthError('username_retired', `Username "${username}" belonged to another person: apps may still know them by it`);
}

export function usernameTaken(username: string): AuthError {
  return new AuthError('username_already_exists', `Username "${username}" already exists`);
}

/** Normalizes a new password for hashing. */
export function newPassword(text: string): string {
  return text.normalize('NFC');
}

/** Refuses a weak password. `minimum_length` counts visible characters, not bytes. */
export function requireNewPassword(password: string, { username, minimum_length }: { username: string; minimum_length: number }): void {
  const complaint = passwordComplaint(password, username, minimum_length);
  if (complaint !== null) throw new AuthError('invalid_password', complaint);
}

function passwordComplaint(password: string, username: string, minimum_length: number): string | null {
  if (password.length > MAX_PASSWORD_LENGTH) return `Password must not be longer than ${MAX_PASSWORD_LENGTH} characters`;
  if ([...password].length < minimum_length) return `Password must have at least ${minimum_length} characters`;
  // Login forms cannot transmit these, so the password could never be entered.
  if (password.includes('\0') || !password.isWellFormed()) return 'Password must be text';
  if (normaliseUsername(password) === normaliseUsername(username)) return 'Password must not be the username';
  if (COMMON_PASSWORDS.has(password.toLowerCase())) return 'Password is one of the most common ones';
  return null;
}
