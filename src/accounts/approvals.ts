// Approvals of new people and unregistered apps.
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import { MAX_PAGE } from '../domain/pagination.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { ClientRepository } from '../repository/clients.ts';
import type { UrlClient, UrlClientRepository } from '../repository/url_clients.ts';
import type { UserListEntry, UserRepository } from '../repository/users.ts';
import { type Actor, type ApprovalsBy, auditActor, ownerProtectedError, requireApprover } from './actor.ts';
import { suggestUsername } from './profiles.ts';

export interface ApprovalsDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'pending'>;
  urlClients: Pick<UrlClientRepository, 'pending' | 'decide'>;
  clients: Pick<ClientRepository, 'removeGrants'>;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
  approvals_by: ApprovalsBy;
}

export interface UrlClientDecision {
  client_id: string;
  status: 'approved' | 'refused';
  /** Hash of the metadata seen at the decision; null: any. */
  metadata_hash: string | null;
}

export type Approvals = ReturnType<typeof createApprovals>;

export function createApprovals({ database, users, urlClients, clients, audit, clock, approvals_by }: ApprovalsDeps) {
  return {
    /** The oldest first. */
    async pending(): Promise<{ users: (UserListEntry & { suggested_username: string | null })[]; url_clients: UrlClient[] }> {
      const [pending_users, url_clients] = await Promise.all([users.pending(MAX_PAGE), urlClients.pending(MAX_PAGE)]);
      return { users: pending_users.map((user) => ({ ...user, suggested_username: suggestUsername(user) })), url_clients };
    },

    /** Approves a URL client, or blocks it permanently; blocking revokes what it was granted. */
    async decide({ client_id, status, metadata_hash }: UrlClientDecision, actor: Actor): Promise<void> {
      requireApprover(actor, approvals_by);
      await database.transaction(async (trx) => {
        if (!(await urlClients.decide(trx, { client_id, metadata_hash, status, now: clock() })))
          throw new AuthError('not_found', 'No such client has asked, or it says something else of itself by now');
        if (status === 'refused') {
          const { of_owner } = await clients.removeGrants(trx, client_id);
          if (of_owner && !actor.is_owner) throw ownerProtectedError();
        }
        await audit.insert(trx, { type: `url_client.${status}`, ...auditActor(actor), client_id });
      });
    },
  };
}
