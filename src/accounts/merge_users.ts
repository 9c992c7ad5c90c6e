// Merges a user who waits for approval into an existing user of the same person: the logins move,
// and the waiting user is deleted.
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { User } from '../domain/user.ts';
import { violatesConstraint } from '../postgres/constraint.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { CredentialRepository } from '../repository/credentials.ts';
import type { UserListEntry, UserRepository } from '../repository/users.ts';
import { type Actor, type ApprovalsBy, auditActor, protectAdministrator, protectOwner, requireApprover } from './actor.ts';
import type { FreshLogin } from './fresh_login.ts';

export interface MergeUsersDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'find' | 'lock' | 'remove'>;
  credentials: Pick<CredentialRepository, 'moveAll'>;
  audit: Pick<AuditEvents, 'insert'>;
  freshLogin: FreshLogin;
  clock: Clock;
  approvals_by: ApprovalsBy;
}

export type MergeUsers = ReturnType<typeof createMergeUsers>;

export function createMergeUsers({ database, users, credentials, freshLogin, audit, clock, approvals_by }: MergeUsersDeps) {
  type Transaction = Parameters<typeof users.lock>[0];

  /** Locks both in the order of their ids, which avoids deadlocks. */
  async function lockBoth(trx: Transaction, id: string, into_id: string): Promise<{ waiting: User; into: User }> {
    const found = new Map<string, User>();
    for (const one of [id, into_id].sort()) found.set(one, (await users.lock(trx, one)) ?? notFound());
    return { waiting: found.get(id) ?? notFound(), into: found.get(into_id) ?? notFound() };
  }

  async function merge(trx: Transaction, id: string, into_id: string, actor: Actor): Promise<UserListEntry> {
    const { waiting, into } = await lockBoth(trx, id, into_id);
    protectOwner(actor, waiting);
    protectOwner(actor, into);
    protectAdministrator(actor, (await users.find(into_id, trx)) ?? notFound());
    if (!waiting.is_pending) throw new AuthError('not_pending', 'User is not waiting for approval');
    if (into.system_generated) throw new AuthError('system_generated', 'Cannot add credentials to a system generated user.');
    if (into.is_pending) throw new AuthError('conflict', 'User is waiting for approval');
    const moved = await credentials.moveAll(trx, id, into_id);
    await users.remove(trx, id, clock());
    const logins = moved.map(({ auth_provider_type, auth_provider_id, subject }) => ({ auth_provider_type, auth_provider_id, subject }));
    const detail = { merged_user_id: id, name: waiting.name, credentials: logins };
    await audit.insert(trx, { type: 'user.merged', ...auditActor(actor), target_user_id: into_id, detail });
    return (await users.find(into_id, trx)) ?? notFound();
  }

  return {
    /** Moves every login of a waiting user to another user, and deletes the former. */
    async approveInto(id: string, into_id: string, actor: Actor): Promise<UserListEntry> {
      requireApprover(actor, approvals_by);
      await freshLogin.require(actor);
      try {
        return await database.transaction((trx) => merge(trx, id, into_id, actor));
      } catch (error) {
        if (!violatesConstraint(error, 'credentials_one_per_provider')) throw error;
        throw new AuthError('credential_exists', 'User already has a login of that provider');
      }
    },
  };
}

function notFound(): never {
  throw new AuthError('not_found', 'User not found');
}
