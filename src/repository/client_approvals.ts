// Approval of clients that registered without a token: columns of the table `clients`.
import { type Kysely, type SqlBool, sql } from 'kysely';
import type { ClientApproval } from '../domain/client.ts';
import type { Database } from '../postgres/database.ts';
import type { Schema } from '../postgres/schema.ts';
import { CLIENT_ROW, type RegisteredClient } from './clients.ts';

/** Maximum waiting clients: everybody who can log in can add one. */
const MAX_PENDING = 1000;

export type ClientApprovalRepository = ReturnType<typeof createClientApprovalRepository>;

/** A client that waits, and since when. */
export interface WaitingClient extends RegisteredClient {
  approval_since: Date;
}

export function createClientApprovalRepository({ kysely }: Pick<Database, 'kysely'>) {
  async function change(
    db: Kysely<Schema>,
    from: readonly ClientApproval[],
    { client_id, approval, now }: { client_id: string; approval: ClientApproval; now: Date },
    has_room = sql<SqlBool>`true`,
  ): Promise<boolean> {
    const changed = await db
      .updateTable('clients')
      .set({ approval, approval_since: now })
      .where('client_id', '=', client_id)
      .where('is_enabled', '=', true)
      .where('approval', 'in', from)
      .where(has_room)
      .returning('client_id')
      .executeTakeFirst();
    return changed !== undefined;
  }

  return {
    /**
     * Asks the owner about a client that somebody has logged in to reach. False if that was done
     * before, or too many are waiting.
     */
    ask({ client_id, now }: { client_id: string; now: Date }): Promise<boolean> {
      const has_room = sql<SqlBool>`(select count(*) from clients w where w.approval = 'pending') < ${sql.lit(MAX_PENDING)}`;
      return change(kysely, ['new'], { client_id, approval: 'pending', now }, has_room);
    },

    /** Asks again about an approved client whose metadata changed. */
    askAgain: (trx: Kysely<Schema>, { client_id, now }: { client_id: string; now: Date }): Promise<boolean> =>
      change(trx, ['approved'], { client_id, approval: 'pending', now }),

    /** Decisions can be changed. False for a client that needs none. */
    decide: (trx: Kysely<Schema>, decision: { client_id: string; approval: 'approved' | 'refused'; now: Date }): Promise<boolean> =>
      change(trx, ['new', 'pending', 'approved', 'refused'], decision),

    /**
     * Takes back the registration of an unapproved client; the row stays for a day and counts
     * against its network's limit. False for other clients.
     */
    async retire(trx: Kysely<Schema>, { client_id, now }: { client_id: string; now: Date }): Promise<boolean> {
      const retired = await trx
        .updateTable('clients')
        .set({ approval: 'new', approval_since: now, is_enabled: false })
        .where('client_id', '=', client_id)
        .where('approval', 'in', ['new', 'pending'])
        .returning('client_id')
        .executeTakeFirst();
      return retired !== undefined;
    },

    /** Waiting clients, those that have waited longest first. */
    pending: (limit: number): Promise<WaitingClient[]> =>
      kysely
        .selectFrom('clients')
        .select(CLIENT_ROW)
        .select(sql<Date>`approval_since`.as('approval_since'))
        .where('approval', '=', 'pending')
        .where('is_enabled', '=', true)
        .orderBy('approval_since')
        .orderBy('client_id')
        .limit(limit)
        .execute(),
  };
}
