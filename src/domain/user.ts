// Users: people and machines; who is an administrator, who may authenticate, and how usernames
// compare.
import { foldCase, hasInvisible, pythonStrip } from './text.ts';

/** A user as stored. */
export interface User {
  /** 32 hexadecimal characters. */
  id: string;
  name: string | null;
  /** The first user, who passes every permission check. There is exactly one. */
  is_owner: boolean;
  is_active: boolean;
  /** Created by a login and not yet approved. */
  is_pending: boolean;
  /** A machine account, which never logs in. */
  system_generated: boolean;
  /** May authenticate only from local addresses. */
  local_only: boolean;
  created_at: Date;
}

/** The group whose active members are administrators. */
export const ADMIN_GROUP = 'system-admin';

/**
 * Whether the user is an administrator: the owner always, others while active (HA contract 2.1).
 */
export function isAdmin(user: Pick<User, 'is_owner' | 'is_active'>, group_ids: readonly string[]): boolean {
  return user.is_owner || (user.is_active && group_ids.includes(ADMIN_GROUP));
}

/** Maximum length of a username. */
const MAX_USERNAME_LENGTH = 256;

/** The stored and compared form of local usernames: trimmed and case-folded, inner spaces kept. */
export function normaliseUsername(text: string): string {
  return foldCase(pythonStrip(text));
}

export function isNormalisedUsername(text: string): boolean {
  return normaliseUsername(text) === text;
}

/** Why a text cannot be a username; null if it can. */
export function usernameComplaint(text: string): string | null {
  if (pythonStrip(text) === '') return 'Username must not be empty';
  if (text.length > MAX_USERNAME_LENGTH) return `Username must not be longer than ${MAX_USERNAME_LENGTH} characters`;
  // NUL cannot be stored, a lone surrogate would change, and line ends forge log lines.
  if (/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text)) return 'Username must not contain control characters';
  return null;
}

/** Why a text cannot become a new username; existing names with invisible characters still work. */
export function newUsernameIssue(text: string): string | null {
  return usernameComplaint(text) ?? (hasInvisible(text) ? 'Username must not contain invisible characters' : null);
}
