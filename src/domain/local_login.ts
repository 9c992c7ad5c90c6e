// What the name and the password of a new local login must be like. Both are stored in Unicode form NFC; a password is neither trimmed nor cut.
import { COMMON_PASSWORDS } from './common_passwords.ts';
import { AuthError } from './errors.ts';
import { foldedUsername, isLikeAnId } from './profile.ts';
import { isNormalisedUsername, newUsernameIssue, normaliseUsername } from './user.ts';

/** Most characters of a password; hashing a longer one would be work for nothing. */
export const MAX_PASSWORD_LENGTH = 1024;

/** Refuses a name that cannot be given to a login, in Home Assistant's words (HA contract 6.1). */
export function requireNewUsername(username: string): void {
  const complaint = newUsernameIssue(username);
  if (complaint !== null) throw new AuthError('invalid_format', complaint);
  if (isNormalisedUsername(username)) return;
  throw new AuthError(
    'username_not_normalized',
    `Username "${username}" is not normalized. Please make sure the username is lowercase and does not contain any whitespace.`,
  );
}

/** The form in which a new username is stored. Throws `invalid_format`. */
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

/** The form in which a new password is hashed. */
export function newPassword(text: string): string {
  return text.normalize('NFC');
}

/** Refuses a password that is not worth having. `minimum_length` counts characters as people see them typed, not bytes. */
export function requireNewPassword(password: string, { username, minimum_length }: { username: string; minimum_length: number }): void {
  const complaint = passwordComplaint(password, username, minimum_length);
  if (complaint !== null) throw new AuthError('invalid_password', complaint);
}

function passwordComplaint(password: string, username: string, minimum_length: number): string | null {
  if (password.length > MAX_PASSWORD_LENGTH) return `Password must not be longer than ${MAX_PASSWORD_LENGTH} characters`;
  if ([...password].length < minimum_length) return `Password must have at least ${minimum_length} characters`;
  // Login forms do not carry these two, so nobody could ever type it.
  if (password.includes('\0') || !password.isWellFormed()) return 'Password must be text';
  if (normaliseUsername(password) === normaliseUsername(username)) return 'Password must not be the username';
  if (COMMON_PASSWORDS.has(password.toLowerCase())) return 'Password is one of the most common ones';
  return null;
}
