// A user: a person or a machine. Who is an administrator, who may authenticate now, and how the name of a login is compared.
import { isLocalAddress, parseAddress } from './network.ts';
import { foldCase, hasInvisible, pythonStrip } from './text.ts';

/** A user as the row shows it. */
export interface User {
  /** 32 hexadecimal characters. */
  id: string;
  name: string | null;
  /** The first user; above all policies. There is exactly one. */
  is_owner: boolean;
  is_active: boolean;
  /** Made by a login and not yet approved. */
  is_pending: boolean;
  /** A machine account; it never logs in. */
  system_generated: boolean;
  /** May authenticate from a local address only. */
  local_only: boolean;
  created_at: Date;
}

/** The group whose active members are administrators. */
export const ADMIN_GROUP = 'system-admin';

/** Whether the user is an administrator: the owner always, others while they are active (HA contract 2.1). */
export function isAdmin(user: Pick<User, 'is_owner' | 'is_active'>, group_ids: readonly string[]): boolean {
  return user.is_owner || (user.is_active && group_ids.includes(ADMIN_GROUP));
}

/** Why this user may not authenticate from this address (null: no request at hand), in Home Assistant's words; null means they may (HA contract 10). */
export function refusalToAuthenticate(user: Pick<User, 'is_active' | 'local_only'>, address: string | null): string | null {
  if (!user.is_active) return 'User is not active';
  if (!user.local_only) return null;
  if (address === null) return 'No request available to validate local access';
  if (!parseAddress(address)) return 'Invalid remote IP';
  return isLocalAddress(address) ? null : 'User cannot authenticate remotely';
}

/** Most characters a user name may have. */
const MAX_USERNAME_LENGTH = 256;

/** The form in which names of local logins are stored and compared: stripped and case-folded. Inner blanks stay. */
export function normaliseUsername(text: string): string {
  return foldCase(pythonStrip(text));
}

export function isNormalisedUsername(text: string): boolean {
  return normaliseUsername(text) === text;
}

/** What keeps a text from being a user name, whatever its case; null if nothing does. */
export function usernameComplaint(text: string): string | null {
  if (pythonStrip(text) === '') return 'Username must not be empty';
  if (text.length > MAX_USERNAME_LENGTH) return `Username must not be longer than ${MAX_USERNAME_LENGTH} characters`;
  // NUL cannot be stored, a lone surrogate would be stored as another text, and line ends forge log lines.
  if (/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text)) return 'Username must not contain control characters';
  return null;
}

/** What keeps a text from being given to somebody as a username. A login by an older name is not refused for invisible characters. */
export function newUsernameIssue(text: string): string | null {
  return usernameComplaint(text) ?? (hasInvisible(text) ? 'Username must not contain invisible characters' : null);
}
