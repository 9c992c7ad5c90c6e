// The actor of a change: permissions beyond the route's guard, and the audit event's fields.
import type { Profile } from '../domain/authorization_request.ts';
import { AuthError } from '../domain/errors.ts';
import { API_SCOPES } from '../domain/scope.ts';
import { ADMIN_GROUP, type User } from '../domain/user.ts';
import type { Caller } from '../tokens/bearer.ts';

/** When and how the actor logged in. */
export interface LoginProof {
  auth_time: Date;
  /** Authentication methods (RFC 8176); empty if nothing was proven. */
  amr: readonly string[];
  /** Whether a person logged in; a long-lived token is valid for years and proves no login. */
  is_login: boolean;
  /** The token's profile; absent for a browser session. */
  profile?: Profile;
  /** Whether the token's scopes leave out rights that its user has as an administrator. */
  is_limited?: boolean;
}

export interface Actor {
  /** Null: the operator at the command line, who acts as the owner. */
  user_id: string | null;
  is_owner: boolean;
  is_admin: boolean;
  remote_address: string | null;
  /** Absent: no login, so no change that needs a fresh one; see fresh_login.ts. */
  login?: LoginProof;
}

/** The operator at the command line, who may do everything. */
export const OPERATOR: Actor = { user_id: null, is_owner: true, is_admin: true, remote_address: null };

/** A standard token has administrative rights only with the scope for them. */
export function actorOf({ user, is_admin, auth_time, amr, token_type, profile, scope }: Caller, remote_address: string): Actor {
  const may_administer = profile !== 'standard' || scope.includes(API_SCOPES.admin);
  const login = { auth_time, amr, is_login: token_type === 'normal', profile, is_limited: is_admin && !may_administer };
  return { user_id: user.id, is_owner: user.is_owner && may_administer, is_admin: is_admin && may_administer, remote_address, login };
}

/** The actor fields of an audit event. */
export function auditActor({ user_id, remote_address }: Actor): {
  outcome: 'done';
  actor_user_id: string | null;
  remote_address: string | null;
} {
  return { outcome: 'done', actor_user_id: user_id, remote_address };
}

/** Throws `unauthorized` unless the actor is the owner. */
export function requireOwner({ is_owner }: Actor): void {
  if (!is_owner) throw new AuthError('unauthorized', { detail: 'only owner' });
}

/** Who approves new users besides the owner. */
export type ApprovalsBy = 'owner' | 'administrators';

export function requireApprover(actor: Actor, approvals_by: ApprovalsBy): void {
  if (!(approvals_by === 'administrators' && actor.is_admin)) requireOwner(actor);
}

/**
 * The one rule for the owner's account: only the owner changes it; throws `cannot_modify_owner`
 * (409). Call it with the locked row, as ownership may have changed since authentication.
 */
export function protectOwner({ user_id }: Pick<Actor, 'user_id'>, target: Pick<User, 'id' | 'is_owner'>): void {
  if (!target.is_owner || user_id === null || user_id === target.id) return;
  throw ownerProtectedError();
}

/**
 * The one rule for what gives access to an administrator's account (logins, e-mail address,
 * groups): only the owner changes it; throws `unauthorized` (403). Call it with groups read after
 * locking the user.
 */
export function protectAdministrator(actor: Actor, { group_ids }: { group_ids: readonly string[] }): void {
  if (group_ids.includes(ADMIN_GROUP)) requireOwner(actor);
}

export function ownerProtectedError(): AuthError {
  return new AuthError('cannot_modify_owner', 'Only the owner can change the owner');
}
