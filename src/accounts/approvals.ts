// Who and what waits to be let in: people that logged in for the first time, and apps that nobody registered. Decided by whoever lets new users in.
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
  /** What was seen of it; null: whatever it says now. */
  metadata_hash: string | null;
}

export type Approvals = ReturnType<typeof createApprovals>;

export function createApprovals({ database, users, urlClients, clients, audit, clock, approvals_by }: ApprovalsDeps) {
  return {
    /** Those that wait the longest. */
    async pending(): Promise<{ users: (UserListEntry & { suggested_username: string | null })[]; url_clients: UrlClient[] }> {
      const [pending_users, url_clients] = await Promise.all([users.pending(MAX_PAGE), urlClients.pending(MAX_PAGE)]);
      return { users: pending_users.map((user) => ({ ...user, suggested_username: suggestUsername(user) })), url_clients };
    },

    /** Lets a URL client in, or keeps it out for good; one that was in loses what it was granted. */
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
