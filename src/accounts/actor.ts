// Who asks for a change: what they may do beyond the route's guard, and what the audit event says of them.
import { AuthError } from '../domain/errors.ts';
import type { User } from '../domain/user.ts';
import type { Caller } from '../tokens/bearer.ts';

export interface Actor {
  /** Null: the operator, at the command line. */
  user_id: string | null;
  is_owner: boolean;
  is_admin: boolean;
  remote_address: string | null;
}

/** Whoever can run the command line may do everything. */
export const OPERATOR: Actor = { user_id: null, is_owner: true, is_admin: true, remote_address: null };

export function actorOf({ user, is_admin }: Caller, remote_address: string): Actor {
  return { user_id: user.id, is_owner: user.is_owner, is_admin, remote_address };
}

/** The part of an audit event that says who did it. */
export function doneBy({ user_id, remote_address }: Actor): {
  outcome: 'done';
  actor_user_id: string | null;
  remote_address: string | null;
} {
  return { outcome: 'done', actor_user_id: user_id, remote_address };
}

/** Refuses whoever is not the owner. */
export function requireOwner({ is_owner }: Actor): void {
  if (!is_owner) throw new AuthError('unauthorized', 'Unauthorized', { detail: 'only owner' });
}

/** Who lets new users in, beside the owner. */
export type ApprovalsBy = 'owner' | 'administrators';

export function requireApprover(actor: Actor, approvals_by: ApprovalsBy): void {
  if (!(approvals_by === 'administrators' && actor.is_admin)) requireOwner(actor);
}

/** Nobody but the owner changes how the owner logs in: an administrator could take over everything. */
export function requireOwnerForOwner(actor: Actor, user: Pick<User, 'is_owner'>): void {
  if (user.is_owner) requireOwner(actor);
}
