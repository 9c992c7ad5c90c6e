// Approvals of new people and unregistered apps.
import { metadataHash, shownMetadata } from '../domain/client_approval.ts';
import { registeredId } from '../domain/client_metadata.ts';
import type { Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { JsonObject } from '../domain/json.ts';
import { MAX_PAGE } from '../domain/pagination.ts';
import type { Database } from '../postgres/database.ts';
import type { AuditEvents } from '../repository/audit_events.ts';
import type { ClientApprovalRepository } from '../repository/client_approvals.ts';
import { type ClientRepository, selfRegistered } from '../repository/clients.ts';
import type { UrlClientRepository } from '../repository/url_clients.ts';
import type { UserListEntry, UserRepository } from '../repository/users.ts';
import { type Actor, type ApprovalsBy, auditActor, ownerProtectedError, requireApprover } from './actor.ts';
import { suggestUsername } from './profiles.ts';

export interface ApprovalsDeps {
  database: Pick<Database, 'transaction'>;
  users: Pick<UserRepository, 'pending'>;
  urlClients: Pick<UrlClientRepository, 'pending' | 'decide'>;
  clients: Pick<ClientRepository, 'get' | 'removeGrants'>;
  clientApprovals: Pick<ClientApprovalRepository, 'pending' | 'decide'>;
  audit: Pick<AuditEvents, 'insert'>;
  clock: Clock;
  approvals_by: ApprovalsBy;
}

/** An app that waits: named by a URL, or registered by itself. */
export interface WaitingApp {
  client_id: string;
  metadata: JsonObject;
  /** Of the metadata. */
  metadata_hash: string;
  /** Since when it waits. */
  created_at: Date;
}

export interface AppDecision {
  client_id: string;
  status: 'approved' | 'refused';
  /** Hash of the metadata seen at the decision; null: any. */
  metadata_hash: string | null;
}

type Transaction = Parameters<ClientRepository['insert']>[0];

export type Approvals = ReturnType<typeof createApprovals>;

interface Waiting {
  users: (UserListEntry & { suggested_username: string | null })[];
  /** Apps that name themselves by a URL. */
  url_clients: WaitingApp[];
  /** Apps that registered themselves. */
  clients: WaitingApp[];
}

export function createApprovals(deps: ApprovalsDeps) {
  const { database, users, urlClients, clients, clientApprovals, audit, clock, approvals_by } = deps;

  async function waitingClients(): Promise<WaitingApp[]> {
    return (await clientApprovals.pending(MAX_PAGE)).map(({ approval_since: created_at, ...row }) => {
      const client = selfRegistered(row);
      return { client_id: row.client_id, metadata: shownMetadata(client), metadata_hash: metadataHash(client).toString('hex'), created_at };
    });
  }

  /** False for an unknown client, one that needs no approval, or if its metadata has changed. */
  async function decideRegistered(trx: Transaction, { client_id, metadata_hash, status }: AppDecision): Promise<boolean> {
    const row = await clients.get(client_id, trx);
    if (row?.managed_by !== 'registration') return false;
    if (metadata_hash !== null && metadataHash(selfRegistered(row)).toString('hex') !== metadata_hash) return false;
    return await clientApprovals.decide(trx, { client_id, approval: status, now: clock() });
  }

  return {
    /** The oldest first. */
    async pending(): Promise<Waiting> {
      const [pending_users, url_clients, waiting] = await Promise.all([
        users.pending(MAX_PAGE),
        urlClients.pending(MAX_PAGE),
        waitingClients(),
      ]);
      return {
        users: pending_users.map((user) => ({ ...user, suggested_username: suggestUsername(user) })),
        url_clients,
        clients: waiting,
      };
    },

    /** Approves an app, or blocks it; blocking revokes what it was granted. */
    async decide(decision: AppDecision, actor: Actor): Promise<void> {
      requireApprover(actor, approvals_by);
      await database.transaction(async (trx) => {
        const { client_id, status } = decision;
        const is_registered = registeredId.safeParse(client_id).success;
        const is_decided = await (is_registered ? decideRegistered(trx, decision) : urlClients.decide(trx, { ...decision, now: clock() }));
        if (!is_decided) throw new AuthError('not_found', 'No such client has asked, or it says something else of itself by now');
        if (status === 'refused') {
          const { of_owner } = await clients.removeGrants(trx, client_id);
          if (of_owner && !actor.is_owner) throw ownerProtectedError();
        }
        await audit.insert(trx, { type: `${is_registered ? 'client' : 'url_client'}.${status}`, ...auditActor(actor), client_id });
      });
    },
  };
}
